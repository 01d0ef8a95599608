"""Figures are read back: the data of their lines, bands, dots and cells, and what they say in words."""

import math

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from scipy import stats

from ablate.analysis.convergence import Target
from ablate.analysis.findings import find
from ablate.analysis.summary import summarize
from ablate.report.figures.convergence import convergence
from ablate.report.figures.dots import dots
from ablate.report.figures.files import FORMATS, figures, to_bytes
from ablate.report.figures.heatmap import interactions
from ablate.report.figures.layers import QUANTITIES, layers_figure
from ablate.report.figures.overfitting import overfitting
from ablate.report.style import look
from ablate.store.status import DIVERGED, FAILED
from tests.made_up import frames, made

# Final validation accuracy of each cell; seeds lie 0.02 on either side.
CELLS = {
    ("relu", "off"): 0.8,
    ("relu", "batch"): 0.9,
    ("sigmoid", "off"): 0.4,
    ("sigmoid", "batch"): 0.86,
}
LEFT, RIGHT = 0, 1
NO_LAYERS = pd.DataFrame({"run_id": [], "step": [], "layer": [], "quantity": [], "value": []})


def grid(**failing):
    """Runs of all cells, dropout 0 and 0.5 (0.1 lower), two seeds; `failing` gives a status by `relu_off_0`."""
    return [
        made(
            activation,
            norm,
            dropout,
            seed,
            val=tuple(x * (last - 0.1 * (dropout == "0.5") + 0.02 * (-1) ** seed) for x in (0.25, 0.75, 1)),
            gap=0.05 if norm == "off" else 0.01,
            status=failing.get(f"{activation}_{norm}_{seed}", "finished"),
        )
        for (activation, norm), last in CELLS.items()
        for dropout in ("0", "0.5")
        for seed in (0, 1)
    ]


def summary_of(runs, target="0.7", reference=None):
    stored, curves = frames(*runs)
    return summarize(stored, curves, Target.parse(target), reference, "best_val_accuracy"), curves


def lines(axes):
    """The lines of a panel with markers, by marker; a line across the panel has none."""
    return {
        line.get_marker(): line.get_xydata()
        for line in axes.get_lines()
        if line.get_marker() not in ("None", None)
    }


def texts(figure):
    return " | ".join(text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text")))


def panels(figure):
    return [axes for axes in figure.axes if axes.axison]


def test_convergence_has_a_line_a_level_and_a_panel_a_level_of_batch_norm():
    figure = convergence(*summary_of(grid()), "activation")
    top_left, top_right, left, right = figure.axes
    for axes, norm in ((left, "off"), (right, "batch")):
        drawn = lines(axes)
        for place, activation in enumerate(("sigmoid", "relu")):
            expected = CELLS[activation, norm] * np.array([0.25, 0.75, 1])
            np.testing.assert_allclose(drawn[look(place).marker], np.column_stack([(0, 10, 20), expected]))
    np.testing.assert_allclose(lines(top_left)[look(1).marker][:, 1], 2 - 0.8 * np.array([0.25, 0.75, 1]))
    assert (top_left.get_title("left"), top_right.get_title("left")) == ("norm off", "batch norm")
    assert "digits (mlp), dropout=0; mean and 95 % interval over 2 seeds" in texts(figure)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["sigmoid", "relu"]


def test_the_rest_is_as_in_the_reference():
    figure = convergence(*summary_of(grid(), reference="relu norm=batch dropout=0.5"), "activation")
    assert lines(figure.axes[2])[look(1).marker][-1, 1] == pytest.approx(0.7)
    assert "dropout=0.5;" in texts(figure)


def test_the_band_is_the_interval_over_seeds():
    figure = convergence(*summary_of(grid()), "activation")
    relu = figure.axes[2].collections[1].get_paths()[0].vertices
    low, high = stats.t.interval(0.95, 1, 0.8, stats.sem([0.82, 0.78]))
    at_the_end = relu[relu[:, 0] == 20][:, 1]
    assert (at_the_end.min(), at_the_end.max()) == pytest.approx((low, high))


def test_the_target_is_drawn_unless_it_is_unknown():
    assert "target 70.0 %" in texts(convergence(*summary_of(grid()), "activation"))
    unknown = summary_of([made(status=DIVERGED), made("gelu", status=FAILED)], target="90%")
    assert "target" not in texts(convergence(*unknown, "activation"))


@pytest.mark.parametrize("target", ["0.05", "0.99"])
def test_a_target_far_from_the_curves_is_within_the_panel(target):
    axes = convergence(*summary_of(grid(), target=target), "activation").axes[2]
    low, high = axes.get_ylim()
    assert low < float(target) < high


def test_the_untrained_network_takes_no_room_in_a_panel_of_accuracy():
    figure = convergence(
        *summary_of([made(val=(0.1, 0.9, 0.95), seed=seed) for seed in (0, 1)], target="0.92"), "activation"
    )
    low, high = figure.axes[1].get_ylim()
    assert 0.8 < low < 0.9
    assert 0.95 < high <= 1.015


def test_failed_runs_are_left_out_and_counted():
    runs = grid(sigmoid_off_0=DIVERGED, sigmoid_off_1=FAILED, relu_off_1=DIVERGED)
    figure = convergence(*summary_of(runs), "activation")
    drawn = lines(figure.axes[2])
    assert set(drawn) == {look(1).marker}
    assert drawn[look(1).marker][-1, 1] == pytest.approx(0.82)
    assert "failed: sigmoid 2 of 2, relu 1 of 2" in texts(figure)
    assert set(lines(figure.axes[3])) == {look(0).marker, look(1).marker}


def test_a_missing_evaluation_leaves_no_hole_where_another_seed_has_it():
    runs = [made(seed=0, val=(0.1, math.nan, 0.9)), made(seed=1, val=(0.1, 0.5, 0.7))]
    figure = convergence(*summary_of(runs), "activation")
    assert lines(figure.axes[1])[look(0).marker][:, 1] == pytest.approx([0.1, 0.5, 0.8])


def test_overfitting_sets_training_beside_validation_for_each_level():
    figure = overfitting(*summary_of(grid()), "norm")
    loss_off, loss_batch, off, batch = figure.axes
    for axes, last, gap in ((off, 0.8, 0.05), (batch, 0.9, 0.01)):
        drawn = lines(axes)
        assert drawn[look(0).marker][-1, 1] == pytest.approx(last + gap)
        assert drawn[look(1).marker][-1, 1] == pytest.approx(last)
    assert lines(loss_off)[look(1).marker][-1, 1] == pytest.approx(1.2)
    assert "gap 5.0 points" in texts(off)
    assert "gap 1.0 points" in texts(batch)
    assert "gap 0.050 nats" in texts(loss_off)
    assert loss_batch.get_title("left") == "batch norm"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["training", "validation"]


def test_the_onset_of_overfitting_is_marked_where_the_loss_turns_up():
    turning = (0.1, 0.9, *np.linspace(0.8, 0.2, 10))
    runs = [made(seed=seed, val=turning) for seed in (0, 1)] + [
        made("relu", "batch", seed=seed) for seed in (0, 1)
    ]
    figure = overfitting(*summary_of(runs), "norm")
    assert "overfits" in texts(figure.axes[0])
    assert 10 in [line.get_xdata()[0] for line in figure.axes[0].get_lines() if line.get_marker() == "None"]
    assert "overfits" not in texts(figure.axes[1])


def test_a_level_without_a_finished_run_has_an_empty_panel():
    figure = overfitting(*summary_of(grid(relu_batch_0=DIVERGED, relu_batch_1=DIVERGED)), "norm")
    assert lines(figure.axes[3]) == {}
    assert "failed: relu 2 of 2" in texts(figure.axes[3])


def found_dots(axes):
    """The dots of a panel: mean, place on the vertical axis, whether open; crosses apart."""
    return [
        (
            float(line.get_xdata()[0]),
            float(line.get_ydata()[0]),
            to_hex(line.get_markerfacecolor()) == "#ffffff",
        )
        for line in axes.get_lines()
        if line.get_marker() not in ("None", "x")
    ]


def test_dots_stand_at_the_means_with_their_intervals():
    figure = dots(summary_of(grid())[0])
    steps, gap, _ = figure.axes
    assert [label.get_text() for label in steps.get_yticklabels()] == ["sigmoid", "relu"]
    assert sorted(round(mean, 6) for mean, _, _ in found_dots(gap)) == [0.01] * 4 + [0.05] * 4
    summary, _ = summary_of(grid())
    row = summary.variants.set_index("variant").loc["relu norm=off dropout=0"]
    segments = [tuple(line.get_xdata()) for line in steps.get_lines() if len(line.get_xdata()) == 2]
    assert (row["steps_to_target_low"], row["steps_to_target_high"]) in segments
    assert (row["steps_to_target_mean"], False) in [(mean, is_open) for mean, _, is_open in found_dots(steps)]
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == [
        "norm=off dropout=0",
        "norm=off dropout=0.5",
        "norm=batch dropout=0",
        "norm=batch dropout=0.5",
    ]


def test_marks_stand_in_the_row_of_their_level():
    for mean, y, _ in found_dots(
        dots(summary_of([made("sigmoid", val=(0.1, 0.2)), made("relu", val=(0.1, 0.9))])[0]).axes[0]
    ):
        # Only sigmoid, the first row, needs all ten steps.
        assert (mean == 10) == (y == 0)


def test_a_censored_mean_is_open_with_an_arrow():
    figure = dots(summary_of([made("sigmoid", val=(0.1, 0.2)), made("relu", val=(0.1, 0.9))])[0])
    steps = figure.axes[0]
    assert [(mean, is_open) for mean, _, is_open in found_dots(steps)] == [
        (pytest.approx(7.5), False),
        (10.0, True),
    ]
    assert [text.get_text() for text in steps.texts] == ["→"]
    assert [text.get_text() for text in figure.axes[1].texts] == []


def test_a_variant_without_a_finished_run_has_a_cross_and_no_gap():
    figure = dots(summary_of(grid(sigmoid_off_0=DIVERGED, sigmoid_off_1=DIVERGED))[0])
    crosses = [line for line in figure.axes[1].get_lines() if line.get_marker() == "x"]
    assert len(crosses) == 2
    assert len(found_dots(figure.axes[1])) == 6
    assert {is_open for mean, _, is_open in found_dots(figure.axes[0]) if mean == 20} == {True}


def test_with_many_combinations_each_variant_has_its_row():
    runs = [made("relu", "off", f"0.{rate}", hidden=width) for rate in range(1, 7) for width in ("10", "20")]
    figure = dots(
        summary_of([*runs, *(made("gelu", "off", f"0.{rate}", hidden="10") for rate in range(1, 7))])[0]
    )
    assert len(figure.axes[0].get_yticklabels()) == 18
    assert figure.legends == []


def test_the_heatmap_holds_the_mean_of_each_cell():
    summary, _ = summary_of(grid())
    figure = interactions(summary, find(summary, "val_accuracy"))
    axes = next(each for each in panels(figure) if each.get_title("left").startswith("activation x norm"))
    # Means over dropout 0 and 0.5, which is a tenth lower.
    np.testing.assert_allclose(axes.images[0].get_array(), [[0.35, 0.81], [0.75, 0.85]])
    written = [text.get_text() for text in axes.texts]
    assert written == ["35.0", "81.0", "75.0", "85.0"]
    assert "% of the variance" in axes.get_title("left")
    assert [label.get_text() for label in axes.get_yticklabels()] == ["sigmoid", "relu"]
    assert len(panels(figure)) == 3


@pytest.mark.parametrize(("metric", "best"), [("val_accuracy", 0.85), ("gap_accuracy", 0.01)])
def test_lighter_is_better(metric, best):
    summary, _ = summary_of(grid())
    image = interactions(summary, find(summary, metric)).axes[0].images[0]
    values = image.get_array()
    light = image.cmap(image.norm(values)) @ (0.2126, 0.7152, 0.0722, 0)
    assert values.ravel()[light.argmax()] == pytest.approx(best)


def test_a_cell_without_runs_is_hatched_and_has_no_number():
    runs = [run for run in grid() if not run[0]["run_id"].startswith("sigmoid off")]
    summary, _ = summary_of(runs)
    axes = interactions(summary, find(summary, "val_accuracy")).axes[0]
    assert [text.get_text() for text in axes.texts] == ["-", "81.0", "75.0", "85.0"]
    assert [(patch.get_xy(), patch.get_hatch()) for patch in axes.patches] == [((-0.5, -0.5), "///")]


def test_nothing_interacts_where_one_factor_is_varied():
    summary, _ = summary_of([made("relu"), made("gelu")])
    assert interactions(summary, find(summary, "val_accuracy")) is None


def layers_of_runs(runs, quantity="gradient_norm"):
    """Ten times less a layer away from the output for sigmoid without batch norm, the same everywhere else."""
    names = [f"hidden.{place}" for place in range(11)]
    rows = []
    for row, _ in runs:
        vanishing = (row["activation"], row["norm"]) == ("sigmoid", "off")
        for step in (0, 10, 20):
            for place, layer in enumerate([*names, "output"]):
                value = 10.0 ** (place - len(names)) if vanishing else 1.0
                rows.append((row["run_id"], step, layer, quantity, value * (1 + step)))
    return pd.DataFrame(rows, columns=["run_id", "step", "layer", "quantity", "value"])


def test_layers_show_the_first_and_the_last_evaluation_in_the_order_of_the_layers():
    runs = grid()
    figure = layers_figure(summary_of(runs)[0], layers_of_runs(runs), "activation", "gradient_norm")
    start_off, start_pre, end_off, _ = figure.axes
    np.testing.assert_allclose(lines(start_off)[look(0).marker][:, 1], 10.0 ** (np.arange(12.0) - 11))
    np.testing.assert_allclose(lines(end_off)[look(0).marker][:, 1], 21 * 10.0 ** (np.arange(12.0) - 11))
    np.testing.assert_allclose(lines(start_pre)[look(0).marker][:, 1], 1)
    assert start_off.get_yscale() == "log"
    labels = [label.get_text() for label in end_off.get_xticklabels()]
    assert labels == [*(f"hidden.{place}" for place in range(11)), "output"]
    assert start_off.get_title("left") == "norm off, step 0"


def test_a_share_is_written_in_percent_and_an_unknown_quantity_by_its_name():
    runs = grid()
    share = layers_figure(summary_of(runs)[0], layers_of_runs(runs, "dead_share"), "activation", "dead_share")
    assert share.axes[0].yaxis.get_major_formatter()(0.5) == "50%"
    other = layers_figure(summary_of(runs)[0], layers_of_runs(runs, "my_own"), "activation", "my_own")
    assert other.axes[0].get_ylabel() == "my own"
    assert set(QUANTITIES) >= {"gradient_norm", "update_ratio", "dead_share", "saturated_share"}


def test_runs_that_failed_have_no_layers():
    runs = [made(status=DIVERGED), made("gelu", status=DIVERGED)]
    assert layers_figure(summary_of(runs)[0], layers_of_runs(runs), "activation", "gradient_norm") is None


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
