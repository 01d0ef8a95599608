"""The comparison of run statuses: a run that finished in the baseline must also finish in the candidate."""

import pandas as pd

from ablate.analysis.gate.verdict import STATUS, Cause, Finding, Verdict
from ablate.store.status import FAILED, FINISHED


def status_finding(variant: str, baseline: pd.DataFrame, candidate: pd.DataFrame) -> Finding:
    """Returns a finding that compares which runs of one variant finished in the baseline and in the candidate.

    A run that diverges in both the baseline and the candidate counts as unchanged, because a gate judges only changes.
    A candidate run whose worker process died always counts as failed, even if the cause lies in the machine and not in
    the code.
    """
    is_worse, is_better = _is_worse(baseline, candidate), _is_worse(candidate, baseline)
    verdict = Verdict.FAILED if is_worse else Verdict.IMPROVED if is_better else Verdict.UNCHANGED
    return Finding(
        variant,
        STATUS,
        verdict,
        Cause.STATUS,
        baseline=float((baseline["status"] == FINISHED).mean()),
        candidate=float((candidate["status"] == FINISHED).mean()),
        note=_note(baseline, "in the baseline ") if verdict is Verdict.IMPROVED else _note(candidate),
    )


def _is_worse(before: pd.DataFrame, after: pd.DataFrame) -> bool:
    """Returns whether the runs of one variant finish less often in `after` than in `before`.

    For a seed that both have, `after` is worse if its run has the status failed, or if its run did not finish although
    the run in `before` did. For the other seeds, `after` is worse if a larger share of its runs did not finish.
    """
    old, new = (
        dict(zip(runs["seed"].tolist(), runs["status"].tolist(), strict=True)) for runs in (before, after)
    )
    for seed in old.keys() & new.keys():
        if new[seed] != FINISHED and (old[seed] == FINISHED or new[seed] == FAILED):
            return True
    only_old, only_new = [old[seed] for seed in old.keys() - new], [new[seed] for seed in new.keys() - old]
    # Without seeds that only `before` has, the seeds that only `after` has are compared with all seeds of `before`.
    return bool(only_new) and _unfinished(only_new) > _unfinished(only_old or [*old.values()])


def _unfinished(statuses: list[str]) -> float:
    return sum(status != FINISHED for status in statuses) / len(statuses)


def _note(runs: pd.DataFrame, where: str = "") -> str:
    unfinished = runs[runs["status"] != FINISHED]
    if unfinished.empty:
        return ""
    first = unfinished.iloc[0]
    message = "" if pd.isna(first["message"]) else f": {first['message']}"
    count = f"{where}{len(unfinished)} of {len(runs)} runs did not finish"
    return f"{count}; seed {first['seed']} {first['status']}{message}"
