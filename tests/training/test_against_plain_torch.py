"""Statistical agreement with plain torch: another loop, other seeds, weights and batches, the same scores."""

import pytest
import torch
from scipy import stats
from torch import nn

from ablate.data.dataset import load
from ablate.experiment.grid import expand
from ablate.experiment.plan import make_plan, sizes_of
from ablate.experiment.spec import build
from ablate.training.train import train_stack

EPOCHS, SEEDS, RATE = 12, 10, 0.5
FUNCTIONS = {"relu": nn.ReLU, "sigmoid": nn.Sigmoid}


@pytest.fixture(scope="module")
def dataset():
    return load(build({}))


@pytest.fixture(scope="module")
def ours(dataset):
    """Final validation accuracies of ten seeds, by activation and batch norm."""
    experiment = build(
        {
            "activation": list(FUNCTIONS),
            "dropout": 0,
            "norm": "off,batch",
            "seeds": SEEDS,
            "epochs": EPOCHS,
            "learning_rate": RATE,
        }
    )
    found = {}
    for stack in make_plan(expand(experiment), sizes_of(experiment), 1).stacks:
        result = train_stack(stack, dataset)
        for run, accuracy in zip(stack.runs, result.curves["val_accuracy"][-1], strict=True):
            found.setdefault((run.activation, run.norm), []).append(accuracy)
    return found


def _plain_accuracy(function, norm, seed, dataset):
    """Trains a network the way a textbook does and returns its validation accuracy."""
    torch.manual_seed(1000 + seed)
    layers = []
    for inputs, outputs in ((64, 100), (100, 50)):
        layers.append(nn.Linear(inputs, outputs))
        if norm:
            layers.append(nn.BatchNorm1d(outputs))
        layers.append(function())
    network = nn.Sequential(*layers, nn.Linear(50, 10))
    optimizer = torch.optim.SGD(network.parameters(), lr=RATE)
    x, y = dataset.x_train.flatten(1), dataset.y_train
    for _ in range(EPOCHS):
        for chosen in torch.randperm(len(y)).split(64):
            if len(chosen) == 64:
                optimizer.zero_grad()
                nn.functional.cross_entropy(network(x[chosen]), y[chosen]).backward()
                optimizer.step()
    network.eval()
    return float((network(dataset.x_val.flatten(1)).argmax(1) == dataset.y_val).double().mean())


@pytest.mark.parametrize("norm", ["off", "batch"])
@pytest.mark.parametrize("activation", list(FUNCTIONS))
def test_mean_validation_accuracy_agrees_with_an_independent_loop(ours, dataset, activation, norm):
    with torch.enable_grad():
        plain = [
            _plain_accuracy(FUNCTIONS[activation], norm == "batch", seed, dataset) for seed in range(SEEDS)
        ]
    assert len(ours[activation, norm]) == SEEDS
    interval = stats.ttest_ind(ours[activation, norm], plain, equal_var=False).confidence_interval(0.99)
    assert interval.low <= 0 <= interval.high
    # An interval that could hold anything would prove nothing.
    assert interval.high - interval.low < 0.06
