"""Seconds to target: steps to target times the seconds of one step of a variant trained alone."""

import pandas as pd

from ablate.analysis.metrics import STEPS_TO_TARGET, VARIANT
from ablate.experiment.levels import label
from ablate.experiment.spec import COST_FACTORS

SECONDS_TO_TARGET = "seconds_to_target"


def with_seconds(variants: pd.DataFrame, step_costs: pd.DataFrame) -> pd.DataFrame:
    """Adds to the summary by variant `step_seconds` and the mean, sd and interval of the seconds to the target.

    Seconds to target are steps to target times `step_seconds`, so with censored runs their mean is also a lower bound.
    The cost of a step is measured on one run alone, because runs trained in one stack share its time. `step_costs` has
    one row per measured variant, with the columns `variant` and `step_seconds`. Other variants get NaN.
    """
    table = variants.merge(step_costs[[VARIANT, "step_seconds"]], on=VARIANT, how="left", validate="1:1")
    scaled = {
        f"{SECONDS_TO_TARGET}_{figure}": table[f"{STEPS_TO_TARGET}_{figure}"] * table["step_seconds"]
        for figure in ("mean", "sd", "low", "high")
    }
    return table.assign(**scaled)


def costs_by_variant(runs: pd.DataFrame, step_costs: pd.DataFrame) -> pd.DataFrame | None:
    """Returns `variant` and `step_seconds` of the variants whose step cost was measured, None if there are none.

    Variants are matched by the settings that the cost depends on, so one measurement holds for all learning rates.
    `step_costs` has the columns of `store.schema.STEP_COSTS`.
    """
    factors = list(COST_FACTORS)
    texts = {factor: [label(value) for value in step_costs[factor].tolist()] for factor in factors}
    variants = runs[[VARIANT, *factors]].drop_duplicates(VARIANT)
    costs = variants.merge(step_costs.assign(**texts), on=factors, validate="m:1")
    return None if costs.empty else costs[[VARIANT, "step_seconds"]]
