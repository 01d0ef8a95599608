import pytest
from torch import nn

from ablate.bench.plain import dataloader_loop, plain_module, stock_loop, tuned_loop
from tests.bench.plain_runs import assert_same_scores, engine_order, run_of

pytestmark = pytest.mark.usefixtures("gradients")


@pytest.mark.parametrize("loop", [tuned_loop, stock_loop])
def test_a_loop_on_the_engines_batches_scores_what_the_engine_scores(trained_by_the_engine, digits, loop):
    run, expected = trained_by_the_engine
    data = engine_order(run, digits)
    scores = loop(plain_module(run, data), run, data)
    assert_same_scores(scores, expected)
    assert scores[-1][3] > 0.3


def test_a_dataloader_loop_evaluates_as_often_as_the_others(digits):
    run = run_of(activation="relu", norm="off")
    data = engine_order(run, digits)
    assert len(dataloader_loop(plain_module(run, data), run, data)) == 5


def test_dropout_is_torchs_own_and_left_out_at_rate_0(digits):
    run = run_of(activation="relu", norm="batch", dropout="0/0.5")
    network = plain_module(run, engine_order(run, digits))
    assert [module.p for module in network.modules() if isinstance(module, nn.Dropout)] == [0.5]
    assert sum(isinstance(module, nn.BatchNorm1d) for module in network.modules()) == 2


def test_dropout_of_a_block_of_convolutions_drops_whole_channels(digits):
    run = run_of(activation="relu", norm="off", model="cnn", channels="4/4", dropout="0/0.2/0.5")
    network = plain_module(run, engine_order(run, digits))
    assert [module.p for module in network.modules() if isinstance(module, nn.Dropout2d)] == [0.2]
    assert [module.p for module in network.modules() if isinstance(module, nn.Dropout)] == [0.5]
