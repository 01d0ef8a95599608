"""Initial values of one run, the same for every variant of a seed whose shapes are equal."""

import math
from itertools import pairwise

import torch
from torch import Tensor

from ablate.experiment.seeding import derive
from ablate.experiment.spec import Init
from ablate.nn.gains import PRELU_SLOPE, gain
from ablate.nn.members import Shape


def initial_values(
    shape: Shape, activation: str, seed: int, dtype: torch.dtype, init: Init = "torch"
) -> dict[str, Tensor]:
    """Returns the parameters of one run before training, by name, without a runs axis.

    Every tensor has a stream of its own, so that one more tensor leaves the others alone, and its uniforms do not
    depend on `init`, which only scales them. Batch norm starts at weight 1 and bias 0, a PReLU slope at 0.25, as in
    torch.nn. Linear weights and biases are, by `init`,

    - torch: from U(-1/sqrt(fan_in), 1/sqrt(fan_in)), the default of `torch.nn.Linear`.
    - kaiming: weights from U(-b, b), b = gain * sqrt(3 / fan_in), with the gain of relu, sqrt(2), whatever the
      activation (He et al., 2015); biases 0. The input layer and the output layer count as any other.
    - auto-gain: the same with the gain of the activation the layer's input has been through (`gains.gain`), and 1
      where that input is standardized, in the first layer and right after batch norm. Pre-activations start with a
      variance of about 1 in every layer.
    """
    values: dict[str, Tensor] = {}
    for layer, (inputs, outputs) in enumerate(pairwise(shape.widths)):
        name = f"linear.{layer}"
        bound = _weight_bound(shape, activation, layer, init) / math.sqrt(inputs)
        values[f"{name}.weight"] = uniform(
            (outputs, inputs), bound, derive(seed, "init", name, "weight"), dtype
        )
        if shape.has_bias(layer):
            values[f"{name}.bias"] = (
                uniform((outputs,), 1 / math.sqrt(inputs), derive(seed, "init", name, "bias"), dtype)
                if init == "torch"
                else torch.zeros(outputs, dtype=dtype)
            )
    for layer, width in enumerate(shape.hidden):
        if shape.norm != "off":
            values[f"norm.{layer}.weight"] = torch.ones(width, dtype=dtype)
            values[f"norm.{layer}.bias"] = torch.zeros(width, dtype=dtype)
        if activation == "prelu":
            values[f"prelu.{layer}.weight"] = torch.full((), PRELU_SLOPE, dtype=dtype)
    return values


def _weight_bound(shape: Shape, activation: str, layer: int, init: Init) -> float:
    is_standardized = (layer == 0 and shape.standardized) or shape.norm == "batch-post"
    return weight_bound(activation, init, is_standardized=is_standardized)


def weight_bound(activation: str, init: Init, *, is_standardized: bool) -> float:
    """Returns the bound of a layer's weights times the root of its fan-in."""
    match init:
        case "torch":
            return 1.0
        case "kaiming":
            return math.sqrt(2) * math.sqrt(3)
        case "auto-gain":
            return (1.0 if is_standardized else gain(activation)) * math.sqrt(3)


def uniform(shape: tuple[int, ...], bound: float, seed: int, dtype: torch.dtype) -> Tensor:
    """Returns numbers from U(-bound, bound) that depend on nothing but the seed and the shape."""
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.empty(shape, dtype=torch.float64).uniform_(-bound, bound, generator=generator)
    return drawn.to(dtype)
