"""The order in which the layers of a block are computed: pooling as early as the result stays the same."""

import pytest

from ablate.nn.conv.network import ConvNet
from ablate.nn.members import Member
from ablate.nn.stacked import StackedNetwork


@pytest.mark.parametrize(
    ("activation", "norm", "order"),
    [
        ("relu", "off", "Convolution MaxPool ConvActivation"),
        ("gelu", "off", "Convolution ConvActivation MaxPool"),
        ("prelu", "off", "Convolution ConvActivation MaxPool"),
        ("relu", "batch", "Convolution Folded MaxPool Folded ConvActivation"),
        ("gelu", "batch", "Convolution Folded ConvActivation MaxPool"),
        ("relu", "batch-post", "Convolution ConvActivation ConvBatchNorm MaxPool"),
        ("relu", "layer", "Convolution SampleNorm MaxPool ConvActivation"),
        ("gelu", "group", "Convolution SampleNorm ConvActivation MaxPool"),
        ("relu", "rms-post", "Convolution ConvActivation SampleNorm MaxPool"),
    ],
)
def test_pooling_precedes_a_monotone_activation_and_half_of_batch_norm(activation, norm, order):
    network = StackedNetwork(
        ConvNet("cnn", (1, 8, 8), (4,), (3,), 2, norm), [Member(activation, (0.5, 0.0), 0)]
    )
    assert _names(network) == f"{order} ChannelDropout"
    # Diagnostics observe the activation before the pooling.
    assert _names(network.twin()).endswith("MaxPool")
    assert "ChannelDropout" not in _names(network.twin())


def _names(network):
    return " ".join(type(layer).__name__ for layer in network.layers[0].layers[0])
