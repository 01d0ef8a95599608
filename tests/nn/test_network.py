"""The oracle: every member of a mixed stack equals the plain torch.nn network of `reference`, by value."""

from types import SimpleNamespace

import pytest
import torch

from ablate.experiment.activations import ACTIVATIONS
from ablate.nn.members import Member, Shape
from ablate.nn.network import StackedMLP
from ablate.nn.reference import plain_network, plain_state
from ablate.training.optimizers import optimizer_for
from tests.tolerances import ORACLE

STEPS, BATCH = 20, 16
SEEDS = (0, 3)
SHAPE = {"features": 12, "hidden": (9, 7), "classes": 4}
DROPOUTS = ((0.0, 0.0), (0.2, 0.5))


def _settings(optimizer, learning_rate, momentum=0.0, weight_decay=0.0):
    return {
        "optimizer": optimizer,
        "learning_rate": learning_rate,
        "momentum": momentum,
        "weight_decay": weight_decay,
    }


def _plain_optimizer(settings, parameters):
    """Returns torch's own, unfused."""
    rate, decay = settings["learning_rate"], settings["weight_decay"]
    match settings["optimizer"]:
        case "sgd":
            return torch.optim.SGD(parameters, lr=rate, momentum=settings["momentum"], weight_decay=decay)
        case "adam":
            return torch.optim.Adam(parameters, lr=rate, weight_decay=decay)
        case "adamw":
            return torch.optim.AdamW(parameters, lr=rate, weight_decay=decay)


# Adam's L2 decay stays 0 here: in an identity network with batch norm some gradients are zero in exact arithmetic, and
# decay times a rounding error, divided by its own size, is a full step in a random direction in either network.
OPTIMIZERS = {
    "sgd": _settings("sgd", 0.1),
    "sgd with momentum and decay": _settings("sgd", 0.1, momentum=0.9, weight_decay=0.01),
    "adam": _settings("adam", 1e-3),
    "adamw": _settings("adamw", 1e-3, weight_decay=0.01),
}


@pytest.fixture(scope="module")
def batches():
    """Inputs (steps, batch, features) and labels (steps, batch) of each seed."""
    generator = torch.Generator().manual_seed(7)
    return {
        seed: (
            torch.randn(STEPS, BATCH, SHAPE["features"], generator=generator, dtype=torch.float64),
            torch.randint(0, SHAPE["classes"], (STEPS, BATCH), generator=generator),
        )
        for seed in SEEDS
    }


def _train_stack(network, settings, batches):
    run = SimpleNamespace(**settings)
    optimizer = optimizer_for(run, network.parameters, network.weights)
    optimizer.set_rate(run.learning_rate)
    losses = []
    for step in range(STEPS):
        x = torch.stack([batches[member.seed][0][step] for member in network.members])
        y = torch.stack([batches[member.seed][1][step] for member in network.members])
        network.prepare(step, BATCH)
        losses.append(network.train_step(x, y, optimizer.descent))
        optimizer.step()
    return torch.stack(losses)


def _train_plain(network, optimizer, batches):
    criterion, losses = torch.nn.CrossEntropyLoss(), []
    for x, y in zip(*batches, strict=True):
        optimizer.zero_grad()
        loss = criterion(network(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    return torch.stack(losses)


def _worst_difference(members, norm, settings, batches):
    """Returns the largest difference of any loss, parameter, statistic or output, with where it is."""
    shape = Shape(**SHAPE, norm=norm)
    stacked = StackedMLP(shape, members, torch.float64)
    stacked_losses = _train_stack(stacked, settings, batches)
    probe = batches[SEEDS[0]][0][0]
    stacked_logits = stacked.logits(probe.unsqueeze(0))
    worst = (0.0, "nothing")
    for place, member in enumerate(members):
        plain = plain_network(shape, member, torch.float64)
        plain_losses = _train_plain(
            plain, _plain_optimizer(settings, plain.parameters()), batches[member.seed]
        )
        expected, found = plain_state(plain), stacked.member_state(place)
        assert expected.keys() == found.keys()
        expected["losses"], found["losses"] = plain_losses, stacked_losses[:, place]
        expected["logits"], found["logits"] = plain.eval()(probe).detach().T, stacked_logits[place]
        for name, value in expected.items():
            assert value.shape == found[name].shape
            worst = max(worst, (float((value - found[name]).abs().max()), f"{name} of {member}"))
    return worst


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("norm", ["off", "batch", "batch-post"])
def test_every_member_of_a_mixed_stack_equals_the_plain_network(batches, norm, optimizer):
    members = [
        Member(activation, dropout, seed)
        for activation in ACTIVATIONS
        for dropout in DROPOUTS
        for seed in SEEDS
    ]
    difference, where = _worst_difference(members, norm, OPTIMIZERS[optimizer], batches)
    assert difference < ORACLE, where


def test_adam_with_weight_decay_equals_the_plain_network(batches):
    members = [Member(activation, (0.2, 0.5), 0) for activation in ("gelu", "prelu", "relu", "sigmoid")]
    difference, where = _worst_difference(
        members, "batch", _settings("adam", 1e-3, weight_decay=0.01), batches
    )
    assert difference < ORACLE, where


def test_members_of_a_stack_are_not_copies_of_one_another(batches):
    members = [Member("relu", (rate, rate), seed) for rate in (0.0, 0.5) for seed in SEEDS]
    network = StackedMLP(Shape(**SHAPE, norm="batch"), members, torch.float64)
    losses = _train_stack(network, OPTIMIZERS["sgd"], batches)
    assert len({float(loss) for loss in losses[-1]}) == len(members)


def test_variants_of_one_seed_start_from_the_same_weights_and_seeds_from_others():
    members = [Member("relu", (0.0, 0.0), 0), Member("tanh", (0.5, 0.5), 0), Member("tanh", (0.5, 0.5), 1)]
    network = StackedMLP(Shape(**SHAPE, norm="off"), members)
    first, second, third = (network.member_state(run) for run in range(3))
    for name in first:
        assert torch.equal(first[name], second[name])
        assert not torch.equal(first[name], third[name])


def test_initial_weights_are_distributed_as_in_torch():
    network = StackedMLP(Shape(400, (300,), 10, "off"), [Member("relu", (0.0,), 0)])
    ours = network.member_state(0)["linear.0.weight"]
    bound = 1 / 400**0.5
    assert float(ours.abs().max()) <= bound
    assert float(ours.std()) == pytest.approx(bound / 3**0.5, rel=0.01)
    assert float(torch.nn.Linear(400, 300).weight.detach().std()) == pytest.approx(
        float(ours.std()), rel=0.01
    )


def test_the_gradient_of_a_run_does_not_depend_on_the_size_of_its_stack(batches):
    x, y = batches[0][0][0].unsqueeze(0), batches[0][1][0].unsqueeze(0)
    grads = []
    for copies in (1, 8):
        network = StackedMLP(
            Shape(**SHAPE, norm="off"), [Member("gelu", (0.0, 0.0), 0)] * copies, torch.float64
        )
        network.train_step(x, y)
        grads.append(network.parameters.grads["linear.0.weight"][0].clone())
    assert torch.equal(*grads)


def test_a_stack_counts_the_parameters_of_each_run_as_torch_does():
    members = [Member("prelu", (0.0, 0.0), 0), Member("relu", (0.0, 0.0), 0)]
    for norm in ("off", "batch", "batch-post"):
        shape = Shape(**SHAPE, norm=norm)
        network = StackedMLP(shape, members)
        for run, member in enumerate(members):
            plain = plain_network(shape, member)
            assert network.parameter_count(run) == sum(p.numel() for p in plain.parameters())
