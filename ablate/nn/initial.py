"""Initial weights of a run, drawn from the same random numbers in all runs with the same seed and layer shapes."""

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
    """Returns the declarations (`Spec`) of the weight and the bias of a linear layer or a convolution.

    Each tensor has its own random stream, so that its initial values do not depend on the other tensors of the
    network. All values of `init` use the same uniform random numbers, with different scales. The values of `init` are:

    - torch: weights and biases from U(-1/sqrt(fan_in), 1/sqrt(fan_in)), the default of torch.nn.
    - kaiming: weights from U(-b, b) with b = sqrt(2) * sqrt(3 / fan_in), and biases of 0. The factor sqrt(2) is the
      gain of relu and is used for every activation and in every layer, the first and the last included (He et al.,
      2015).
    - auto-gain: as kaiming, but the factor sqrt(2) is replaced by the gain (`gains.gain`) of the activation that
      computes the layer's input, or by 1 if this input is standardized. With auto-gain, the pre-activations of every
      layer start with a variance of about 1.

    Args:
        name: Name of the layer.
        shape: Shape of the weight: (outputs, inputs), or (outputs, inputs, *kernel).
        init: Scheme of the initial weights: `torch`, `kaiming` or `auto-gain`.
        has_bias: Whether the layer has a bias.
        is_standardized: Whether the inputs of the layer have a mean square of 1, like standardized samples and the
            outputs of a normalization.
        is_fused: Whether the layer can update its weight itself, see `Spec.is_fused`.
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
    """Returns b * sqrt(fan_in), where U(-b, b) is the distribution of the initial weights."""
    match init:
        case "torch":
            return 1.0
        case "kaiming":
            return math.sqrt(2) * math.sqrt(3)
        case "auto-gain":
            return (1.0 if is_standardized else gain(member.activation)) * math.sqrt(3)


def _uniform(shape: tuple[int, ...], bound: float, member: Member, layer: str, short: str) -> Tensor:
    """Returns float64 numbers from U(-bound, bound), drawn from the random stream of this seed and this tensor."""
    generator = torch.Generator().manual_seed(derive(member.seed, "init", layer, short))
    return torch.empty(shape, dtype=torch.float64).uniform_(-bound, bound, generator=generator)
