"""`ablate gate` as a user meets it, on made-up training."""

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pandas as pd
import pyarrow.parquet as pq
import pytest

from tests.arguments import given
from tests.cli.baselines import GRID, changed_baseline, worse


def test_results_pass_against_their_own_baseline(ablate, stored):
    code, out, err = ablate("gate", *stored)
    assert (code, err) == (0, "")
    assert "paired by seed (6 seeds: 0-5)" in out
    assert out.splitlines()[-1] == "passed (20 unchanged)"
    assert ablate("gate", *stored, "--exact")[0] == 0


def test_a_regression_is_4(ablate, stored):
    bad = changed_baseline(stored[0], "bad.parquet", worse)
    code, out, _ = ablate("gate", stored[0], bad)
    assert code == 4
    assert "- regressed: relu norm=off dropout=0, val_accuracy" in out
    assert ablate("gate", stored[0], bad, "--warn-only")[:2] == (0, out)
    assert ablate("gate", bad, stored[0])[0] == 0
    assert ablate("gate", stored[0], bad, "--metric", "aulc")[0] == 0
    assert ablate("gate", stored[0], bad, "--margin", "val_accuracy=0.2")[0] == 0


def test_three_hundred_regressions_are_still_4(ablate, stored):
    frame = pq.read_table(stored[0]).to_pandas()
    one = frame[frame["activation"] == "relu"]
    widths = [
        one.assign(hidden=f"{width}/50", run_id=one["run_id"] + f"-{width}") for width in range(100, 400)
    ]
    many = changed_baseline(stored[0], "many.parquet", lambda _: pd.concat(widths))
    code, out, _ = ablate(
        "gate", many, changed_baseline(many, "bad.parquet", worse), "--metric", "val_accuracy", "--json"
    )
    document = json.loads(out)
    assert (code, document["exit_code"], document["counts"]["regressed"]) == (4, 4, 301)


def test_both_reasons_are_told_and_the_graver_is_the_code(ablate, stored):
    def broken(frame):
        frame = worse(frame)
        return frame.assign(
            status=frame["status"].mask(frame["seed"].eq(0) & frame["activation"].eq("tanh"), "diverged")
        )

    code, out, _ = ablate("gate", stored[0], changed_baseline(stored[0], "bad.parquet", broken), "--json")
    assert (code, json.loads(out)["reasons"]) == (4, ["regression", "failed runs"])
    only = changed_baseline(
        stored[0], "diverged.parquet", lambda frame: broken(frame).assign(val_accuracy=frame["val_accuracy"])
    )
    code, out, _ = ablate("gate", stored[0], only)
    assert code == 3
    assert "! failed: tanh norm=off dropout=0, status - 1 of 6 runs did not finish; seed 0 diverged" in out


def test_a_vanished_variant_is_5_unless_allowed(ablate, stored):
    one = changed_baseline(stored[0], "one.parquet", lambda frame: frame[frame["activation"] == "relu"])
    code, out, _ = ablate("gate", stored[0], one)
    assert code == 5
    assert "x incomparable: tanh norm=off dropout=0, status - missing in the candidate" in out
    assert ablate("gate", stored[0], one, "--allow-missing")[0] == 0


def test_other_epochs_are_5(ablate, stored):
    ablate("run", *given(GRID, "--epochs", "4"), "--seeds", "6", "-o", "other")
    code, out, _ = ablate("gate", stored[0], "other")
    assert code == 5
    assert "epochs is 3 in the baseline and 4 in the candidate" in out


def test_an_empty_candidate_is_5_and_a_torn_or_foreign_baseline_2(ablate, stored, tmp_path):
    (tmp_path / "empty").mkdir()
    code, _, err = ablate("gate", stored[0], "empty")
    assert code == 5
    assert "holds no runs" in err
    whole = Path(stored[0]).read_bytes()
    Path("torn.parquet").write_bytes(whole[: len(whole) // 2])
    Path("foreign.parquet").write_text("no parquet at all")
    for name in ("torn", "foreign"):
        code, out, err = ablate("gate", f"{name}.parquet", "old")
        assert (code, out) == (2, "")
        assert "is damaged or no Parquet file" in err


def test_a_first_run_without_a_baseline_is_told_what_to_do(ablate, stored):
    code, out, err = ablate("gate", "none.parquet", "old")
    assert (code, out) == (5, "")
    assert "make it with `ablate baseline old -o none.parquet`" in err
    code, _, err = ablate("gate", "none.parquet", "old", "--missing-baseline", "warn")
    assert code == 0
    assert "nothing was compared" in err
    assert not Path("none.parquet").exists()
    assert ablate("gate", "none.parquet", "old", "--missing-baseline", "create")[0] == 0
    assert ablate("gate", "none.parquet", "old")[0] == 0


def test_files_for_ci_are_written_and_the_summary_is_appended(ablate, stored, monkeypatch):
    bad = changed_baseline(stored[0], "bad.parquet", worse)
    Path("summary.md").write_text("# before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "summary.md")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    exports = ("--export", "bmf=bmf.json", "--export", "smaller=smaller.json")
    code, out, err = ablate("gate", stored[0], bad, "--junit", "junit.xml", *exports, "--json")
    assert code == 4
    json.loads(out)
    assert err.startswith("::error title=SIMULATED regressed%3A")
    assert Path("summary.md").read_text().startswith("# before\n## ")
    assert ET.parse("junit.xml").getroot()[0].get("failures") == "3"
    assert (
        json.loads(Path("bmf.json").read_text())["SIMULATED relu norm=off dropout=0"]["val_accuracy"]["value"]
        > 0
    )
    assert len(json.loads(Path("smaller.json").read_text())) > 0
    code, _, err = ablate("gate", *stored, "--junit", "no/such/folder.xml")
    assert (code, "cannot be written" in err) == (2, True)


def test_no_annotations_outside_of_github(ablate, stored):
    assert ablate("gate", stored[0], changed_baseline(stored[0], "bad.parquet", worse))[2] == ""


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--alpha", "0.7"], "--alpha: 0.7 is not above 0"),
        (["--metric", "accuracy"], "--metric: 'accuracy' is not one of"),
        (["--margin", "val_accuracy=much"], "--margin: 'much' is neither"),
        (["--export", "csv=x"], "--export: 'csv' is not KIND=FILE"),
    ],
)
def test_illegal_options_are_2(ablate, stored, arguments, told):
    code, _, err = ablate("gate", *stored, *arguments)
    assert code == 2
    assert told in err


def test_a_gate_without_its_two_sides_is_2_and_the_codes_are_in_the_help(ablate, stored):
    code, _, err = ablate("gate", stored[0])
    assert (code, "BASELINE and CANDIDATE: give both" in err) == (2, True)
    _, out, _ = ablate("gate", "--help")
    assert "4 a regression" in " ".join(out.split())


def test_the_self_test_goes_red_where_it_must(ablate, stored):
    code, out, err = ablate("gate", "--self-test")
    assert err.startswith("SIMULATED: ")
    assert (code, out.splitlines()[-1]) == (0, "SIMULATED self-test passed: 10 of 10 trials as expected")
    assert ablate("gate", "--self-test", stored[0])[0] == 0
    code, out, _ = ablate("gate", "--self-test", "--alpha", "1e-9")
    assert code == 1
    assert "WRONG" in out


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (["--jobs", "0"], "--jobs: 0 is not a whole number"),
        (["--device", "tpu"], "--device: 'tpu' is not one of auto, cpu, cuda"),
        (["--executor", "locl"], "--executor: 'locl' is not one of"),
    ],
)
def test_options_of_a_training_that_may_not_be_needed_are_checked_all_the_same(
    ablate, stored, option, message
):
    for confirm in ([], ["--confirm"]):
        code, out, err = ablate("gate", *stored, *confirm, *option)
        assert (code, out) == (2, "")
        assert message in err


def test_the_verdict_is_printed_and_counts_although_a_file_cannot_be_written(ablate, stored):
    bad = changed_baseline(stored[0], "bad.parquet", worse)
    files = ["--junit", "no/folder.xml", "--summary", "summary.md"]
    for candidate, expected in ((stored[1], 2), (bad, 4)):
        code, out, err = ablate("gate", stored[0], candidate, *files)
        assert code == expected
        assert out.splitlines()[-1].startswith("passed" if expected == 2 else "not passed")
        assert err.startswith("ablate: --junit: 'no/folder.xml' cannot be written")
    assert Path("summary.md").read_text().count("## ") == 2
