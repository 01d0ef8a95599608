"""Initial values of one run, the same for every variant of a seed whose shapes are equal."""

import math
from itertools import pairwise

import torch
from torch import Tensor

from ablate.experiment.seeding import derive
from ablate.nn.members import Shape


def initial_values(shape: Shape, activation: str, seed: int, dtype: torch.dtype) -> dict[str, Tensor]:
    """Returns the parameters of one run before training, by name, without a runs axis.

    Linear weights and biases are drawn from U(-1/sqrt(fan_in), 1/sqrt(fan_in)), the default of `torch.nn.Linear`
    (Kaiming uniform with a = sqrt(5)); batch norm starts at weight 1 and bias 0, a PReLU slope at 0.25, as in torch.nn.
    Every tensor has a stream of its own, so that one more tensor leaves the others alone.
    """
    values: dict[str, Tensor] = {}
    for layer, (inputs, outputs) in enumerate(pairwise(shape.widths)):
        name = f"linear.{layer}"
        values[f"{name}.weight"] = _uniform(
            (outputs, inputs), inputs, derive(seed, "init", name, "weight"), dtype
        )
        if shape.has_bias(layer):
            values[f"{name}.bias"] = _uniform((outputs,), inputs, derive(seed, "init", name, "bias"), dtype)
    for layer, width in enumerate(shape.hidden):
        if shape.batch_norm != "off":
            values[f"batch_norm.{layer}.weight"] = torch.ones(width, dtype=dtype)
            values[f"batch_norm.{layer}.bias"] = torch.zeros(width, dtype=dtype)
        if activation == "prelu":
            values[f"prelu.{layer}.weight"] = torch.full((), 0.25, dtype=dtype)
    return values


def _uniform(shape: tuple[int, ...], fan_in: int, seed: int, dtype: torch.dtype) -> Tensor:
    bound = 1 / math.sqrt(fan_in)
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.empty(shape, dtype=torch.float64).uniform_(-bound, bound, generator=generator)
    return drawn.to(dtype)
