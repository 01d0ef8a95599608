import numpy as np
import pytest

from ablate.analysis.findings import find
from ablate.report.figures.heatmap import interactions
from tests.made_up import made
from tests.report.figures.drawn import grid, summary_of


def panels(figure):
    return [axes for axes in figure.axes if axes.axison]


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
