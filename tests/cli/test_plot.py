import os
import subprocess
import sys
from pathlib import Path

import pytest

from ablate.store.parquet import ResultsFolder
from ablate.store.status import DIVERGED
from tests.made_up import frames, made

GRID = [
    made("relu", seed=0, val=(0.1, 0.5, 0.9)),
    made("relu", seed=1, val=(0.1, 0.6, 0.8)),
    made("gelu", seed=0, val=(0.1, 0.4, 0.7)),
    made("gelu", seed=1, status=DIVERGED),
]


@pytest.fixture
def results(tmp_path):
    folder = ResultsFolder(tmp_path / "demo")
    with folder.writing('dataset = "digits"\n'):
        for run in GRID:
            folder.write_part(dict(zip(("runs", "curves"), frames(run), strict=True)), {"torch": "2.15.0"})
    return folder.path


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_figures_are_written_where_asked_and_named_on_stdout(output_of, results, tmp_path):
    before = contents(results)
    out = output_of("plot", results, "-o", tmp_path / "figures")
    files = [Path(line) for line in out.splitlines()]
    assert [file.name for file in files] == ["convergence-activation.png", "speed-and-gap.png"]
    assert {file.read_bytes()[:4] for file in files} == {b"\x89PNG"}
    assert contents(results) == before


def test_they_stand_in_a_folder_named_like_the_results_unless_asked(
    output_of, results, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    out = output_of("plot", results, "--format", "svg")
    assert out.splitlines()[0] == str(Path("figures/demo/convergence-activation.svg"))
    assert (tmp_path / "figures/demo/speed-and-gap.svg").read_bytes().startswith(b"<?xml")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--format", "pgn"], "--format: 'pgn' is not one of png, svg; did you mean 'png'?"),
        (["--reference", "gelu"], "--reference: 'gelu'"),
        (["--target", "95"], "--target: '95'"),
    ],
)
def test_a_mistake_is_named_and_nothing_written(ablate, results, tmp_path, options, message):
    code, out, err = ablate("plot", results, "-o", tmp_path / "figures", *options)
    assert (code, out) == (2, "")
    assert message in err
    assert not (tmp_path / "figures").exists()


def test_nothing_to_plot_is_told(ablate):
    assert ablate("plot", "none")[:2] == (5, "")


def test_a_folder_that_cannot_be_written_is_told(ablate, results, tmp_path):
    (tmp_path / "file").write_text("here")
    code, _, err = ablate("plot", results, "-o", "file")
    assert code == 2
    assert "-o/--output: 'file/convergence-activation.png' cannot be written" in err
    assert err.endswith("; choose another folder\n")


def test_two_processes_write_the_same_files_without_torch_and_pyplot(results, tmp_path):
    code = (
        "import sys, typer; from ablate.cli.plot import plot;"
        "app = typer.Typer(); app.command()(plot); app(standalone_mode=False);"
        "assert not {'torch', 'matplotlib.pyplot'} & set(sys.modules)"
    )
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(results), "-o", str(tmp_path / seed), "--format", "svg"],
            env=os.environ | {"PYTHONHASHSEED": seed},
            stdout=subprocess.DEVNULL,
        )
        for seed in ("1", "2")
    ]
    assert [process.wait(timeout=60) for process in started] == [0, 0]
    assert contents(tmp_path / "1") == contents(tmp_path / "2") != {}
