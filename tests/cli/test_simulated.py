"""What `--executor fake` makes up is marked by every command that shows it."""

import json

from ablate.report.simulated import MARK

GRID = [
    *("--activation", "relu,tanh", "--norm", "off", "--dropout", "0,0.5", "--seeds", "3", "--epochs", "2"),
    *("--diagnostics", "--executor", "fake", "-o", "results/x"),
]


def test_every_command_marks_made_up_results(ablate, tmp_path):
    assert MARK in ablate("plan", *GRID)[1]
    code, out, err = ablate("run", *GRID)
    assert code == 0
    assert out.startswith(f"{MARK} digits")
    assert all(line.startswith(MARK) for line in err.splitlines() if "run-steps/s" in line)
    assert MARK in err
    for option in ("--details", "--layers", "--markdown"):
        assert MARK in ablate("report", "results/x", option)[1]
    assert json.loads(ablate("report", "results/x", "--json")[1])["simulated"] is True
    assert ",simulated," in ablate("report", "results/x", "--csv")[1].splitlines()[0]
    ablate("report", "results/x", "--html", "x.html")
    assert f"<title>{MARK} " in (tmp_path / "x.html").read_text(encoding="utf-8")


def test_a_gate_marks_made_up_results_also_from_a_baseline_file(ablate, tmp_path):
    ablate("run", *GRID)
    assert ablate("baseline", "results/x", "-o", "x.parquet")[2].startswith(MARK)
    assert MARK in ablate("compare", "x.parquet", "results/x")[1]
    files = ["--junit", "x.xml", "--summary", "x.md", "--export", "bmf=x.json"]
    assert json.loads(ablate("gate", "x.parquet", "results/x", "--json", *files)[1])["simulated"] is True
    assert MARK in ablate("gate", "--self-test", "x.parquet")[1]
    for name in ("x.xml", "x.md", "x.json"):
        assert MARK in (tmp_path / name).read_text(encoding="utf-8")


def test_rates_chosen_on_made_up_results_are_marked(ablate):
    _, out, _ = ablate("run", *GRID, "--tune", "learning_rate=0.1,0.3")
    assert out.startswith(f"{MARK} Learning rates")


def test_results_that_were_trained_are_not_marked(ablate):
    grid = ["--activation", "relu", "--norm", "off", "--dropout", "0", "--epochs", "1", "--seeds", "2"]
    assert MARK not in "".join(ablate("run", *grid, "-j", "1", "-o", "results/y")[1:])
