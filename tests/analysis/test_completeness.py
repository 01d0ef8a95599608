import pytest

from ablate.analysis.completeness import incompleteness
from ablate.experiment.grid import expand
from ablate.experiment.spec import build
from ablate.experiment.toml import from_toml, to_toml
from tests.made_up import frames, made

GRID = {"activation": "relu,tanh", "norm": "off", "dropout": "0,0.2/0.5", "seeds": "2"}


def stored(**changes):
    """Returns the settings of an experiment as stored, and a row of `runs` for each of its runs."""
    experiment = build(GRID | changes)
    rows = [run.settings_as_stored() | {"seed": run.seed} for run in expand(experiment)]
    return from_toml(to_toml(experiment)), frames(*(made(**row) for row in rows))[0]


@pytest.mark.parametrize(
    "changes", [{}, {"optimizer": "sgd,adam"}, {"hidden": "100/50,20/30"}, {"shard": "2/5"}]
)
def test_complete_results_need_no_word(changes):
    assert incompleteness(*stored(**changes)) == ""


def test_more_than_the_experiment_is_complete():
    assert incompleteness(stored(activation="relu")[0], stored()[1]) == ""


def test_missing_runs_are_counted():
    settings, runs = stored()
    assert incompleteness(settings, runs[1:]) == "incomplete, 1 of the 8 runs of the experiment are missing"


def test_a_shard_is_named():
    settings, runs = stored(shard="2/5")
    text = "incomplete, 6 of the 8 runs of the experiment are missing"
    assert incompleteness(settings, runs[:2]) == f"shard 2 of 5: {text}"
    assert incompleteness(stored(shard="1,3-4/5")[0], runs[:2]) == f"shards 1, 3-4 of 5: {text}"


def test_a_tuned_run_is_there_with_any_learning_rate():
    settings, runs = stored()
    settings["tune"] = "learning_rate=0.1,0.2"
    assert incompleteness(settings, runs.assign(learning_rate=0.2)) == ""


@pytest.mark.parametrize(
    "settings",
    [{}, {"epochs": "x"}, {"unknown": 1}, {"seeds": "999999", "activation": "relu,tanh"}, {"shard": 3}],
)
def test_nothing_is_said_about_an_experiment_that_is_not_known(settings):
    assert incompleteness(settings, stored()[1]) == ""
