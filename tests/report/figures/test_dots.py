import pytest
from matplotlib.colors import to_hex

from ablate.report.figures.dots import dots
from ablate.store.status import DIVERGED
from tests.made_up import made
from tests.report.figures.drawn import grid, summary_of


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
