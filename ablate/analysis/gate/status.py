"""Whether runs finished: a run of the candidate that did not, where the baseline's did, is never passed over."""

import pandas as pd

from ablate.analysis.gate.verdict import STATUS, Cause, Finding, Verdict
from ablate.store.status import FAILED, FINISHED


def status_finding(variant: str, baseline: pd.DataFrame, candidate: pd.DataFrame) -> Finding:
    """Returns the finding on the statuses of one variant's runs.

    A run that diverges in both is as it was: a gate compares with the baseline, not with perfection. A run whose worker
    died says nothing of the code, and always fails.
    """
    worse, better = _is_worse(baseline, candidate), _is_worse(candidate, baseline)
    verdict = Verdict.FAILED if worse else Verdict.IMPROVED if better else Verdict.UNCHANGED
    return Finding(
        variant,
        STATUS,
        verdict,
        Cause.STATUS,
        baseline=_share(baseline),
        candidate=_share(candidate),
        note=_told(
            candidate if worse or not better else baseline, "" if worse or not better else "in the baseline "
        ),
    )


def _is_worse(before: pd.DataFrame, after: pd.DataFrame) -> bool:
    """Says whether a seed of both sides stopped finishing, or a larger share of the other seeds did."""
    old, new = (
        dict(zip(runs["seed"].tolist(), runs["status"].tolist(), strict=True)) for runs in (before, after)
    )
    for seed in old.keys() & new.keys():
        if new[seed] != FINISHED and (old[seed] == FINISHED or new[seed] == FAILED):
            return True
    only_old, only_new = (
        [side[seed] for seed in side.keys() ^ (old.keys() & new.keys())] for side in (old, new)
    )
    # A seed that only one side has is held against all runs of the other.
    return bool(only_new) and _broken(only_new) > _broken(only_old or [*old.values()])


def _broken(statuses: list[str]) -> float:
    return sum(status != FINISHED for status in statuses) / len(statuses)


def _share(runs: pd.DataFrame) -> float:
    return float((runs["status"] == FINISHED).mean())


def _told(runs: pd.DataFrame, where: str) -> str:
    broken = runs[runs["status"] != FINISHED]
    if broken.empty:
        return ""
    first = broken.iloc[0]
    message = "" if pd.isna(first["message"]) else f": {first['message']}"
    return f"{where}{len(broken)} of {len(runs)} runs did not finish; seed {first['seed']} {first['status']}{message}"
