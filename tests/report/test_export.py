import csv
import io
import json
import math

import pandas as pd
import pytest

from ablate.analysis.convergence import Target
from ablate.analysis.findings import find_all
from ablate.analysis.metrics import METRICS
from ablate.analysis.summary import summarize
from ablate.report.export import to_csv, to_json
from ablate.store.status import DIVERGED, FAILED
from tests.made_up import frames, made

GRID = [
    made("relu", seed=0, val=(0.1, 0.5, 0.9)),
    made("relu", seed=1, val=(0.1, 0.6, 0.8)),
    made("relu", seed=2, status=DIVERGED),
    made("gelu", seed=0, val=(0.1, 0.4, 0.4)),
    made("gelu", seed=1, status=FAILED),
    made("tanh", seed=0, status=FAILED),
]


def summary_of(*runs, target="0.5"):
    return summarize(*frames(*runs), Target.parse(target), None, "best_val_accuracy")


def as_json(summary):
    return to_json(summary, find_all(summary))


def strict_json(text):
    """Parses JSON as the standard has it, without Python's NaN and Infinity."""

    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    return json.loads(text, parse_constant=refuse)


@pytest.fixture(scope="module")
def document():
    return strict_json(as_json(summary_of(*GRID)))


def test_the_document_says_what_was_compared_with_what(document):
    assert document["schema_version"] == 1
    assert document["datasets"] == ["digits"]
    assert document["models"] == ["mlp"]
    assert document["target"] == {"given": "0.5", "val_accuracy": 0.5}
    assert document["reference"] == "relu norm=off dropout=0"
    assert document["factors"] == ["activation", "norm", "dropout"]
    assert document["metrics"]["gap_loss"]["higher_is_better"] is False
    assert list(document["metrics"]) == list(METRICS)


def test_each_variant_has_its_levels_counts_and_figures_best_first(document):
    relu, gelu, tanh = document["variants"]
    assert relu["variant"] == "relu norm=off dropout=0"
    assert relu["levels"] == {"activation": "relu", "norm": "off", "dropout": "0"}
    assert (relu["n"], relu["failed"]) == (2, 1)
    assert relu["metrics"]["val_accuracy"]["mean"] == pytest.approx(0.85)
    assert relu["metrics"]["val_accuracy"]["sd"] == pytest.approx(0.1 / math.sqrt(2))
    assert set(relu["metrics"]) | {"steps_to_target"} == set(METRICS)
    # Crossings at 10 and 8, and 20 steps for the run that diverged.
    assert relu["steps_to_target"]["restricted_mean"] == pytest.approx(38 / 3)
    assert (relu["steps_to_target"]["reached"], relu["steps_to_target"]["n"]) == (2, 3)
    unknown = {"sd": None, "low": None, "high": None}
    assert gelu["metrics"]["aulc"] == {"mean": pytest.approx(0.325)} | unknown
    assert (tanh["n"], tanh["failed"], tanh["metrics"]["aulc"]) == (0, 1, {"mean": None} | unknown)


def test_each_run_has_its_scores_and_null_where_there_are_none(document):
    runs = {run["run_id"]: run for run in document["runs"]}
    assert len(runs) == 6
    first, diverged, censored, failed = (runs[GRID[i][0]["run_id"]] for i in (0, 2, 3, 4))
    assert (first["variant"], first["seed"], first["status"]) == ("relu norm=off dropout=0", 0, "finished")
    assert (first["steps_to_target"], first["val_accuracy"], first["failed_step"]) == (10.0, 0.9, None)
    assert first["gap_accuracy"] == 0.05
    assert first["best_gap_accuracy"] == pytest.approx(0.05)
    assert (diverged["status"], diverged["failed_step"], diverged["val_accuracy"]) == ("diverged", 7, None)
    assert diverged["steps_to_target"] is None
    assert (censored["steps_to_target"], censored["val_accuracy"]) == (None, 0.4)
    assert (failed["message"], failed["best_epoch"]) == ("the worker was killed", None)


def test_each_factor_with_several_levels_is_summed_up(document):
    assert list(document["by_level"]) == ["activation"]
    level = document["by_level"]["activation"]
    assert (level["backgrounds"], level["compared"], level["scored"]) == (1, 1, 1)
    assert [row["level"] for row in level["levels"]] == ["relu", "gelu", "tanh"]
    assert level["levels"][0]["metrics"]["val_accuracy"]["mean"] == 0.9


def test_an_unknown_target_is_null():
    document = strict_json(as_json(summary_of(made(status=FAILED), target="90%")))
    assert document["target"] == {"given": "90%", "val_accuracy": None}
    assert document["variants"][0]["steps_to_target"] == {
        "restricted_mean": None,
        "sd": None,
        "low": None,
        "high": None,
        "reached": 0,
        "n": 1,
    }


def test_csv_has_one_line_a_variant_with_the_figures_of_the_document(document):
    rows = list(csv.DictReader(io.StringIO(to_csv(summary_of(*GRID), find_all(summary_of(*GRID))))))
    assert len(rows) == 3
    for row, variant in zip(rows, document["variants"], strict=True):
        assert row["variant"] == variant["variant"]
        assert {name: row[name] for name in variant["levels"]} == variant["levels"]
        assert (int(row["n"]), int(row["failed"])) == (variant["n"], variant["failed"])
        for metric, figures in variant["metrics"].items():
            for statistic, value in figures.items():
                assert row[f"{metric}_{statistic}"] == ("" if value is None else str(value))
        steps = variant["steps_to_target"]
        assert float(row["steps_to_target_restricted_mean"]) == steps["restricted_mean"]
        assert (int(row["reached"]), int(row["runs"])) == (steps["reached"], steps["n"])


def test_differences_are_in_the_document_by_variant_and_metric_and_in_the_csv():
    summary = summary_of(*GRID)
    document = as_json(summary)
    relu, gelu, tanh = strict_json(document)["variants"]
    assert relu["differences"]["val_accuracy"]["verdict"] == "reference"
    found = gelu["differences"]["val_accuracy"]
    assert (found["pairs"], found["failed"], found["verdict"]) == (1, 1, "too few seeds")
    assert found["difference"] == pytest.approx(-0.5)
    assert (found["low"], found["more_seeds"]) == (None, 5)
    assert set(tanh["differences"]) == set(METRICS)
    row = list(csv.DictReader(io.StringIO(to_csv(summary, find_all(summary)))))[1]
    assert row["variant"] == gelu["variant"]
    assert float(row["val_accuracy_difference"]) == found["difference"]
    assert (row["val_accuracy_difference_verdict"], row["val_accuracy_difference_more_seeds"]) == (
        "too few seeds",
        "5",
    )
    assert row["val_accuracy_difference_low"] == ""


def test_effects_are_in_the_document_with_their_interactions():
    grid = [
        made(activation, norm, seed=seed, val=(0.1, 0.2, 0.5 + bump + 0.01 * seed))
        for (activation, norm), bump in {
            ("relu", "off"): 0.0,
            ("tanh", "off"): 0.2,
            ("relu", "batch"): 0.3,
            ("tanh", "batch"): 0.35,
        }.items()
        for seed in range(3)
    ]
    document = strict_json(as_json(summary_of(*grid)))
    found = document["effects"]["val_accuracy"]
    terms = {tuple(term["term"]): term for term in found["terms"]}
    assert sum(term["share"] for term in terms.values()) == pytest.approx(1)
    assert (terms["activation",]["df"], terms["activation",]["f"]) == (1, None)  # nothing is unexplained
    (interaction,) = found["interactions"]
    assert interaction["factors"] == ["activation", "norm"]
    (cell,) = interaction["cells"]
    assert cell["levels"] == {"activation": "tanh", "norm": "batch"}
    assert cell["interaction"] == pytest.approx(-0.15)
    assert interaction["moderation"][0]["ratio"] == pytest.approx(0.25)
    level = document["by_level"]["norm"]["levels"]
    assert {row["level"]: row["differences"]["val_accuracy"]["difference"] for row in level} == {
        "off": 0.0,
        "batch": pytest.approx(0.225),
    }
    assert document["metrics"]["val_accuracy"]["margin"] == "0.005"
    assert document["metrics"]["val_accuracy"]["best"] == "tanh norm=batch dropout=0"


def test_seconds_to_target_are_in_the_document_where_step_costs_were_measured():
    costs = pd.DataFrame({"variant": ["gelu norm=off dropout=0"], "step_seconds": [0.5]})
    runs = frames(made("relu"), made("gelu"))
    summary = summarize(*runs, Target.parse("0.5"), None, "variant", costs)
    relu, gelu = strict_json(as_json(summary))["variants"]
    assert gelu["seconds_to_target"]["restricted_mean"] == 5.0
    assert gelu["seconds_to_target"]["step_seconds"] == 0.5
    assert relu["seconds_to_target"]["restricted_mean"] is None
    assert "seconds_to_target" not in strict_json(as_json(summary_of(made())))["variants"][0]
