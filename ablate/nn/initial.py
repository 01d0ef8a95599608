"""Initial weights of one run, the same for every variant of a seed with equal shapes."""

import math

import torch
from torch import Tensor

from ablate.experiment.seeding import derive
from ablate.experiment.spec import Init
from ablate.nn.gains import gain
from ablate.nn.members import Member
from ablate.nn.parameters import Spec


def weight_specs(
    name: str,
    shape: tuple[int, ...],
    init: Init,
    *,
    has_bias: bool,
    is_standardized: bool,
    is_fused: bool = False,
) -> list[Spec]:
    """Returns the declarations of the weight and the bias of a linear layer or a convolution.

    Every tensor has its own random stream, so that adding a tensor leaves the others unchanged. A tensor's uniform
    random numbers are the same for every `init`, which only scales them. With `init`

    - torch: weights and biases from U(-1/sqrt(fan_in), 1/sqrt(fan_in)), the default of torch.nn.
    - kaiming: weights from U(-b, b), b = gain * sqrt(3 / fan_in), with the gain of relu, sqrt(2), whatever the
      activation (He et al., 2015); biases 0. The first and the last layer are no exception.
    - auto-gain: the same with the gain of the activation that made the layer's input (`gains.gain`), and 1 where that
      input is standardized. Pre-activations start with a variance of about 1 in every layer.

    Args:
        name: Name of the layer.
        shape: Shape of the weight: (outputs, inputs), or (outputs, inputs, *kernel).
        init: How weights are scaled.
        has_bias: Whether there is a bias.
        is_standardized: Whether inputs have a mean square of 1: samples, or what a normalization returns.
        is_fused: `Spec.is_fused` of the weight.
    """
    root = math.sqrt(math.prod(shape[1:]))

    def weight(member: Member) -> Tensor:
        return _uniform(shape, _bound(member, init, is_standardized) / root, member, name, "weight")

    def bias(member: Member) -> Tensor:
        if init != "torch":
            return torch.zeros(shape[:1], dtype=torch.float64)
        return _uniform(shape[:1], 1 / root, member, name, "bias")

    specs = [Spec(f"{name}.weight", weight, is_fused=is_fused)]
    return [*specs, Spec(f"{name}.bias", bias)] if has_bias else specs


def _bound(member: Member, init: Init, is_standardized: bool) -> float:
    """Returns the bound of a layer's weights times the root of its fan-in."""
    match init:
        case "torch":
            return 1.0
        case "kaiming":
            return math.sqrt(2) * math.sqrt(3)
        case "auto-gain":
            return (1.0 if is_standardized else gain(member.activation)) * math.sqrt(3)


def _uniform(shape: tuple[int, ...], bound: float, member: Member, layer: str, short: str) -> Tensor:
    """Returns numbers from U(-bound, bound), float64, from the stream of a seed and a tensor."""
    generator = torch.Generator().manual_seed(derive(member.seed, "init", layer, short))
    return torch.empty(shape, dtype=torch.float64).uniform_(-bound, bound, generator=generator)
