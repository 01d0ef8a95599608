import matplotlib
import pandas as pd
import pytest

from ablate.report.figures.curves import convergence
from ablate.report.figures.dots import dots
from ablate.report.figures.files import FORMATS, figures, to_bytes
from ablate.store.status import DIVERGED, FAILED
from tests.made_up import made
from tests.report.figures.drawn import grid, layers_of_runs, summary_of

NO_LAYERS = pd.DataFrame({"run_id": [], "step": [], "layer": [], "quantity": [], "value": []})


def test_all_figures_of_a_grid():
    runs = grid()
    summary, curves = summary_of(runs)
    assert [name for name, _ in figures(summary, curves, layers_of_runs(runs))] == [
        "convergence-activation",
        "convergence-norm",
        "convergence-dropout",
        "overfitting-norm",
        "overfitting-dropout",
        "speed-and-gap",
        "interactions-best_val_accuracy",
        "interactions-steps_to_target",
        "interactions-gap_accuracy",
        "layers-gradient_norm",
    ]


@pytest.mark.parametrize("status", ["finished", DIVERGED, FAILED])
def test_one_run_alone_has_figures_whatever_became_of_it(status):
    summary, curves = summary_of([made(status=status)])
    drawn = dict(figures(summary, curves, NO_LAYERS))
    assert list(drawn) == [
        "convergence-activation",
        "overfitting-norm",
        "overfitting-dropout",
        "speed-and-gap",
    ]
    if status == DIVERGED:
        for figure in drawn.values():
            assert to_bytes(figure, "png").startswith(b"\x89PNG")


@pytest.mark.parametrize("kind", FORMATS)
def test_the_same_figure_is_the_same_file_without_a_date(kind):
    first, second = (to_bytes(convergence(*summary_of(grid()), "activation"), kind) for _ in range(2))
    assert first == second
    assert b"Date" not in first
    assert b"Software" not in first


def test_no_state_of_matplotlib_is_changed():
    before = dict(matplotlib.rcParams)
    to_bytes(dots(summary_of(grid())[0]), "svg")
    assert dict(matplotlib.rcParams) == before
