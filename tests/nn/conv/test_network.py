"""The oracle for convolutions: every member of a mixed stack equals the plain torch.nn network, by value."""

import pytest

from ablate.experiment.activations import ACTIVATIONS
from ablate.experiment.norms import NORM_LEVELS
from ablate.nn.conv.network import ConvNet
from ablate.nn.members import Member
from tests.nn.plain_training import SEEDS, losses_in_bf16, random_batches, settings_for, worst_difference
from tests.tolerances import ORACLE

CLASSES = 3
# An odd size leaves a row over; the video keeps its frames in the first block and halves them in the second.
SHAPES = {
    "cnn": {"model": "cnn", "sample": (2, 7, 6), "channels": (3, 4), "hidden": (5,)},
    "cnn3d": {"model": "cnn3d", "sample": (1, 3, 5, 4), "channels": (2, 3), "hidden": (4, 3)},
}
CASES = [
    *((norm, "sgd") for norm in NORM_LEVELS),
    ("batch", "adam"),
    ("batch-post", "sgd with momentum and decay"),
    ("off", "adamw"),
]


@pytest.fixture(scope="module")
def batches():
    return {
        model: random_batches(3, 4, shape["sample"], CLASSES, stream)
        for stream, (model, shape) in zip((7, 9), SHAPES.items(), strict=True)
    }


@pytest.mark.parametrize("model", SHAPES)
@pytest.mark.parametrize(("norm", "optimizer"), CASES)
def test_every_member_of_a_mixed_stack_equals_the_plain_network(batches, model, norm, optimizer):
    net = ConvNet(**SHAPES[model], classes=CLASSES, norm=norm)
    layers = len(net.channels) + len(net.hidden)
    rates = (0.0,) * layers, (0.2, 0.5, 0.3, 0.4)[:layers]
    members = [
        Member(activation, dropout, seed)
        for activation in ACTIVATIONS
        for dropout, seed in zip(rates, SEEDS, strict=True)
    ]
    difference, where = worst_difference(net, members, settings_for(optimizer, norm), batches[model])
    assert difference < ORACLE, where


def test_convolutions_in_bf16_equal_those_of_plain_torch_on_rounded_operands(batches):
    members = [Member(name, (0.0, 0.2, 0.3), seed) for name in ("relu", "tanh", "gelu") for seed in SEEDS]
    net = ConvNet(**SHAPES["cnn"], classes=CLASSES, norm="batch")
    losses, rounded, exact = losses_in_bf16(net, members, batches["cnn"])
    assert float((losses - rounded).abs().max()) < ORACLE
    assert float((losses - exact).abs().max()) > 1e-4
