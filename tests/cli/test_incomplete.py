"""Results of which runs are missing: every output says how many."""

import re
from pathlib import Path

import pytest

from tests.cli.baselines import GRID

MISSING = "4 of the 12 runs of the experiment are missing"


@pytest.fixture
def incomplete(ablate):
    """Results of four seeds of an experiment of six."""
    ablate("run", *GRID, "--seeds", "4", "-o", "part")
    path = Path("part/experiment.toml")
    path.write_text(re.sub(r"seeds = \[[^]]*]", "seeds = [0, 1, 2, 3, 4, 5]", path.read_text()))
    assert ablate("baseline", "part", "-o", "part.parquet", "--target", "0.8")[0] == 0
    return "part"


@pytest.mark.parametrize("option", ["", "--details", "--markdown", "--json", "--csv", "--layers"])
def test_a_report_says_so_in_every_format(ablate, incomplete, option):
    _, out, err = ablate("report", incomplete, *option.split())
    assert MISSING in (err if option in ("--csv", "--layers") else out)


def test_a_page_figures_and_a_baseline_say_so(ablate, incomplete, monkeypatch):
    assert MISSING in ablate("baseline", incomplete, "-o", "again.parquet", "--target", "0.8")[2]
    ablate("report", incomplete, "--html", "page.html")
    assert MISSING in Path("page.html").read_text()
    drawn = []
    monkeypatch.setattr(
        "ablate.report.figures.files.to_bytes", lambda figure, kind: drawn.append(figure) or b""
    )
    assert MISSING in ablate("plot", incomplete)[2]
    assert drawn
    for figure in drawn:
        assert any(MISSING in text.get_text() for text in figure.texts)


@pytest.mark.parametrize("command", ["compare", "gate", "gate --json"])
@pytest.mark.parametrize("sides", [("part", "part.parquet"), ("part.parquet", "part")])
def test_a_comparison_says_so_of_both_sides(ablate, incomplete, command, sides):
    name, *options = command.split()
    _, out, _ = ablate(name, *sides, *options)
    for side in ("baseline", "candidate"):
        assert f"the {side} is incomplete, {MISSING}" in out


def test_the_files_of_a_gate_say_so(ablate, incomplete):
    ablate("gate", incomplete, incomplete, "--junit", "junit.xml", "--summary", "summary.md")
    for path in ("junit.xml", "summary.md"):
        assert MISSING in Path(path).read_text()
