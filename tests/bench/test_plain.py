"""The rivals do the same work: with equal weights and batches and no dropout they score what the engine scores."""

import numpy as np
import pytest
import torch
from torch import nn

from ablate.bench.captured import captured_loop
from ablate.bench.ensemble import Ensemble, StackableDropout
from ablate.bench.plain import PlainData, dataloader_loop, plain_module, score, stock_loop, tuned_loop
from ablate.bench.rivals import RIVALS
from ablate.bench.training import TRAINERS
from ablate.data.dataset import load
from ablate.data.order import epoch_order
from ablate.experiment.grid import expand
from ablate.experiment.plan import Stack
from ablate.experiment.spec import build
from ablate.training.train import train_stack

SEED = 0
SETTINGS = [
    {"activation": "relu", "norm": "batch"},
    {"activation": "prelu", "norm": "off", "optimizer": "adam", "learning_rate": 0.01},
    {"activation": "mish", "norm": "batch-post", "momentum": 0.9, "schedule": "cosine"},
    {"activation": "tanh", "norm": "off", "optimizer": "adamw", "learning_rate": 0.01},
    {"activation": "relu", "norm": "batch", "model": "cnn", "channels": "4"},
]


class Ordered(PlainData):
    """Data that come in the engine's order for a seed."""

    def order(self, epoch):
        return epoch_order(SEED, epoch, len(self.y))


@pytest.fixture(scope="module")
def dataset():
    return load(build({}))


@pytest.fixture(autouse=True)
def _with_gradients():
    with torch.enable_grad():
        yield


def run_of(**settings):
    (run,) = expand(build({"dropout": 0, "seeds": 1, "epochs": 2} | settings))
    return run


def data_for(run, dataset, kind=Ordered, evals_per_epoch=2):
    return kind.of(dataset, run, evals_per_epoch, "cpu")


@pytest.fixture(
    scope="module",
    params=SETTINGS,
    ids=lambda settings: f"{settings.get('model', 'mlp')} {settings['activation']}",
)
def trained(request, dataset):
    """A run and the engine's scores of it."""
    run = run_of(**request.param)
    with torch.no_grad():
        result = train_stack(Stack((run,), 2), dataset)
    names = ("train_loss", "train_accuracy", "val_loss", "val_accuracy")
    return run, np.stack([result.curves[name][:, 0] for name in names], axis=1)


@pytest.mark.parametrize("loop", [tuned_loop, stock_loop])
def test_a_loop_scores_what_the_engine_scores(trained, dataset, loop):
    run, expected = trained
    data = data_for(run, dataset)
    scores = np.array(loop(plain_module(run, data), run, data))
    assert scores.shape == expected.shape == (5, 4)
    np.testing.assert_allclose(scores[:, [0, 2]], expected[:, [0, 2]], rtol=2e-3)
    np.testing.assert_allclose(scores[:, [1, 3]], expected[:, [1, 3]], atol=0.011)
    assert scores[-1, 3] > 0.3


def test_an_ensemble_of_equals_scores_what_the_engine_scores(trained, dataset):
    run, expected = trained
    scores = np.array(Ensemble([run, run, run], data_for(run, dataset)).train())
    np.testing.assert_allclose(scores[:, [0, 2]], expected[:, [0, 2]], rtol=2e-3)
    np.testing.assert_allclose(scores[:, [1, 3]], expected[:, [1, 3]], atol=0.011)


@pytest.mark.parametrize("name", [name for name, rival in RIVALS.items() if not rival.needs_cuda])
def test_every_rival_learns_far_beyond_chance(dataset, name):
    run = run_of(activation="relu", norm="batch", dropout=0.2, epochs=4)
    unit = (run, run.with_settings(dropout=(0.5, 0.5))) if RIVALS[name].is_ensemble else (run,)
    scores = TRAINERS[name](unit, data_for(run, dataset, PlainData, evals_per_epoch=1))()
    assert len(scores) == 5
    assert scores[0][3] < 0.3
    assert scores[-1][3] > 0.8


def test_there_is_a_trainer_for_every_rival():
    assert set(TRAINERS) == set(RIVALS)


def test_a_dataloader_loop_evaluates_as_often_as_the_others(dataset):
    run = run_of(activation="relu", norm="off")
    data = data_for(run, dataset)
    assert len(dataloader_loop(plain_module(run, data), run, data)) == 5


def test_dropout_is_torchs_own_and_left_out_at_rate_0(dataset):
    run = run_of(activation="relu", norm="batch", dropout="0/0.5")
    network = plain_module(run, data_for(run, dataset))
    assert [module.p for module in network.modules() if isinstance(module, nn.Dropout)] == [0.5]
    assert sum(isinstance(module, nn.BatchNorm1d) for module in network.modules()) == 2


def test_stackable_dropout_drops_at_its_own_rate_in_training_alone():
    x = torch.ones(200, 100)
    for rate in (0.0, 0.2, 0.5):
        layer = StackableDropout(rate)
        dropped = layer(x)
        assert float((dropped == 0).double().mean()) == pytest.approx(rate, abs=0.02)
        assert dropped.max() == pytest.approx(1 / (1 - rate))
        assert torch.equal(layer.eval()(x), x)


def test_members_of_an_ensemble_drop_at_their_own_rates(dataset):
    run = run_of(activation="relu", norm="off", dropout=0.5)
    ensemble = Ensemble([run, run.with_settings(dropout=(0.0, 0.0))], data_for(run, dataset))
    rates = [value for name, value in ensemble.buffers.items() if name.endswith("rate")]
    assert [rate.tolist() for rate in rates] == [[0.5, 0.0], [0.5, 0.0]]


@pytest.mark.cuda
def test_a_captured_loop_scores_what_the_plain_loop_scores(dataset):
    for settings in SETTINGS:
        run = run_of(**settings)
        data = Ordered.of(dataset, run, 2, "cuda")
        captured = captured_loop(plain_module(run, data), run, data)
        np.testing.assert_allclose(captured, tuned_loop(plain_module(run, data), run, data), rtol=2e-2)


def test_scores_are_means_over_all_samples(dataset):
    run = run_of(activation="relu", norm="off")
    data = data_for(run, dataset)
    network = plain_module(run, data)
    x, y = data.sets[1]
    with torch.no_grad():
        loss = float(nn.functional.cross_entropy(network(x), y))
    assert score(network, data)[2] == pytest.approx(loss, rel=1e-5)
