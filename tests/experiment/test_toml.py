import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ablate.errors import SpecError
from ablate.experiment.activations import ACTIVATIONS
from ablate.experiment.spec import build
from ablate.experiment.toml import read_toml, to_toml

EXPERIMENTS = st.fixed_dictionaries(
    {},
    optional={
        "activation": st.lists(st.sampled_from(sorted(ACTIVATIONS)), min_size=1, max_size=4, unique=True),
        "norm": st.lists(st.sampled_from(["off", "batch", "batch-post"]), min_size=1, unique=True),
        "dropout": st.sampled_from(["0", "0,0.2/0.5", "0.123456789012"]),
        "hidden": st.sampled_from(["100/50", "8/4,16/8"]),
        "seeds": st.sampled_from(["5", "1,7", "3-3"]),
        "learning_rate": st.sampled_from(["auto", 0.1, "0.01,auto"]),
        "epochs": st.integers(1, 9),
    },
)


@given(EXPERIMENTS)
def test_toml_holds_the_whole_experiment(settings):
    experiment = build(settings)
    assert build(tomllib.loads(to_toml(experiment))) == experiment


@pytest.mark.parametrize("content", [None, "epochs = ", "\xff"])
def test_a_file_that_is_no_toml_is_named(tmp_path, content):
    path = tmp_path / "grid.toml"
    if content is not None:
        path.write_bytes(content.encode("latin1"))
    with pytest.raises(SpecError, match=r"EXPERIMENT: .*grid\.toml"):
        read_toml(path)
