"""The order of the plain networks' layers, stated once more and by hand."""

import pytest

from ablate.nn.conv.network import ConvNet
from ablate.nn.members import Member
from ablate.nn.mlp import MLP
from ablate.nn.reference import plain_conv_network, plain_network


@pytest.mark.parametrize(
    ("norm", "hidden"),
    [
        ("off", ["linear", "relu", "dropout"]),
        ("batch", ["linear", "norm", "relu", "dropout"]),
        ("batch-post", ["linear", "relu", "norm", "dropout"]),
    ],
)
def test_layers_are_in_the_order_that_the_documentation_states(norm, hidden):
    member = Member("relu", (0.5, 0.5), 0)
    mlp = [name for name, _ in plain_network(MLP(4, (3, 2), 2, norm), member).named_children()]
    assert mlp == [*(f"{name} 0" for name in hidden), *(f"{name} 1" for name in hidden), "linear 2"]
    net = ConvNet("cnn", (1, 4, 4), (2,), (3,), 2, norm)
    cnn = [name for name, _ in plain_conv_network(net, member).named_children()]
    block = ["conv 0" if name == "linear" else f"conv_{name} 0" for name in hidden]
    assert cnn == [*block, "pool 0", "flatten", *(f"{name} 0" for name in hidden), "linear 1"]
