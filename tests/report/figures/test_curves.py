import math

import numpy as np
import pytest
from scipy import stats

from ablate.report.figures.curves import convergence, overfitting
from ablate.report.style import look
from ablate.store.status import DIVERGED, FAILED
from tests.made_up import made
from tests.report.figures.drawn import CELLS, grid, lines, summary_of, texts


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
