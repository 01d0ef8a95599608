import io
import json
import re
from dataclasses import replace

import pytest
from rich.console import Console

from ablate.analysis.gate.verdict import EVERY, Reason, Verdict, reasons
from ablate.report.gate import describe_outcome, print_comparison, to_json
from tests.report.comparisons import ALL, RED, comparison, finding_of


def test_json_has_all_findings_and_no_nan() -> None:
    document = json.loads(to_json(replace(ALL, target=float("nan")), RED, 4))
    assert (document["exit_code"], document["reasons"], document["target"]) == (4, ["regression"], None)
    assert document["counts"]["regressed"] == 2
    assert [each["mark"] for each in document["findings"]] == ["-", "+", "=", "~", "!", "x", "x", "-"]
    assert document["findings"][0]["difference"] == pytest.approx(-0.02)


def test_the_table_has_a_mark_for_each_verdict_and_a_line_for_each_that_matters() -> None:
    out = io.StringIO()
    mean = finding_of(Verdict.UNCHANGED, EVERY, candidate=0.95)
    shown = replace(ALL, findings=(mean, *ALL.findings))
    print_comparison(shown, RED, Console(file=out, width=200, height=50, color_system=None))
    text = out.getvalue()
    lines = text.splitlines()
    assert lines[0].startswith("paired by seed (6 seeds: 0-5); sign flips, alpha 0.05")
    table = {line.split()[0]: line.split()[1:] for line in lines if re.match(r"\w+ .*[-+=~x!] *$", line)}
    assert table["relu"] == ["-2.0", "-", "-20.000", "-"]
    assert table["silu"] == ["!"]
    assert table["mish"] == ["x"]
    assert "~ inconclusive: gelu, val_accuracy 95.0 -> 93.0 (-2.0" in text
    assert "about 3 more seeds to tell" in text
    assert ": elu, val_accuracy" not in text
    assert (
        lines[-1]
        == "not passed: regression (1 improved, 2 unchanged, 2 regressed, 1 inconclusive, 2 incomparable, 1 failed)"
    )


def test_too_few_seeds_are_told() -> None:
    few = replace(ALL, baseline_seeds=(0, 1), candidate_seeds=(0, 1), least_p=1 / 6)
    out = io.StringIO()
    print_comparison(few, (), Console(file=out, width=200, height=50, color_system=None))
    assert "so few seeds give no p below 0.17, so no regression can show at alpha 0.05" in out.getvalue()
    assert Reason.NOT_COMPARABLE in reasons(few, allow_missing=False)
    assert describe_outcome(comparison(), ()) == "passed (nothing compared)"
