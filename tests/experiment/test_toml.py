import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ablate.errors import DataError, SpecError
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
        "shard": st.sampled_from(["2/5", "1,3-4/7"]),
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


def test_a_byte_order_mark_is_no_part_of_the_first_key(tmp_path):
    (tmp_path / "grid.toml").write_bytes(b"\xef\xbb\xbfseeds = 3\n")
    assert read_toml(tmp_path / "grid.toml") == {"seeds": 3}


HOSTILE = {
    "nested lists": "seeds = " + "[" * 100_000 + "]" * 100_000,
    "nested tables": "seeds = " + "{a = " * 50_000 + "1" + "}" * 50_000,
    "a key of many parts": "a" + ".a" * 100_000 + " = 1",
    "a quoted key of many parts": '"."' + '."."' * 50_000 + " = 1",
    "a table of many parts": "[a" + " . 1" * 50_000 + "]",
    "thousands of digits": "epochs = " + "1" * 5_000,
    "more than a mebibyte": "#" * (1 << 20) + "\n",
    "twice the same key": "seeds = 1\nseeds = 2",
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_file_is_refused_by_one_sentence(tmp_path, content):
    path = tmp_path / "grid.toml"
    path.write_text(content)
    with pytest.raises(SpecError, match=r"EXPERIMENT: .*grid\.toml") as error:
        read_toml(path)
    assert len(str(error.value)) < 500


@pytest.mark.parametrize(
    "value",
    [
        "0x" + "f" * 100_000, "9" * 4_000, "1e999", "nan", "-inf", "1979-05-27", "07:32:00", "{a = 1}", "[[[[[1]]]]]",
        '"' + "x" * 100_000 + '"', "[{}]", "true", "[true]", '""', "[]", "[[]]", "-1", "1.5",
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "name", ["seeds", "hidden", "norm", "activation", "dropout", "epochs", "tune", "dataset", "shard"]
)
def test_a_value_of_any_type_is_read_or_refused_by_one_sentence(tmp_path, name, value):
    path = tmp_path / "grid.toml"
    path.write_text(f"{name} = {value}\n")
    said = ""
    try:
        build(read_toml(path))
    except (SpecError, DataError) as error:
        said = str(error)
    assert len(said) < 1000


def test_a_list_of_many_decimals_is_not_taken_for_a_long_key(tmp_path):
    (tmp_path / "grid.toml").write_text(
        f"learning_rate = [{', '.join(str(k / 1000) for k in range(1, 9000))}]"
    )
    assert len(read_toml(tmp_path / "grid.toml")["learning_rate"]) == 8999
