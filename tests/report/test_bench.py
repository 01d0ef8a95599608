import json
from dataclasses import replace

import pandas as pd
import pytest

from ablate.bench.contest import Contest, Contestant
from ablate.report.bench import (
    Setting,
    contest_json,
    contest_notes,
    contest_section,
    head,
    step_costs_json,
    step_costs_section,
)

CONTEST = Contest(
    (
        Contestant("command", "ablate run", "all of it", 10, 1000, 2_000_000),
        Contestant("engine", "engine", "training", 10, 1000, 2_000_000),
        Contestant("loop", "loop", "one by one", 2, 200, 400_000),
    ),
    {"command": (0.4, 0.8), "engine": (0.1, 0.2), "loop": (0.2, 0.2)},
    gemm_rate=(1e8, 3e8),
    gemm_backend="mkldnn",
    peak_bytes={"command": None, "engine": 455_300_000, "loop": 7_000_000},
)
SETTING = Setting("digits, mlp: 10 runs", {"cpu": "Some CPU", "cores": "2", "jobs": "2"}, 2, 2)
COSTS = pd.DataFrame(
    {
        "variant": ["mish", "relu"],
        "runs": [5, 5],
        "step_seconds": [6e-5, 2e-5],
        "step_seconds_low": [5e-5, 2e-5],
        "step_seconds_high": [7e-5, 4e-5],
    }
)


def rows_of(section):
    columns = [*section.identifying, *(column for group in section.groups for column in group)]
    return [[cell.strip() for cell in row] for row in zip(*(column.cells for column in columns), strict=True)]


def test_a_contestant_is_a_row_with_medians_ranges_ratios_and_share():
    command, engine, loop = rows_of(contest_section(CONTEST))
    assert command[-1] == "-"
    assert engine == [
        "engine",
        "10",
        "150 [100, 200]",
        "15.0 [10.0, 20.0]",
        "1.00 [1.00, 1.00]",
        "0.25 [0.25, 0.25]",
        "11.7 [3.3, 20.0]",
        "455",
    ]
    assert loop[2:5] == ["1000 [1000, 1000]", "100.0 [100.0, 100.0]", "7.50 [5.00, 10.00]"]


def test_around_it_stands_what_was_measured_on_what_and_what_was_left_out():
    lines = head(replace(SETTING, note="random data"))
    assert lines[0] == "digits, mlp: 10 runs"
    assert lines[1] == "Some CPU, cores 2, jobs 2"
    assert lines[2].startswith("2 rounds")
    assert lines[3] == "random data"
    notes = "\n".join(contest_notes(CONTEST, SETTING))
    assert "loop: one by one." in notes
    assert "Excluded: reading the data" in notes
    assert "warm-up" in notes
    assert "mkldnn backend, summed over 2 processes" in notes


def test_the_document_has_the_rounds_and_what_follows_from_them():
    document = json.loads(contest_json(CONTEST, SETTING))
    assert (document["jobs"], document["rounds"], document["note"]) == (2, 2, None)
    assert document["gemm"] == {"backend": "mkldnn", "flops_per_second": [1e8, 3e8]}
    loop = document["contestants"][2]
    assert (loop["name"], loop["runs"], loop["seconds"]) == ("loop", 2, [0.2, 0.2])
    assert loop["to_engine"] == {"median": 7.5, "low": pytest.approx(5), "high": pytest.approx(10)}
    assert document["contestants"][0]["peak_bytes"] is None
    assert len(document["excluded"]) == 2


def test_costs_are_sorted_and_compared_with_the_reference():
    section = step_costs_section(COSTS, "relu")
    assert rows_of(section) == [
        ["relu", "5", "20.0 [20.0, 40.0]", "1.00"],
        ["mish", "5", "60.0 [50.0, 70.0]", "3.00"],
    ]
    assert "Reference: relu." in section.note
    document = json.loads(step_costs_json(COSTS, "relu", SETTING))
    assert [row["variant"] for row in document["variants"]] == ["relu", "mish"]
    assert document["variants"][1]["to_reference"] == pytest.approx(3)
    assert document["reference"] == "relu"
