"""Seconds to target: steps times what one step of a variant costs when it is trained alone."""

import pandas as pd

from ablate.analysis.metrics import STEPS_TO_TARGET, VARIANT
from ablate.experiment.levels import label
from ablate.experiment.spec import COST_FACTORS

SECONDS_TO_TARGET = "seconds_to_target"


def with_seconds(variants: pd.DataFrame, step_costs: pd.DataFrame) -> pd.DataFrame:
    """Returns the summary by variant with `step_seconds` and the mean, sd and interval of seconds to target.

    They are those of the steps, scaled, so a mean with censored runs is a lower bound too. The cost of a step has to be
    measured alone, because a run shares the seconds of its stack with all other runs in it. `step_costs` has one row
    per variant measured, with the columns `variant` and `step_seconds`. The others get NaN.
    """
    table = variants.merge(step_costs[[VARIANT, "step_seconds"]], on=VARIANT, how="left", validate="1:1")
    scaled = {
        f"{SECONDS_TO_TARGET}_{figure}": table[f"{STEPS_TO_TARGET}_{figure}"] * table["step_seconds"]
        for figure in ("mean", "sd", "low", "high")
    }
    return table.assign(**scaled)


def costs_by_variant(runs: pd.DataFrame, step_costs: pd.DataFrame) -> pd.DataFrame | None:
    """Returns `variant` and `step_seconds` of the variants whose step was measured, None if there are none.

    Only the settings that cost depends on count, so one measurement holds for all learning rates. `step_costs` has the
    columns of `store.schema.STEP_COSTS`.
    """
    factors = list(COST_FACTORS)
    texts = {factor: [label(value) for value in step_costs[factor].tolist()] for factor in factors}
    variants = runs[[VARIANT, *factors]].drop_duplicates(VARIANT)
    costs = variants.merge(step_costs.assign(**texts), on=factors, validate="m:1")
    return None if costs.empty else costs[[VARIANT, "step_seconds"]]
