"""The oracle for convolutions: every member of a mixed stack equals the plain torch.nn network, by value."""

from types import SimpleNamespace

import pytest
import torch

from ablate.experiment.activations import ACTIVATIONS
from ablate.nn.conv_shape import ConvShape
from ablate.nn.convolutional import StackedConvNet
from ablate.nn.members import Member
from ablate.nn.reference import plain_conv_network, plain_state
from ablate.training.optimizers import optimizer_for
from tests.nn.test_network import OPTIMIZERS, _plain_optimizer, _train_plain
from tests.tolerances import ORACLE

STEPS, BATCH, CLASSES = 3, 4, 3
SEEDS = (0, 3)
# An odd size leaves a row over; the video keeps its frames in the first block and halves them in the second.
SHAPES = {
    "cnn": {"model": "cnn", "sample": (2, 7, 6), "channels": (3, 4), "hidden": (5,)},
    "cnn3d": {"model": "cnn3d", "sample": (1, 3, 5, 4), "channels": (2, 3), "hidden": (4, 3)},
}


def _shape(model, norm):
    return ConvShape(**SHAPES[model], classes=CLASSES, norm=norm)


def _rates(model):
    layers = len(SHAPES[model]["channels"]) + len(SHAPES[model]["hidden"])
    return (0.0,) * layers, (0.2, 0.5, 0.3, 0.4)[:layers]


@pytest.fixture(scope="module")
def batches():
    """Inputs (steps, batch, *sample) and labels (steps, batch) of each model and seed."""
    generator = torch.Generator().manual_seed(7)
    return {
        (model, seed): (
            torch.randn(STEPS, BATCH, *shape["sample"], generator=generator, dtype=torch.float64),
            torch.randint(0, CLASSES, (STEPS, BATCH), generator=generator),
        )
        for model, shape in SHAPES.items()
        for seed in SEEDS
    }


def _train_stack(network, settings, batches):
    run = SimpleNamespace(**settings)
    optimizer = optimizer_for(run, network.parameters, network.weights)
    optimizer.set_rate(run.learning_rate)
    model, losses = network.shape.model, []
    for step in range(STEPS):
        x = torch.stack([network.arrange(batches[model, member.seed][0][step]) for member in network.members])
        y = torch.stack([batches[model, member.seed][1][step] for member in network.members])
        network.prepare(step, BATCH)
        losses.append(network.train_step(x, y, optimizer.descent))
        optimizer.step()
    return torch.stack(losses)


@pytest.mark.parametrize("model", SHAPES)
@pytest.mark.parametrize(
    ("norm", "optimizer"),
    [
        ("off", "sgd"),
        ("batch", "sgd"),
        ("batch-post", "sgd"),
        ("batch", "adam"),
        ("batch-post", "sgd with momentum and decay"),
        ("off", "adamw"),
    ],
)
def test_every_member_of_a_mixed_stack_equals_the_plain_network(batches, model, norm, optimizer):
    members = [
        Member(activation, rates, seed)
        for activation in ACTIVATIONS
        for rates, seed in zip(_rates(model), SEEDS, strict=True)
    ]
    shape, settings = _shape(model, norm), OPTIMIZERS[optimizer]
    stacked = StackedConvNet(shape, members, torch.float64)
    losses = _train_stack(stacked, settings, batches)
    probe = batches[model, 0][0][0]
    logits = stacked.logits(stacked.arrange(probe).unsqueeze(0))
    for place, member in enumerate(members):
        plain = plain_conv_network(shape, member, torch.float64)
        optimizer = _plain_optimizer(settings, plain.parameters())
        expected = {"losses": _train_plain(plain, optimizer, batches[model, member.seed])}
        expected |= plain_state(plain)
        expected["logits"] = plain.eval()(probe).detach().T
        found = {"losses": losses[:, place], "logits": logits[place], **stacked.member_state(place)}
        assert found.keys() == expected.keys()
        for name, value in expected.items():
            assert value.shape == found[name].shape, name
            assert float((value - found[name]).abs().max()) < ORACLE, (name, member)
        assert stacked.parameter_count(place) == sum(p.numel() for p in plain.parameters())
