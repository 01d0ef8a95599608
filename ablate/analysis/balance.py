"""Selection of runs so that the means of all levels of a factor cover the same backgrounds and seeds."""

from collections.abc import Sequence

import pandas as pd

from ablate.analysis.metrics import STEPS_TO_TARGET


def counted(runs: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Returns the scored runs that count for a metric: all runs if it is steps to target, else the finished runs."""
    return runs if metric == STEPS_TO_TARGET else runs[runs["finished"]]


def balanced(runs: pd.DataFrame, factor: str, background: Sequence[str]) -> pd.DataFrame:
    """Returns the runs that form a complete grid: every level of `factor` has one run for each background and seed.

    A background is a combination of levels of the factors listed in `background`. To complete the grid, the function
    drops either the backgrounds that lack a seed or the seeds that lack a background, whichever leaves more runs.
    """
    background = list(background)
    levels = runs[factor].nunique()
    complete = runs[runs.groupby([*background, "seed"])[factor].transform("size") == levels]
    all_seeds = levels * complete["seed"].nunique()
    all_backgrounds = levels * len(complete[background].drop_duplicates())
    by_background = complete[complete.groupby(background)[factor].transform("size") == all_seeds]
    by_seed = complete[complete.groupby("seed")[factor].transform("size") == all_backgrounds]
    return by_seed if len(by_seed) > len(by_background) else by_background


def balanced_for(runs: pd.DataFrame, metric: str, factor: str, background: Sequence[str]) -> pd.DataFrame:
    """Returns the runs that count for a metric (`counted`), reduced to a complete grid (`balanced`).

    Levels of `factor` without a run that counts are left out.
    """
    return balanced(counted(balanced(runs, factor, background), metric), factor, background)
