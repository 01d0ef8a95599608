"""The bitwise gate: every run must have the same values in baseline and candidate, in all columns of `COLUMNS`."""

from collections.abc import Iterator

import pandas as pd

from ablate.analysis.gate.match import Match
from ablate.analysis.gate.verdict import BITS, Cause, Finding, Verdict
from ablate.store.schema import RUNS

_EXCEPTED = ("variant", "seed", "message", "device", "seconds")
COLUMNS = (*(name for name in RUNS.names if name not in _EXCEPTED), "restricted_steps")


def exact_findings(matched: Match) -> Iterator[Finding]:
    """Yields one finding for each variant that baseline and candidate have in common.

    Any difference counts as a regression, even an improvement.
    """
    for variant, baseline, candidate in matched.by_variant():
        old, new = (runs.set_index("seed")[list(COLUMNS)] for runs in (baseline, candidate))
        missing = old.index.difference(new.index)
        if len(missing):
            note = f"the candidate has no run of seed {', '.join(map(str, missing))}"
            yield Finding(variant, BITS, Verdict.INCOMPARABLE, Cause.VANISHED, note=note)
            continue
        note = _differences(old, new.loc[old.index])
        yield Finding(variant, BITS, Verdict.REGRESSED if note else Verdict.UNCHANGED, Cause.BITS, note=note)


def _differences(old: pd.DataFrame, new: pd.DataFrame) -> str:
    differ = ~((old == new).fillna(False).astype(bool) | (old.isna() & new.isna()))
    columns, seeds = differ.columns[differ.any()], differ.index[differ.any(axis=1)]
    if columns.empty:
        return ""
    return f"{', '.join(columns)} differ in {len(seeds)} of {len(old)} runs, first in seed {seeds[0]}"
