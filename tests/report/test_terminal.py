import io
from itertools import product
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

from ablate.analysis.convergence import Target
from ablate.analysis.findings import find
from ablate.analysis.summary import summarize
from ablate.report.console import console
from ablate.report.terminal import print_report
from ablate.store.status import DIVERGED, FAILED
from tests.made_up import frames, made

SPEED = {"sigmoid": 0.3, "relu": 0.8}


def tiny_grid():
    """Sigmoid and relu, norm off and batch, two seeds; one run diverged and one variant failed."""
    runs = []
    for activation, norm, seed in product(SPEED, ("off", "batch"), (0, 1)):
        half = SPEED[activation] + 0.01 * seed
        val = (0.1, half, half + (0.1 if norm == "batch" else 0.05))
        status = {
            ("sigmoid", "off", 1): DIVERGED,
            ("sigmoid", "batch", 0): FAILED,
            ("sigmoid", "batch", 1): FAILED,
        }
        runs.append(
            made(
                activation,
                norm,
                seed=seed,
                val=val,
                gap=-0.01 if norm == "off" else 0.02,
                status=status.get((activation, norm, seed), "finished"),
            )
        )
    return runs


def shown(
    runs, width, *, target="90%", reference=None, sort="best_val_accuracy", encoding="utf-8", details=True
):
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    summary = summarize(*frames(*runs), Target.parse(target), reference, sort)
    where = console(file) if width is None else Console(file=file, width=width, color_system=None)
    print_report(summary, find(summary), where, details)
    file.seek(0)
    return "".join(line.rstrip() + "\n" for line in file.read().splitlines())


def golden(width, details):
    name = f"tiny_grid_{'details_' if details else ''}{width}.txt"
    return (Path(__file__).parent / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("details", [True, False])
@pytest.mark.parametrize("width", [200, 80])
def test_the_report_of_a_tiny_grid(width, details):
    assert shown(tiny_grid(), width, details=details) == golden(width, details)


def test_what_is_no_terminal_gets_each_line_and_table_whole():
    whole = shown(tiny_grid(), None, details=True).split()
    assert whole == golden(200, details=True).split()


@pytest.mark.parametrize("width", [20, 40, 60, 77, 100, 127])
def test_at_no_width_a_number_is_lost_or_torn(width):
    words = set(shown(tiny_grid(), width).replace("─", "").split())
    assert words == set(golden(200, details=True).replace("─", "").split())


def test_tables_fit_a_terminal_of_80_columns():
    assert max(map(len, shown(tiny_grid(), 80).splitlines())) <= 80


def test_an_output_that_knows_but_ascii_gets_ascii():
    text = shown(tiny_grid(), 200, encoding="ascii")
    assert text.isascii()
    assert "too few, +4  90.5 +-0.7 +  >=15 +-0  " in text
    assert "+ best, - worst of a column" in text


def test_each_metric_is_sorted_by_best_first_and_shown():
    runs = tiny_grid()
    assert "Variants, lowest gap loss at best first" in shown(runs, 200, sort="best_gap_loss")
    assert "at best" not in shown(runs, 200)
    by_gap = shown(runs, 200, sort="gap_accuracy").split("Variants, lowest gap % first")[1].splitlines()
    assert [line.split()[:2] for line in by_gap[4:8]] == [
        ["sigmoid", "off"],
        ["relu", "off"],
        ["relu", "batch"],
        ["sigmoid", "batch"],
    ]
    assert "\nVariants\n" in shown(runs, 200, sort="variant")


def test_a_single_factor_needs_no_table_by_level_and_a_clean_grid_no_word_on_failures():
    text = shown([made(activation, seed=seed) for activation in SPEED for seed in (0, 1, 5)], 200)
    assert "6 runs, 2 variants, 3 seeds (0-1, 5)" in text
    assert "By activation" not in text
    assert "failed" not in text
    assert "did not finish" not in text
    assert "≥" not in text


def test_backgrounds_that_were_left_out_are_counted():
    lone = made("gelu", "batch", dropout="0.5")
    text = shown(
        [made("gelu", "off"), made("relu", "off"), made("gelu", "batch"), made("relu", "batch"), lone], 200
    )
    assert (
        "By activation, highest best val % first; averaged over 2 backgrounds of 3 (the others were" in text
    )
    assert "By dropout, highest best val % first; averaged over 1 background of 4 (the others were" in text


def test_a_factor_of_which_no_background_is_complete_says_so():
    text = shown([made("gelu", "off"), made("relu", "batch")], 200)
    assert "By norm: nothing to compare, as no background was run at every level" in text


def test_an_absolute_target_is_named_without_the_reference():
    assert "target     validation accuracy of 95.0%\n" in shown(tiny_grid(), 200, target="0.95")


def test_a_target_relative_to_what_never_finished_says_what_to_do():
    text = shown(tiny_grid(), 200, reference="sigmoid norm=batch dropout=0")
    assert "unknown, 90% of the reference's best" in text
    assert "--target 0.9" in text
    assert "≥" not in text
    assert ">20" not in text


def test_where_everything_failed_the_tables_still_are_printed():
    text = shown([made(status=FAILED), made("gelu", status=FAILED)], 80)
    assert "2 of 2 runs did not finish" in text
    assert "gelu norm=off dropout=0, seed 0: failed: the worker was killed" in text


def test_seeds_that_diverged_at_several_steps_are_named_with_the_first():
    runs = [made(seed=seed, status=DIVERGED, failed_step=step) for seed, step in ((0, 40), (1, 12), (3, 90))]
    assert "seeds 0-1, 3: diverged from step 12 on: the loss is nan" in shown([*runs, made("gelu")], 200)


def test_on_a_terminal_the_best_is_green_and_the_worst_red():
    file = io.StringIO()
    summary = summarize(*frames(*tiny_grid()), Target.parse("90%"), None, "best_val_accuracy")
    terminal = Console(file=file, width=200, force_terminal=True, color_system="standard")
    print_report(summary, find(summary), terminal)
    assert "\x1b[32m90.5 ±0.7 ▲" in file.getvalue()
    assert "\x1b[31m35.0      ▼" in file.getvalue()


def many(count=12):
    """Variants whose best scores fall from 95 % in steps of two points, three seeds each."""
    rates = [f"0.{number:02}" for number in range(count)]
    return [
        made(
            "relu",
            dropout=rate,
            seed=seed,
            val=(0.1, 0.2, 0.95 - 0.02 * number + 0.001 * (number + seed) % 0.003),
        )
        for number, rate in enumerate(rates)
        for seed in range(3)
    ]


def variant_rows(text):
    rows = text.split("\nVariants")[1].splitlines()
    return [line.split()[2] for line in rows if line.startswith("relu")]


def test_of_many_variants_the_first_and_the_last_are_shown_and_all_on_demand():
    assert variant_rows(shown(many(), 200, details=True)) == [f"0.{number:02}" for number in range(12)]
    brief = shown(many(), 200, details=False)
    assert variant_rows(brief) == ["0.00", "0.01", "0.02", "0.03", "0.04", "0.09", "0.10", "0.11"]
    assert "the first 5 and the last 3 of 12, all with --details\n" in brief
    assert len(variant_rows(shown(many(9), 200, details=False))) == 9


def test_what_a_person_reads_first_is_on_one_screen():
    text = shown(tiny_grid(), 80, details=False)
    assert len(text.split("\nBy activation")[0].splitlines()) <= 30


def test_the_step_from_which_runs_overfit_is_shown_on_demand():
    rising = (2.0, 1.0, *(1.1 + 0.1 * step for step in range(7)))
    runs = [made("relu", seed=seed, val=tuple(2 - loss for loss in rising)) for seed in (0, 1)]
    text = shown([*runs, made("tanh", val=(0.0, 1.0, *[0.5] * 7))], 200, details=True)
    rows = {
        line.split()[0]: line.split()[-2:] for line in text.splitlines() if line.startswith(("relu", "tanh"))
    }
    assert "overfits" in text
    assert rows["relu"] == ["±0", "2/2"]
    assert rows["tanh"] == [">80", "0/1"]
    assert "overfits" not in shown([*runs, made("tanh")], 200, details=False)


def test_seconds_to_target_are_shown_where_step_costs_were_measured():
    runs = frames(made("relu"), made("tanh"))
    costs = pd.DataFrame({"variant": ["tanh norm=off dropout=0"], "step_seconds": [0.25]})
    summary = summarize(*runs, Target.parse("0.5"), None, "variant", costs)
    file = io.StringIO()
    print_report(summary, find(summary), Console(file=file, width=250, color_system=None), details=True)
    rows = {line.split()[0]: line.split()[-1] for line in file.getvalue().splitlines() if "off" in line}
    assert (rows["relu"], rows["tanh"]) == ("-", "2.50")
