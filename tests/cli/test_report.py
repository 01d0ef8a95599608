import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from ablate.cli.report import report
from ablate.cli.shared.summary import show
from ablate.errors import NothingToShow, SpecError
from ablate.store.parquet import ResultsFolder
from ablate.store.status import DIVERGED, FAILED
from tests.made_up import frames, made

app = typer.Typer()
app.command()(report)

GRID = [
    made("relu", seed=0, val=(0.1, 0.5, 0.9), gap=0.09),
    made("relu", seed=1, val=(0.1, 0.6, 0.8), gap=0.08),
    made("gelu", seed=0, val=(0.1, 0.4, 0.7), gap=0.01),
    made("gelu", seed=1, status=DIVERGED),
]


def written(path, *runs):
    folder = ResultsFolder(path)
    with folder.writing(""):
        for run in runs:
            tables = dict(zip(("runs", "curves"), frames(run), strict=True))
            folder.write_part({name: table for name, table in tables.items() if len(table)}, {})
    return folder


@pytest.fixture
def results(tmp_path):
    return str(written(tmp_path / "demo", *GRID).path)


def reported(*arguments):
    result = CliRunner().invoke(app, arguments)
    if result.exception:
        raise result.exception
    return result.stdout


def test_it_shows_the_tables_whole_where_there_is_no_terminal(results, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    text = reported(results)
    assert text.startswith("digits (mlp): 4 runs, 2 variants, 2 seeds (0-1)\n")
    assert "target     validation accuracy of 76.5%, 90% of the reference's best\n" in text
    assert "gelu norm=off dropout=0, seed 1: diverged at step 7: the loss is nan\n" in text
    assert "\x1b" not in text
    head = next(line for line in text.splitlines() if line.startswith("activation"))
    assert head.split()[-1] == "loss"


def test_show_prints_what_report_does_without_options(results, capsys):
    show(ResultsFolder(Path(results)))
    assert capsys.readouterr().out == reported(results)


def test_options_choose_target_reference_and_order(results):
    text = reported(
        results, "--target", "50%", "--reference", "gelu norm=off dropout=0", "--sort", "gap_accuracy"
    )
    assert "reference  gelu norm=off dropout=0\n" in text
    assert "accuracy of 35.0%, 50% of the reference's best" in text
    rows = text.split("lowest gap % first")[1].splitlines()
    assert [row.split()[0] for row in rows[4:6]] == ["gelu", "relu"]


def test_json_is_one_document_on_stdout(results):
    document = json.loads(reported(results, "--json", "--target", "0.5"))
    assert [variant["variant"] for variant in document["variants"]] == [
        "relu norm=off dropout=0",
        "gelu norm=off dropout=0",
    ]
    steps = {(run["variant"], run["seed"]): run["steps_to_target"] for run in document["runs"]}
    assert steps["relu norm=off dropout=0", 0] == 10.0
    assert steps["gelu norm=off dropout=0", 1] is None


def test_csv_has_a_head_and_one_line_a_variant(results):
    rows = list(csv.DictReader(reported(results, "--csv", "--sort", "variant").splitlines()))
    assert [row["activation"] for row in rows] == ["relu", "gelu"]
    assert float(rows[0]["val_accuracy_mean"]) == pytest.approx(0.85)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--json", "--csv"], "--json, --csv, --markdown, --layers and --html exclude each other"),
        (["--markdown", "--csv"], "--json, --csv, --markdown, --layers and --html exclude each other"),
        (["--margin", "wide"], "--margin: 'wide'"),
        (["--target", "95"], "--target: '95'"),
        (["--reference", "gelu"], "--reference: 'gelu'"),
        (["--sort", "best"], "--sort: 'best'"),
    ],
)
def test_a_wrong_option_is_explained(results, options, message):
    with pytest.raises(SpecError, match=message) as caught:
        reported(results, *options)
    assert caught.value.exit_code == 2


def test_a_folder_without_runs_has_nothing_to_show(tmp_path):
    with pytest.raises(NothingToShow, match="nowhere") as caught:
        reported(str(tmp_path / "nowhere"))
    assert caught.value.exit_code == 5


def test_results_of_failed_runs_alone_are_shown(tmp_path):
    folder = written(tmp_path, made(status=FAILED), made("gelu", status=FAILED))
    assert "2 of 2 runs did not finish" in reported(str(folder.path))


def test_it_shows_results_without_torch(results):
    code = (
        "import sys, typer; from ablate.cli.report import report;"
        "app = typer.Typer(); app.command()(report); app(standalone_mode=False);"
        "assert not {'torch', 'torchvision', 'sklearn'} & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, results], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "4 runs, 2 variants" in done.stdout


def test_markdown_is_what_a_pull_request_shows(results):
    text = reported(results, "--markdown")
    assert text.startswith("## digits (mlp): 4 runs, 2 variants, 2 seeds (0-1)\n")
    assert "| activation | norm | dropout | n | failed | best val % |" in text


def test_the_margin_is_of_the_metric_sorted_by(results):
    assert "(margin 2 points)" in reported(results, "--margin", "0.02")
    assert "gap in accuracy (margin 50% of the reference's" in reported(
        results, "--margin", "50%", "--sort", "gap_accuracy"
    )
    document = json.loads(reported(results, "--json", "--margin", "0.25"))
    margins = {name: metric["margin"] for name, metric in document["metrics"].items()}
    assert (margins["best_val_accuracy"], margins["val_accuracy"]) == ("0.25", "0.005")


def test_layers_says_how_to_look_into_them_where_none_were(results):
    assert "holds no layers: train with `ablate run --diagnostics`" in reported(results, "--layers")
