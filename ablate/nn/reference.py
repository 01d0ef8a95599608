"""The reference network of one run, made of plain `torch.nn` modules, with the same random numbers as in a stack.

The reference network uses autograd and is slow and simple on purpose. For each of its runs, a stacked network must
compute the same as the run's reference network.
"""

from collections import OrderedDict
from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn

from ablate.experiment.norms import OFF, group_count, norm_name
from ablate.nn.conv.network import ConvNet
from ablate.nn.dropout import uniforms
from ablate.nn.layers import in_order
from ablate.nn.members import Member
from ablate.nn.mlp import MLP
from ablate.nn.parameters import initial_values

NamedLayer = tuple[str, nn.Module]

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


class PlainLayerNorm(nn.LayerNorm):
    """`nn.LayerNorm` over the channels at each spatial position, for tensors with the channels on axis 1."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalizes x, a tensor of shape (batch, units, *spatial)."""
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)


class PlainRMSNorm(nn.RMSNorm):
    """`nn.RMSNorm` over the channels at each spatial position, for tensors with the channels on axis 1."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalizes x, a tensor of shape (batch, units, *spatial)."""
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)


# Functions that make a module, by name in `experiment.norms.NORMS`. Their arguments are the number of units or channels
# and the number of spatial axes.
NORM_MODULES: dict[str, Callable[[int, int], nn.Module]] = {
    "batch": lambda units, axes: {0: nn.BatchNorm1d, 2: nn.BatchNorm2d, 3: nn.BatchNorm3d}[axes](units),
    "layer": lambda units, axes: PlainLayerNorm(units),
    "rms": lambda units, axes: PlainRMSNorm(units),
    "group": lambda units, axes: nn.GroupNorm(group_count(units), units),
}


class PlainDropout(nn.Module):
    """Inverted dropout with random numbers that depend only on the seed, the layer and the step; off in eval mode."""

    def __init__(self, rate: float, seed: int, layer: int) -> None:
        super().__init__()
        self.rate, self.seed, self.layer = rate, seed, layer
        self.step = 0

    def forward(self, x: Tensor) -> Tensor:
        """Applies dropout to the units of x, a tensor of shape (batch, features)."""
        if not self.training:
            return x
        drawn = uniforms(self.seed, self.layer, range(self.step, self.step + 1), (x.shape[1], x.shape[0]))
        self.step += 1
        return x * (drawn[0].T.to(x.dtype) >= self.rate) / (1 - self.rate)


class PlainChannelDropout(PlainDropout):
    """Inverted dropout of whole channels of a sample, as in `nn.Dropout2d` and `nn.Dropout3d`."""

    def forward(self, x: Tensor) -> Tensor:
        """Applies dropout to whole channels of x, a tensor of shape (batch, channels, *spatial)."""
        kept = super().forward(x.new_ones(x.shape[:2]))
        return x * kept.view(*x.shape[:2], *(1,) * (x.ndim - 2))


def plain_network(mlp: MLP, member: Member, dtype: torch.dtype = torch.float32) -> nn.Sequential:
    """Returns the MLP of one run as a plain torch network, for inputs of shape (batch, features).

    Its parameters have the same initial values as those of the run in a stack. Their names are those in
    `StackParameters.member_state`, with a space instead of the first dot.
    """
    network = nn.Sequential(OrderedDict(_dense(mlp, member)))
    return _with_values(network, initial_values(mlp.specs("torch"), member, dtype), dtype)


def plain_conv_network(net: ConvNet, member: Member, dtype: torch.dtype = torch.float32) -> nn.Sequential:
    """Returns the convolutional network of one run as a plain torch network, for inputs (batch, channels, *spatial).

    Its parameters have the same initial values as those of the run in a stack. Their names are those in
    `StackParameters.member_state`, with a space instead of the first dot.
    """
    axes = len(net.kernel)
    convolution, pool = {2: (nn.Conv2d, nn.MaxPool2d), 3: (nn.Conv3d, nn.MaxPool3d)}[axes]
    layers: list[NamedLayer] = []
    for block, (inputs, outputs) in enumerate(zip(net.inputs, net.channels, strict=True)):
        # Random numbers depend on the number of the layer. Hidden layers are numbered first, then blocks.
        dropout = PlainChannelDropout(member.dropout[block], member.seed, len(net.hidden) + block)
        layers += in_order(
            net.norm,
            (f"conv {block}", convolution(inputs, outputs, 3, padding=1, bias=net.has_bias)),
            _norm(f"conv_norm {block}", net.norm, outputs, axes),
            (f"conv_{member.activation} {block}", MODULES[member.activation]()),
            (f"conv_dropout {block}", dropout),
        )
        layers.append((f"pool {block}", pool(net.windows[block])))
    network = nn.Sequential(OrderedDict([*layers, ("flatten", nn.Flatten()), *_dense(net.tail, member)]))
    return _with_values(network, initial_values(net.specs("torch"), member, dtype), dtype)


def _dense(mlp: MLP, member: Member) -> list[NamedLayer]:
    layers: list[NamedLayer] = []
    for layer, (inputs, outputs) in enumerate(pairwise(mlp.widths)):
        linear = f"linear {layer}", nn.Linear(inputs, outputs, bias=mlp.has_bias(layer))
        if layer == len(mlp.hidden):
            return [*layers, linear]
        rate = member.dropout[layer - len(mlp.hidden)]
        layers += in_order(
            mlp.norm,
            linear,
            _norm(f"norm {layer}", mlp.norm, outputs, 0),
            (f"{member.activation} {layer}", MODULES[member.activation]()),
            (f"dropout {layer}", PlainDropout(rate, member.seed, layer)),
        )
    raise AssertionError


def _norm(name: str, level: str, units: int, axes: int) -> NamedLayer | None:
    return None if level == OFF else (name, NORM_MODULES[norm_name(level)](units, axes))


def _with_values(network: nn.Sequential, values: dict[str, Tensor], dtype: torch.dtype) -> nn.Sequential:
    network = network.to(dtype)
    # A module's name cannot contain a dot, so a space replaces the first dot.
    named = {name.replace(".", " ", 1): value for name, value in values.items()}
    network.load_state_dict(named, strict=False)
    return network


def plain_state(network: nn.Sequential) -> dict[str, Tensor]:
    """Returns copies of a network's parameters and running statistics, named as in `StackParameters.member_state`."""
    return {
        name.replace(" ", ".", 1): value.detach().clone()
        for name, value in network.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
