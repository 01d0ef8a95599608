"""The oracle: every member of a mixed stack of MLPs equals the plain torch.nn network of `reference`, by value."""

import pytest
import torch

from ablate.experiment.activations import ACTIVATIONS
from ablate.experiment.norms import NORM_LEVELS
from ablate.nn.members import Member
from ablate.nn.mlp import MLP
from ablate.nn.stacked import StackedNetwork
from tests.nn.plain_training import (
    OPTIMIZERS,
    SEEDS,
    losses_in_bf16,
    random_batches,
    settings,
    settings_for,
    train_stack,
    worst_difference,
)
from tests.tolerances import ORACLE

SHAPE = {"features": 12, "hidden": (9, 7), "classes": 4}
DROPOUTS = ((0.0, 0.0), (0.2, 0.5))


@pytest.fixture(scope="module")
def batches():
    return random_batches(20, 16, (SHAPE["features"],), SHAPE["classes"])


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("norm", NORM_LEVELS)
def test_every_member_of_a_mixed_stack_equals_the_plain_network(batches, norm, optimizer):
    members = [
        Member(activation, dropout, seed)
        for activation in ACTIVATIONS
        for dropout in DROPOUTS
        for seed in SEEDS
    ]
    if norm not in ("off", "batch", "batch-post"):
        members = [member for member in members if (member.seed == 0) == (member.dropout == DROPOUTS[0])]
        batches = {seed: (x[:10], y[:10]) for seed, (x, y) in batches.items()}
    run = settings_for(optimizer, norm)
    difference, where = worst_difference(MLP(**SHAPE, norm=norm), members, run, batches)
    assert difference < ORACLE, where


def test_adam_with_weight_decay_equals_the_plain_network(batches):
    members = [Member(activation, (0.2, 0.5), 0) for activation in ("gelu", "prelu", "relu", "sigmoid")]
    adam = settings("adam", 1e-3, weight_decay=0.01)
    difference, where = worst_difference(MLP(**SHAPE, norm="batch"), members, adam, batches)
    assert difference < ORACLE, where


@pytest.mark.parametrize("hidden", [(1,), (6, 1, 5)])
def test_hidden_layers_of_one_unit_equal_the_plain_network(batches, hidden):
    members = [
        Member(name, (0.0,) * len(hidden), seed) for name in ("relu", "prelu", "tanh") for seed in SEEDS
    ]
    mlp = MLP(12, hidden, 4, "off")
    for optimizer in ("sgd", "adam"):
        difference, where = worst_difference(mlp, members, OPTIMIZERS[optimizer], batches)
        assert difference < ORACLE, where


@pytest.mark.parametrize("norm", ["off", "batch"])
def test_products_in_bf16_equal_those_of_plain_torch_on_rounded_operands(batches, norm):
    members = [Member(name, (0.0, 0.2), seed) for name in ("relu", "tanh", "gelu") for seed in SEEDS]
    losses, rounded, exact = losses_in_bf16(MLP(**SHAPE, norm=norm), members, batches)
    assert float((losses - rounded)[:10].abs().max()) < ORACLE
    assert float((losses - exact).abs().min()) > 1e-9
    assert float((losses - exact).abs().max()) > 1e-4


def test_members_of_a_stack_are_not_copies_of_one_another(batches):
    members = [Member("relu", (rate, rate), seed) for rate in (0.0, 0.5) for seed in SEEDS]
    network = StackedNetwork(MLP(**SHAPE, norm="batch"), members, torch.float64)
    losses = train_stack(network, OPTIMIZERS["sgd"], batches)
    assert len({float(loss) for loss in losses[-1]}) == len(members)


def test_the_gradient_of_a_run_does_not_depend_on_the_size_of_its_stack(batches):
    x, y = batches[0][0][0].unsqueeze(0), batches[0][1][0].unsqueeze(0)
    grads = []
    for copies in (1, 8):
        members = [Member("gelu", (0.0, 0.0), 0)] * copies
        network = StackedNetwork(MLP(**SHAPE, norm="off"), members, torch.float64)
        network.train_step(x, y)
        grads.append(network.parameters.grads["linear.0.weight"][0].clone())
    assert torch.equal(*grads)
