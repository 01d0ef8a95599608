import math

import pandas as pd
import pytest

from ablate.analysis.seconds import with_seconds

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
