"""Initial weights of one run. They are the same for all variants with the same seed and the same shapes."""

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
    random numbers are the same for every value of `init`, which only scales them. The values of `init` are:

    - torch: weights and biases from U(-1/sqrt(fan_in), 1/sqrt(fan_in)), the default of torch.nn.
    - kaiming: weights from U(-b, b), b = gain * sqrt(3 / fan_in), and biases of 0. The gain is that of relu, sqrt(2),
      for every activation and in every layer, the first and the last included (He et al., 2015).
    - auto-gain: as kaiming, but with the gain of the activation that computes the layer's input (`gains.gain`), or 1 if
      that input is standardized. Pre-activations then start with a variance of about 1 in every layer.

    Args:
        name: Name of the layer.
        shape: Shape of the weight: (outputs, inputs), or (outputs, inputs, *kernel).
        init: Name of the scale of the weights, as listed above.
        has_bias: Whether there is a bias.
        is_standardized: Whether inputs have a mean square of 1, as samples and outputs of a normalization have.
        is_fused: Value of `Spec.is_fused` for the weight.
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
    """Returns the bound of a layer's weights multiplied by the square root of the fan-in."""
    match init:
        case "torch":
            return 1.0
        case "kaiming":
            return math.sqrt(2) * math.sqrt(3)
        case "auto-gain":
            return (1.0 if is_standardized else gain(member.activation)) * math.sqrt(3)


def _uniform(shape: tuple[int, ...], bound: float, member: Member, layer: str, short: str) -> Tensor:
    """Returns float64 numbers from U(-bound, bound), from the random stream of a seed and a tensor."""
    generator = torch.Generator().manual_seed(derive(member.seed, "init", layer, short))
    return torch.empty(shape, dtype=torch.float64).uniform_(-bound, bound, generator=generator)
