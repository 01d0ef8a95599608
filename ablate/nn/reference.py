"""The reference network of one run, from plain `torch.nn` and autograd, with the random streams of the stack.

It is slow and simple on purpose. For one run it computes the same as a stacked network computes for that member.
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
    """`nn.LayerNorm` over the channels at each position, as on tensors with the channels last."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalizes x, shape (batch, units, *spatial)."""
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)


class PlainRMSNorm(nn.RMSNorm):
    """`nn.RMSNorm` over the channels at each position, as on tensors with the channels last."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalizes x, shape (batch, units, *spatial)."""
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)


# Modules by their names in `experiment.norms.NORMS`, given the numbers of units or channels and of spatial axes.
NORM_MODULES: dict[str, Callable[[int, int], nn.Module]] = {
    "batch": lambda units, axes: {0: nn.BatchNorm1d, 2: nn.BatchNorm2d, 3: nn.BatchNorm3d}[axes](units),
    "layer": lambda units, axes: PlainLayerNorm(units),
    "rms": lambda units, axes: PlainRMSNorm(units),
    "group": lambda units, axes: nn.GroupNorm(group_count(units), units),
}


class PlainDropout(nn.Module):
    """Inverted dropout with the uniforms of a seed, a layer and a step. It is active in training only."""

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
    """Inverted dropout of whole channels of a sample, as in `nn.Dropout2d` and `nn.Dropout3d`."""

    def forward(self, x: Tensor) -> Tensor:
        """Drops channels of x, shape (batch, channels, *spatial)."""
        kept = super().forward(x.new_ones(x.shape[:2]))
        return x * kept.view(*x.shape[:2], *(1,) * (x.ndim - 2))


def plain_network(mlp: MLP, member: Member, dtype: torch.dtype = torch.float32) -> nn.Sequential:
    """Returns one run's network for inputs of shape (batch, features). Its initial values are those of the stack.

    Its parameters have the names of `StackParameters.member_state`.
    """
    network = nn.Sequential(OrderedDict(_dense(mlp, member)))
    return _with_values(network, initial_values(mlp.specs("torch"), member, dtype), dtype)


def plain_conv_network(net: ConvNet, member: Member, dtype: torch.dtype = torch.float32) -> nn.Sequential:
    """Returns one run's network for inputs (batch, channels, *spatial). Its initial values are those of the stack.

    Its parameters have the names of `StackParameters.member_state`.
    """
    axes = len(net.kernel)
    convolution, pool = {2: (nn.Conv2d, nn.MaxPool2d), 3: (nn.Conv3d, nn.MaxPool3d)}[axes]
    layers: list[NamedLayer] = []
    for block, (inputs, outputs) in enumerate(zip(net.inputs, net.channels, strict=True)):
        # The layer number selects the uniforms. Hidden layers are numbered first, then blocks.
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
    """Returns copies of the parameters and running statistics under the names of `StackParameters.member_state`."""
    return {
        name.replace(" ", ".", 1): value.detach().clone()
        for name, value in network.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
