"""The oracle: the same network for one run, from plain `torch.nn` and autograd; only its streams are the stack's.

Slow and obvious on purpose. Whatever a stacked network computes for a member, this module computes for a run.
"""

from collections import OrderedDict
from itertools import pairwise

import torch
from torch import Tensor, nn

from ablate.nn.conv_initial import initial_conv_values
from ablate.nn.conv_shape import ConvShape
from ablate.nn.dropout import uniforms
from ablate.nn.initial import initial_values
from ablate.nn.members import Member, Shape

MODULES: dict[str, type[nn.Module]] = {
    "identity": nn.Identity,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "prelu": nn.PReLU,
    "elu": nn.ELU,
    "selu": nn.SELU,
    "celu": nn.CELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "mish": nn.Mish,
    "softplus": nn.Softplus,
    "softsign": nn.Softsign,
    "hardswish": nn.Hardswish,
    "hardtanh": nn.Hardtanh,
    "relu6": nn.ReLU6,
    "logsigmoid": nn.LogSigmoid,
    "tanhshrink": nn.Tanhshrink,
    "softshrink": nn.Softshrink,
}


class PlainDropout(nn.Module):
    """Inverted dropout whose uniforms are those of a seed, a layer and a step; only active in training."""

    def __init__(self, rate: float, seed: int, layer: int) -> None:
        super().__init__()
        self.rate, self.seed, self.layer = rate, seed, layer
        self.step = 0

    def forward(self, x: Tensor) -> Tensor:
        """Drops units of x, shape (batch, features)."""
        if not self.training:
            return x
        drawn = uniforms(self.seed, self.layer, range(self.step, self.step + 1), (x.shape[1], x.shape[0]))
        self.step += 1
        return x * (drawn[0].T.to(x.dtype) >= self.rate) / (1 - self.rate)


class PlainChannelDropout(PlainDropout):
    """The same for whole channels of a sample, as `nn.Dropout2d` and `nn.Dropout3d` drop them."""

    def forward(self, x: Tensor) -> Tensor:
        """Drops channels of x, shape (batch, channels, *spatial)."""
        kept = super().forward(x.new_ones(x.shape[:2]))
        return x * kept.view(*x.shape[:2], *(1,) * (x.ndim - 2))


def plain_network(shape: Shape, member: Member, dtype: torch.dtype = torch.float32) -> nn.Sequential:
    """Returns one run's network on inputs of shape (batch, features), with the initial values of the stacked one.

    Its parameters bear the names of `StackedMLP.member_state`.
    """
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for layer, (inputs, outputs) in enumerate(pairwise(shape.widths)):
        layers[f"linear {layer}"] = nn.Linear(inputs, outputs, bias=shape.has_bias(layer))
        if layer == len(shape.hidden):
            break
        if shape.norm == "batch":
            layers[f"norm {layer}"] = nn.BatchNorm1d(outputs)
        layers[f"{member.activation} {layer}"] = MODULES[member.activation]()
        if shape.norm == "batch-post":
            layers[f"norm {layer}"] = nn.BatchNorm1d(outputs)
        layers[f"dropout {layer}"] = PlainDropout(member.dropout[layer], member.seed, layer)
    return _with_values(layers, initial_values(shape, member.activation, member.seed, dtype), dtype)


def plain_conv_network(shape: ConvShape, member: Member, dtype: torch.dtype = torch.float32) -> nn.Sequential:
    """Returns one run's network on inputs (batch, channels, *spatial), with the initial values of the stacked one.

    Its parameters bear the names of `StackedConvNet.member_state`.
    """
    convolution, norm, pool = {
        "cnn": (nn.Conv2d, nn.BatchNorm2d, nn.MaxPool2d),
        "cnn3d": (nn.Conv3d, nn.BatchNorm3d, nn.MaxPool3d),
    }[shape.model]
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for block, (inputs, outputs) in enumerate(zip(shape.inputs, shape.channels, strict=True)):
        layers[f"conv {block}"] = convolution(inputs, outputs, 3, padding=1, bias=shape.has_bias)
        if shape.norm == "batch":
            layers[f"conv_norm {block}"] = norm(outputs)
        layers[f"conv_{member.activation} {block}"] = MODULES[member.activation]()
        if shape.norm == "batch-post":
            layers[f"conv_norm {block}"] = norm(outputs)
        # Uniforms are told apart by the layer, counted from the hidden layers on.
        layers[f"conv_dropout {block}"] = PlainChannelDropout(
            member.dropout[block], member.seed, len(shape.hidden) + block
        )
        layers[f"pool {block}"] = pool(shape.windows[block])
    layers["flatten"] = nn.Flatten()
    layers |= plain_network(shape.tail, shape.tail_first(member), dtype).named_children()
    values = initial_values(shape.tail, member.activation, member.seed, dtype)
    values |= initial_conv_values(shape, member.activation, member.seed, dtype)
    return _with_values(layers, values, dtype)


def _with_values(
    layers: OrderedDict[str, nn.Module], values: dict[str, Tensor], dtype: torch.dtype
) -> nn.Sequential:
    network = nn.Sequential(layers).to(dtype)
    state = network.state_dict()
    named = {name.replace(".", " ", 1): value for name, value in values.items()}
    network.load_state_dict(
        {name: value.reshape(state[name].shape) for name, value in named.items()}, strict=False
    )
    return network


def plain_state(network: nn.Sequential) -> dict[str, Tensor]:
    """Returns copies of the parameters and running statistics under the names of `member_state`."""
    return {
        name.replace(" ", ".", 1): value.detach().clone().squeeze() if "prelu" in name else value.clone()
        for name, value in network.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
