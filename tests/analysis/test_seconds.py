import math

import pandas as pd
import pytest

from ablate.analysis.seconds import costs_by_variant, with_seconds
from ablate.analysis.variants import named
from ablate.experiment.spec import COST_FACTORS
from tests.made_up import DEFAULT_SETTINGS, frames, made

VARIANTS = pd.DataFrame(
    {
        "variant": ["slow", "fast"],
        "steps_to_target_mean": [100.0, 200.0],
        "steps_to_target_sd": [10.0, 20.0],
        "steps_to_target_low": [90.0, 180.0],
        "steps_to_target_high": [110.0, 220.0],
    }
)


def test_seconds_are_steps_times_the_cost_of_one():
    table = with_seconds(VARIANTS, pd.DataFrame({"variant": ["fast", "slow"], "step_seconds": [0.001, 0.01]}))
    assert table["variant"].tolist() == ["slow", "fast"]
    figures = [f"seconds_to_target_{name}" for name in ("mean", "sd", "low", "high")]
    assert table.loc[0, figures].tolist() == pytest.approx([1.0, 0.1, 0.9, 1.1])
    assert table.loc[1, "seconds_to_target_mean"] == pytest.approx(0.2)


def test_what_was_not_measured_is_unknown_and_a_variant_measured_twice_is_a_mistake():
    one = pd.DataFrame({"variant": ["fast"], "step_seconds": [0.001]})
    assert math.isnan(with_seconds(VARIANTS, one).loc[0, "seconds_to_target_mean"])
    with pytest.raises(pd.errors.MergeError):
        with_seconds(VARIANTS, pd.concat([one, one]))


MEASURED = pd.DataFrame(
    [
        {name: DEFAULT_SETTINGS[name] for name in COST_FACTORS}
        | {"activation": activation, "step_seconds": seconds}
        for activation, seconds in (("relu", 0.25), ("mish", 0.5))
    ]
)


def test_a_cost_is_that_of_every_variant_with_the_settings_it_depends_on():
    runs, _ = frames(made("relu"), made("relu", learning_rate=0.5), made("mish", seed=1), made("tanh"))
    costs = costs_by_variant(named(runs), MEASURED)
    found = dict(zip(costs["variant"], costs["step_seconds"], strict=True))
    assert found == {
        "relu norm=off dropout=0 lr=0.1": 0.25,
        "relu norm=off dropout=0 lr=0.5": 0.25,
        "mish norm=off dropout=0 lr=0.1": 0.5,
    }


def test_other_widths_were_not_measured():
    runs, _ = frames(made("relu", hidden="10"), made("gelu"))
    assert costs_by_variant(named(runs), MEASURED) is None
