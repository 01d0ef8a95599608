"""Seconds to target: a variant's steps to target times the seconds of one step of the variant when trained alone."""

import pandas as pd

from ablate.analysis.metrics import STEPS_TO_TARGET, VARIANT
from ablate.experiment.levels import label
from ablate.experiment.spec import COST_FACTORS

SECONDS_TO_TARGET = "seconds_to_target"


def with_seconds(variants: pd.DataFrame, step_costs: pd.DataFrame) -> pd.DataFrame:
    """Returns the summary by variant with the seconds per step and the seconds to target as further columns.

    The new columns are `step_seconds` and the mean, standard deviation and interval of the seconds to target. Seconds
    to target are steps to target times `step_seconds`. If some runs missed the target, the means of the steps to target
    and of the seconds to target are lower bounds. The cost of a step is measured with only one variant in a stack (runs
    trained together as one network), because all runs of a stack share the time of a step. `step_costs` has one row per
    measured variant, with the columns `variant` and `step_seconds`. Variants that were not measured get NaN.
    """
    table = variants.merge(step_costs[[VARIANT, "step_seconds"]], on=VARIANT, how="left", validate="1:1")
    scaled = {
        f"{SECONDS_TO_TARGET}_{figure}": table[f"{STEPS_TO_TARGET}_{figure}"] * table["step_seconds"]
        for figure in ("mean", "sd", "low", "high")
    }
    return table.assign(**scaled)


def costs_by_variant(runs: pd.DataFrame, step_costs: pd.DataFrame) -> pd.DataFrame | None:
    """Returns the seconds per step of each variant whose step cost was measured, or None if none was measured.

    The result has the columns `variant` and `step_seconds`. Variants are matched with measurements by the settings on
    which the cost depends, so one measurement holds for all learning rates. `step_costs` has the columns of
    `store.schema.STEP_COSTS`.
    """
    factors = list(COST_FACTORS)
    texts = {factor: [label(value) for value in step_costs[factor].tolist()] for factor in factors}
    variants = runs[[VARIANT, *factors]].drop_duplicates(VARIANT)
    costs = variants.merge(step_costs.assign(**texts), on=factors, validate="m:1")
    return None if costs.empty else costs[[VARIANT, "step_seconds"]]
