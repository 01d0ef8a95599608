import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

from ablate.cli.shared.summary import show
from ablate.store.parquet import ResultsFolder
from ablate.store.status import DIVERGED, FAILED
from tests.made_up import frames, made

GRID = [
    made("relu", seed=0, val=(0.1, 0.5, 0.9), gap=0.09),
    made("relu", seed=1, val=(0.1, 0.6, 0.8), gap=0.08),
    made("gelu", seed=0, val=(0.1, 0.4, 0.7), gap=0.01),
    made("gelu", seed=1, status=DIVERGED),
]


def written(path, *runs):
    folder = ResultsFolder(path)
    with folder.writing('dataset = "digits"\n'):
        for run in runs:
            tables = dict(zip(("runs", "curves"), frames(run), strict=True))
            folder.write_part(
                {name: table for name, table in tables.items() if len(table)}, {"torch": "2.15.0"}
            )
    return folder


@pytest.fixture
def results(tmp_path):
    return str(written(tmp_path / "demo", *GRID).path)


def test_it_shows_the_tables_whole_where_there_is_no_terminal(output_of, results, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    text = output_of("report", results)
    assert text.startswith("digits (mlp): 4 runs, 2 variants, 2 seeds (0-1)\n")
    assert "target     validation accuracy of 76.5%, 90% of the reference's best\n" in text
    assert "gelu norm=off dropout=0, seed 1: diverged at step 7: the loss is nan\n" in text
    assert "\x1b" not in text
    head = next(line for line in text.splitlines() if line.startswith("activation"))
    assert head.split()[-1] == "loss"


def test_show_prints_what_report_does_without_options(output_of, results, capsys):
    show(ResultsFolder(Path(results)))
    assert capsys.readouterr().out == output_of("report", results)


def test_options_choose_target_reference_and_order(output_of, results):
    text = output_of(
        "report",
        results,
        "--target",
        "50%",
        "--reference",
        "gelu norm=off dropout=0",
        "--sort",
        "gap_accuracy",
    )
    assert "reference  gelu norm=off dropout=0\n" in text
    assert "accuracy of 35.0%, 50% of the reference's best" in text
    rows = text.split("lowest gap % first")[1].splitlines()
    assert [row.split()[0] for row in rows[4:6]] == ["gelu", "relu"]


def test_json_is_one_document_on_stdout(output_of, results):
    document = json.loads(output_of("report", results, "--json", "--target", "0.5"))
    assert [variant["variant"] for variant in document["variants"]] == [
        "relu norm=off dropout=0",
        "gelu norm=off dropout=0",
    ]
    steps = {(run["variant"], run["seed"]): run["steps_to_target"] for run in document["runs"]}
    assert steps["relu norm=off dropout=0", 0] == 10.0
    assert steps["gelu norm=off dropout=0", 1] is None


def test_csv_has_a_head_and_one_line_a_variant(output_of, results):
    rows = list(csv.DictReader(output_of("report", results, "--csv", "--sort", "variant").splitlines()))
    assert [row["activation"] for row in rows] == ["relu", "gelu"]
    assert float(rows[0]["val_accuracy_mean"]) == pytest.approx(0.85)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--json", "--csv"], "--json, --csv, --markdown, --layers and --html exclude each other"),
        (
            ["--html", "page.html", "--json"],
            "--json, --csv, --markdown, --layers and --html exclude each other",
        ),
        (["--markdown", "--csv"], "--json, --csv, --markdown, --layers and --html exclude each other"),
        (["--margin", "wide"], "--margin: 'wide'"),
        (["--target", "95"], "--target: '95'"),
        (["--reference", "gelu"], "--reference: 'gelu'"),
        (["--sort", "best"], "--sort: 'best'"),
    ],
)
def test_a_wrong_option_is_explained(ablate, results, options, message):
    code, out, err = ablate("report", results, *options)
    assert (code, out) == (2, "")
    assert message in err


def test_a_folder_without_runs_has_nothing_to_show(ablate):
    code, out, err = ablate("report", "nowhere")
    assert (code, out) == (5, "")
    assert "nowhere" in err
    assert "ablate run" in err


def test_results_of_failed_runs_alone_are_shown(output_of, tmp_path):
    folder = written(tmp_path, made(status=FAILED), made("gelu", status=FAILED))
    assert "2 of 2 runs did not finish" in output_of("report", str(folder.path))


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


def test_markdown_is_what_a_pull_request_shows(output_of, results):
    text = output_of("report", results, "--markdown")
    assert text.startswith("## digits (mlp): 4 runs, 2 variants, 2 seeds (0-1)\n")
    assert "| activation | norm | dropout | n | failed | best val % |" in text


def test_the_margin_is_of_the_metric_sorted_by(output_of, results):
    assert "(margin 2 points)" in output_of("report", results, "--margin", "0.02")
    assert "gap in accuracy (margin 50% of the reference's" in output_of(
        "report", results, "--margin", "50%", "--sort", "gap_accuracy"
    )
    document = json.loads(output_of("report", results, "--json", "--margin", "0.25"))
    margins = {name: metric["margin"] for name, metric in document["metrics"].items()}
    assert (margins["best_val_accuracy"], margins["val_accuracy"]) == ("0.25", "0.005")


def test_layers_says_how_to_look_into_them_where_none_were(output_of, results):
    assert "holds no layers: train with `ablate run --diagnostics`" in output_of(
        "report", results, "--layers"
    )


def test_the_page_is_written_with_the_experiment_and_its_name_printed(output_of, results, tmp_path):
    before = {path: path.read_bytes() for path in Path(results).rglob("*.parquet")}
    page = tmp_path / "page.html"
    assert output_of("report", results, "--html", page) == f"{page}\n"
    text = page.read_text(encoding="utf-8")
    assert "digits (mlp): 4 runs, 2 variants, 2 seeds (0-1)" in text
    assert "dataset = &quot;digits&quot;" in text
    assert "ablate run experiment.toml -o results/demo" in text
    assert "2.15.0" in text
    assert {path: path.read_bytes() for path in Path(results).rglob("*.parquet")} == before


def test_a_page_that_cannot_be_written_is_told(ablate, results):
    code, _, err = ablate("report", results, "--html", "nowhere/page.html")
    assert code == 2
    assert "--html: 'nowhere/page.html' cannot be written" in err
