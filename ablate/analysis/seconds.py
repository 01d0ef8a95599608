"""Seconds to target: steps times what one step of a variant costs when it is trained alone."""

import pandas as pd

from ablate.analysis.metrics import STEPS_TO_TARGET, VARIANT
from ablate.experiment.levels import label
from ablate.experiment.spec import COST_FACTORS

SECONDS_TO_TARGET = "seconds_to_target"


def with_seconds(variants: pd.DataFrame, step_costs: pd.DataFrame) -> pd.DataFrame:
    """Returns a summary table by variant with `step_seconds` and the mean, sd and interval of seconds to target.

    They are those of the steps, scaled, so a mean of censored runs is a lower bound here too. The seconds of a
    run in a stack are shared with its companions and say nothing of it, which is why the cost has to be measured.

    Args:
        variants: The summary by variant.
        step_costs: Columns `variant` and `step_seconds`, one row a variant measured; NaN for the others.
    """
    table = variants.merge(step_costs[[VARIANT, "step_seconds"]], on=VARIANT, how="left", validate="1:1")
    scaled = {
        f"{SECONDS_TO_TARGET}_{figure}": table[f"{STEPS_TO_TARGET}_{figure}"] * table["step_seconds"]
        for figure in ("mean", "sd", "low", "high")
    }
    return table.assign(**scaled)


def costs_by_variant(runs: pd.DataFrame, step_costs: pd.DataFrame) -> pd.DataFrame | None:
    """Returns `variant` and `step_seconds` of the variants whose step was measured, None if it was of none.

    A variant has the cost of those settings of it that a cost depends on: what was measured before the grid grew by
    learning rates holds for them all.

    Args:
        runs: Named runs.
        step_costs: Frame with the columns of `store.schema.STEP_COSTS`.
    """
    keys = list(COST_FACTORS)
    texts = {factor: [label(value) for value in step_costs[factor].tolist()] for factor in keys}
    variants = runs[[VARIANT, *keys]].drop_duplicates(VARIANT)
    found = variants.merge(step_costs.assign(**texts), on=keys, validate="m:1")
    return None if found.empty else found[[VARIANT, "step_seconds"]]
