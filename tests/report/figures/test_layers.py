import numpy as np

from ablate.report.figures.layers import QUANTITIES, layers_figure
from ablate.report.style import look
from ablate.store.status import DIVERGED
from tests.made_up import made
from tests.report.figures.drawn import grid, layers_of_runs, lines, summary_of


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
