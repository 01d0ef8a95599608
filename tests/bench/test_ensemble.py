import pytest
import torch

from ablate.bench.ensemble import Ensemble, StackableDropout
from tests.bench.plain_runs import assert_same_scores, engine_order, run_of

pytestmark = pytest.mark.usefixtures("gradients")


def test_an_ensemble_of_equal_members_scores_what_the_engine_scores(trained_by_the_engine, digits):
    run, expected = trained_by_the_engine
    assert_same_scores(Ensemble([run, run, run], engine_order(run, digits)).train(), expected)


def test_stackable_dropout_drops_at_its_own_rate_in_training_alone():
    x = torch.ones(200, 100)
    for rate in (0.0, 0.2, 0.5):
        layer = StackableDropout(rate)
        dropped = layer(x)
        assert float((dropped == 0).double().mean()) == pytest.approx(rate, abs=0.02)
        assert dropped.max() == pytest.approx(1 / (1 - rate))
        assert torch.equal(layer.eval()(x), x)


def test_members_of_an_ensemble_drop_at_their_own_rates(digits):
    run = run_of(activation="relu", norm="off", dropout=0.5)
    ensemble = Ensemble([run, run.with_settings(dropout=(0.0, 0.0))], engine_order(run, digits))
    rates = [value for name, value in ensemble.buffers.items() if name.endswith("rate")]
    assert [rate.tolist() for rate in rates] == [[0.5, 0.0], [0.5, 0.0]]
