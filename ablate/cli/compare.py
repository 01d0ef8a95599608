"""`ablate compare`: compares a candidate with a baseline.

Unlike `ablate gate`, the command exits with 0 for any verdict.
"""

import sys
from pathlib import Path
from typing import Annotated

from ablate.analysis.gate.verdict import reasons
from ablate.cli.shared.comparing import BASELINE, CANDIDATE, Judging, read_sides
from ablate.cli.shared.groups import takes_groups
from ablate.cli.shared.output import AsJson
from ablate.report.console import console
from ablate.report.gate import print_comparison, to_json


@takes_groups
def compare(
    baseline: Annotated[Path, BASELINE],
    candidate: Annotated[Path, CANDIDATE],
    judging: Judging,
    as_json: AsJson = False,
) -> None:
    """Show what improved, regressed or stayed as it was."""
    comparison = judging.compare(*read_sides(baseline, candidate))
    why = reasons(comparison, allow_missing=False)
    if as_json:
        print(to_json(comparison, why, 0))
    else:
        print_comparison(comparison, why, console(sys.stdout))
