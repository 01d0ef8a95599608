"""Stacked and plain networks trained on the same batches, for comparisons of every value."""

from types import SimpleNamespace

import torch

from ablate.nn.mlp import MLP
from ablate.nn.reference import plain_conv_network, plain_network, plain_state
from ablate.nn.stacked import StackedNetwork
from ablate.training.optimizers import optimizer_for
from tests.nn.rounded import round_products

SEEDS = (0, 3)


def settings(optimizer, learning_rate, momentum=0.0, weight_decay=0.0):
    """Returns what an optimizer depends on."""
    return SimpleNamespace(
        optimizer=optimizer, learning_rate=learning_rate, momentum=momentum, weight_decay=weight_decay
    )


# Adam's L2 decay stays 0 here: in an identity network with batch norm some gradients are zero in exact arithmetic, and
# decay times a rounding error, divided by its own size, is a full step in a random direction in either network.
OPTIMIZERS = {
    "sgd": settings("sgd", 0.1),
    "sgd with momentum and decay": settings("sgd", 0.1, momentum=0.9, weight_decay=0.01),
    "adam": settings("adam", 1e-3),
    "adamw": settings("adamw", 1e-3, weight_decay=0.01),
}


def settings_for(name, norm):
    """Returns a row of `OPTIMIZERS`, with a smaller rate of sgd for norms whose statistics are those of one sample.

    They scale gradients up by as much as 1 / sqrt(eps) where the few units of a layer are nearly equal.
    """
    row = OPTIMIZERS[name]
    return row if norm in ("off", "batch", "batch-post") else settings(**vars(row) | {"learning_rate": 0.01})


def random_batches(steps, batch, sample, classes, stream=7):
    """Returns inputs (steps, batch, *sample) and labels (steps, batch) of each seed."""
    generator = torch.Generator().manual_seed(stream)
    return {
        seed: (
            torch.randn(steps, batch, *sample, generator=generator, dtype=torch.float64),
            torch.randint(0, classes, (steps, batch), generator=generator),
        )
        for seed in SEEDS
    }


def plain_of(architecture, member, dtype=torch.float64):
    """Returns the plain network of a member."""
    make = plain_network if isinstance(architecture, MLP) else plain_conv_network
    return make(architecture, member, dtype)


def losses_in_bf16(architecture, members, batches):
    """Returns the losses of a stack with products in bf16, of plain networks that round too, and of exact ones.

    Each has shape (steps, runs). The learning rate is a power of two, so that rounding commutes with it.
    """
    run = settings("sgd", 0.125)
    network = StackedNetwork(architecture, members, torch.float64, precision="bf16")
    plain = [
        torch.stack(
            [train_plain(change(plain_of(architecture, m)), run, batches[m.seed]) for m in members], 1
        )
        for change in (round_products, lambda network: network)
    ]
    return train_stack(network, run, batches), *plain


def train_stack(network, run, batches):
    """Trains every member on the batches of its seed and returns the losses, (steps, runs)."""
    optimizer = optimizer_for(run, network.parameters)
    optimizer.set_rate(run.learning_rate)
    losses = []
    for step in range(len(batches[SEEDS[0]][0])):
        x = torch.stack([network.arrange(batches[member.seed][0][step]) for member in network.members])
        y = torch.stack([batches[member.seed][1][step] for member in network.members])
        network.prepare(step, x.shape[1])
        losses.append(network.train_step(x, y, optimizer.negative_rate))
        optimizer.step()
    return torch.stack(losses)


def train_plain(network, run, batches):
    """Trains a plain network with torch's own unfused optimizer and returns the losses, (steps,)."""
    rate, decay, parameters = run.learning_rate, run.weight_decay, network.parameters()
    match run.optimizer:
        case "sgd":
            optimizer = torch.optim.SGD(parameters, lr=rate, momentum=run.momentum, weight_decay=decay)
        case "adam":
            optimizer = torch.optim.Adam(parameters, lr=rate, weight_decay=decay)
        case "adamw":
            optimizer = torch.optim.AdamW(parameters, lr=rate, weight_decay=decay)
    criterion, losses = torch.nn.CrossEntropyLoss(), []
    for x, y in zip(*batches, strict=True):
        optimizer.zero_grad()
        loss = criterion(network(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    return torch.stack(losses)


def worst_difference(architecture, members, run, batches):
    """Returns the largest difference of any loss, parameter, statistic or output, with where it is."""
    network = StackedNetwork(architecture, members, torch.float64)
    losses = train_stack(network, run, batches)
    probe = batches[SEEDS[0]][0][0]
    logits = network.logits(network.arrange(probe).unsqueeze(0))
    worst = (0.0, "nothing")
    for index, member in enumerate(members):
        plain = plain_of(architecture, member)
        expected = {"losses": train_plain(plain, run, batches[member.seed])} | plain_state(plain)
        expected["logits"] = plain.eval()(probe).detach().T
        state = network.parameters.member_state(index)
        state |= {"losses": losses[:, index], "logits": logits[index]}
        assert expected.keys() == state.keys()
        assert network.parameters.count(index) == sum(part.numel() for part in plain.parameters())
        for name, value in expected.items():
            assert value.shape == state[name].shape, name
            difference = float((value - state[name]).abs().max())
            worst = max(
                worst, (difference if difference == difference else float("inf"), f"{name} of {member}")
            )
    return worst
