import numpy as np
import pytest

from ablate.report.figures.overfitting import overfitting
from ablate.report.style import look
from ablate.store.status import DIVERGED
from tests.made_up import made
from tests.report.figures.drawn import grid, lines, summary_of, texts


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
