"""Names and messages of strangers in every output: nothing in them commands a terminal, forges a line or is markup."""

import json
import subprocess
import sys
import unicodedata
from xml.etree import ElementTree as ET

import pytest

from ablate.store.parquet import ResultsFolder
from ablate.store.status import DIVERGED
from tests.made_up import frames, made

NASTY = "\x1b[31m\x07\x9b1m\r\n::error::\u202egnp[red]$\\alpha$<b>\u2066|"
SHOWN = r"\x1b[31m\x07\x9b1m\r\n::error::\u202egnp[red]"
LAYERS = {"step": 0, "layer": NASTY, "quantity": "gradient_norm", "value": 1.0}


@pytest.fixture
def nasty(tmp_path, monkeypatch):
    """Results whose activation, dataset, message, metadata and experiment are a stranger's."""
    monkeypatch.chdir(tmp_path)
    folder = ResultsFolder(tmp_path / "nasty")
    runs = [
        made(name, norm=norm, seed=seed, val=(0.1, 0.5, 0.9 - drop), status=status, dataset=NASTY)
        for name, norm, seed, drop, status in (
            *((NASTY, "off", seed, 0.1, "finished") for seed in range(2)),
            *(("relu", "off", seed, 0.0, "finished") for seed in range(2)),
            *((NASTY, "batch", seed, 0.1, "finished") for seed in range(2)),
            *(("relu", "batch", seed, 0.0, "finished") for seed in range(2)),
        )
    ]
    runs[1] = made(NASTY, seed=1, status=DIVERGED, dataset=NASTY, message=NASTY)
    with folder.writing('dataset = "digits"\n'):
        for run in runs:
            table, curves = frames(run)
            layers = curves.iloc[:1].assign(**LAYERS)[["run_id", *LAYERS]]
            folder.write_part({"runs": table, "curves": curves, "layers": layers}, {"cpu": NASTY})
    return folder.path


def is_harmless(text):
    directions = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
    return not any(
        (unicodedata.category(character) in ("Cc", "Cs") and character not in "\n\t")
        or unicodedata.bidirectional(character) in directions
        for character in text
    )


@pytest.mark.parametrize("options", [[], ["--details"], ["--markdown"], ["--layers"], ["--json"]])
def test_a_report_shows_them_as_escapes(ablate, nasty, options):
    code, out, err = ablate("report", nasty, *options)
    assert code == 0, err
    assert is_harmless(out + err)
    assert "\n::error::" not in out + err
    if options == ["--json"]:
        assert json.loads(out)["datasets"] == [NASTY]
    elif options in ([], ["--details"]):
        assert SHOWN in out


def test_what_is_printed_plainly_is_escaped_by_the_stream(nasty):
    command = [sys.executable, "-m", "ablate", "report", "nasty", "--csv"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=nasty.parent)
    assert "\\x1b[31m" in done.stdout
    assert "\x1b" not in done.stdout


def test_a_page_shows_them_as_escapes(ablate, nasty):
    (nasty / "experiment.toml").write_text("# \x9b31m\u202e\n")  # which TOML allows
    assert ablate("report", nasty, "--html", "page.html")[0] == 0
    text = nasty.with_name("page.html").read_text()
    data = text[text.index("application/json") :].split("</script>")[0].split(">", 1)[1]
    assert is_harmless(
        "".join(line["variant"] + "".join(line["levels"].values()) for line in json.loads(data)["lines"])
    )
    plotly = max(text.split("<script"), key=len)
    assert is_harmless(text.replace(plotly, ""))
    assert "<b>" not in text.replace(plotly, "").split("</style>")[1]


@pytest.mark.filterwarnings("ignore:constrained_layout")  # the names are long
def test_figures_show_them_as_escapes(ablate, nasty):
    code, out, err = ablate("plot", nasty, "--format", "svg", "-o", "figures")
    assert code == 0, err
    assert err == ""  # of matplotlib, that a font has no such character
    for path in out.splitlines():
        ET.parse(path)


def test_the_gate_shows_them_as_escapes(ablate, nasty, monkeypatch):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    files = ["--junit", "junit.xml", "--summary", "summary.md", "--export", "bmf=bmf.json"]
    code, out, err = ablate("gate", nasty, nasty, *files)
    assert code == 5, err  # two seeds can show no regression
    assert is_harmless(out)
    assert "\n::error::" not in out
    assert SHOWN in out
    for name in ("junit.xml", "summary.md", "bmf.json"):
        assert is_harmless(nasty.with_name(name).read_text())
    ET.parse(nasty.with_name("junit.xml"))
