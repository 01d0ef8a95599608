import re
from xml.etree import ElementTree as ET

from ablate.analysis.gate.verdict import STATUS, Verdict
from ablate.report.ci import SUMMARY_BYTES, to_annotations, to_junit, to_summary
from tests.report.comparisons import ALL, RED, comparison, finding_of

NASTY = "pkg:f,100%\n|<b>`x`\x00"


def test_junit_tells_failures_errors_and_what_was_skipped() -> None:
    (suite,) = ET.fromstring(to_junit(ALL))
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors"), suite.get("skipped")) == (
        "8",
        "1",
        "2",
        "3",
    )
    cases = {
        (case.get("classname"), case.get("name")): [child.tag for child in case]
        for case in suite.iter("testcase")
    }
    assert cases["ablate.relu", "val_accuracy"] == ["failure"]
    assert cases["ablate.tanh", "val_accuracy"] == cases["ablate.elu", "val_accuracy"] == []
    assert cases["ablate.gelu", "val_accuracy"] == ["skipped"]
    assert cases["ablate.silu", STATUS] == cases["ablate.mish", STATUS] == ["error"]
    assert cases["ablate.celu", STATUS] == cases["ablate.relu", "step_seconds"] == ["skipped"]
    (failure,) = suite.iter("failure")
    assert failure.get("type") == "regressed"
    assert "95.0 -> 93.0 (-2.0, 95 % interval -3.0 to -1.0, margin 1.0, p 0.016)" in str(
        failure.get("message")
    )
    assert [(each.get("name"), each.get("value")) for each in suite.iter("property")] == [("torch", "1 -> 2")]


def test_junit_and_the_summary_hold_any_name() -> None:
    nasty = comparison(finding_of(Verdict.REGRESSED, NASTY))
    (suite,) = ET.fromstring(to_junit(nasty))
    (case,) = suite.iter("testcase")
    assert case.get("classname") == "ablate." + NASTY.replace("\x00", r"\x00").replace("\n", r"\n")
    rows = [line for line in to_summary(nasty, RED).splitlines() if "pkg" in line]
    assert len(rows) == 2
    for row in rows:
        assert "<b>" not in row
        assert len(re.findall(r"(?<!\\)\|", row)) == 5


def test_the_summary_says_what_matters_before_it_folds_the_rest_away() -> None:
    text = to_summary(ALL, RED)
    head, folded = text.split("<details>")
    assert "not passed: regression" in head
    assert "regressed: relu" in head
    assert "elu |" in folded
    assert "| = | elu |" not in head
    assert "torch 1 -&gt; 2" in head
    assert text.endswith("</details>\n")
    assert "✅" in to_summary(comparison(finding_of(Verdict.UNCHANGED)), ())


def test_the_summary_is_cut_before_github_refuses_it() -> None:
    many = comparison(*(finding_of(Verdict.REGRESSED, f"variant {n} " + "é" * 200) for n in range(3000)))
    text = to_summary(many, RED)
    assert SUMMARY_BYTES - 2000 < len(text.encode()) <= SUMMARY_BYTES < 2**20
    assert "Cut here" in text
    assert text.count("\n| - |") == text.count("é |")


def test_there_are_at_most_ten_annotations_and_nothing_breaks_out_of_one() -> None:
    many = comparison(*(finding_of(Verdict.REGRESSED, f"variant {n}") for n in range(300)))
    lines = to_annotations(many, RED)
    assert len(lines) == 10
    assert lines[-1] == "::notice title=ablate gate::and 291 more; see the summary"
    assert len(to_annotations(comparison(*many.findings[:10]), RED)) == 10
    (line,) = to_annotations(comparison(finding_of(Verdict.REGRESSED, NASTY)), RED)
    assert line.startswith("::error title=regressed%3A pkg%3Af%2C100%25%0A|")
    assert "\n" not in line


def test_annotations_have_the_level_of_what_they_say() -> None:
    levels = {line.split("::")[2].split(",")[0]: line.split()[0] for line in to_annotations(ALL, RED)}
    assert levels["regressed: relu"] == "::error"
    assert levels["improved: tanh"] == levels["incomparable: celu"] == "::notice"
    assert levels["inconclusive: gelu"] == "::warning"
    assert levels["regressed (a hint"] == "::warning"
    assert not any("::error" in line for line in to_annotations(ALL, ()))
