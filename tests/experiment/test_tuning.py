import tomllib

import pytest

from ablate.errors import SpecError
from ablate.experiment.grid import expand
from ablate.experiment.spec import build
from ablate.experiment.toml import to_toml
from ablate.experiment.tuning import key_of, tuning_grid, with_rates

SETTINGS = {
    "activation": "relu,tanh",
    "norm": "off",
    "dropout": "0.2",
    "seeds": "0,1000001",
    "tune": "learning_rate=0.01,0.1",
    "diagnostics": True,
}


def test_rates_are_tried_on_three_seeds_that_the_comparison_does_not_use():
    grid = tuning_grid(build(SETTINGS))
    assert grid.seeds == (1_000_000, 1_000_002, 1_000_003)
    runs = expand(grid)
    assert len(runs) == 2 * 2 * 3
    assert {run.learning_rate for run in runs} == {0.01, 0.1}
    assert not any(run.diagnostics for run in runs)
    assert grid.tune == ()


def test_each_run_gets_the_rate_of_its_variant_and_nothing_else_changes():
    runs = expand(build(SETTINGS))
    rates = {"relu": 0.1, "tanh": 0.01}
    keys = {run.activation: key_of({**run.factors, "dropout": "0.2", "hidden": "100/50"}) for run in runs}
    tuned = with_rates(runs, {keys[name]: rate for name, rate in rates.items()})
    assert [run.learning_rate for run in tuned] == [rates[run.activation] for run in runs]
    assert [run.level("learning_rate") for run in tuned] == ["0.1", "0.1", "0.01", "0.01"]
    by_hand = expand(build({**SETTINGS, "tune": "", "learning_rate": "0.01", "activation": "tanh"}))
    assert [run.run_id for run in tuned[2:]] == [run.run_id for run in by_hand]


def test_the_rates_to_choose_from_survive_toml():
    experiment = build(SETTINGS)
    assert experiment.tune == (0.01, 0.1)
    assert build(tomllib.loads(to_toml(experiment))) == experiment


@pytest.mark.parametrize(
    ("tune", "says"),
    [
        ("learning_rate=0.1", "leaves nothing to choose"),
        ("momentum=0,0.9", "is not learning_rate="),
        ("learning_rate=", "is not learning_rate="),
        ("learning_rate=0.1,-1", "'-1' is not a number above 0"),
        ("learning_rate=0.1,0.1", "stands there twice"),
    ],
)
def test_what_cannot_be_tuned_is_refused(tune, says):
    with pytest.raises(SpecError, match=f"--tune: .*{says}"):
        build({"tune": tune})


def test_a_rate_that_is_given_cannot_be_tuned_too():
    with pytest.raises(SpecError, match=r"--tune: it chooses the learning rates, so --lr 0\.1,0\.2 cannot"):
        build({"tune": "learning_rate=0.1,0.2", "learning_rate": "0.1,0.2"})
