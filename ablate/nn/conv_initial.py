"""Initial values of one run's convolutions; those of its fully connected layers are `initial.initial_values`."""

import math

import torch
from torch import Tensor

from ablate.experiment.seeding import derive
from ablate.experiment.spec import Init
from ablate.nn.conv_shape import ConvShape
from ablate.nn.gains import PRELU_SLOPE
from ablate.nn.initial import uniform, weight_bound


def initial_conv_values(
    shape: ConvShape, activation: str, seed: int, dtype: torch.dtype, init: Init = "torch"
) -> dict[str, Tensor]:
    """Returns the parameters of one run's blocks before training, by name, kernels as (outputs, inputs, *kernel).

    They are drawn as those of linear layers are, see `initial_values`, with inputs times the size of the kernel for the
    fan-in: `torch` is the default of `torch.nn.Conv2d`.
    """
    values: dict[str, Tensor] = {}
    for block, (inputs, outputs) in enumerate(zip(shape.inputs, shape.channels, strict=True)):
        name, fan_in = f"conv.{block}", inputs * math.prod(shape.kernel)
        is_standardized = block == 0 or shape.norm == "batch-post"
        bound = weight_bound(activation, init, is_standardized=is_standardized) / math.sqrt(fan_in)
        size = (outputs, inputs, *shape.kernel)
        values[f"{name}.weight"] = uniform(size, bound, derive(seed, "init", name, "weight"), dtype)
        if shape.has_bias:
            bound = 1 / math.sqrt(fan_in) if init == "torch" else 0.0
            values[f"{name}.bias"] = uniform((outputs,), bound, derive(seed, "init", name, "bias"), dtype)
        if shape.norm != "off":
            values[f"conv_norm.{block}.weight"] = torch.ones(outputs, dtype=dtype)
            values[f"conv_norm.{block}.bias"] = torch.zeros(outputs, dtype=dtype)
        if activation == "prelu":
            values[f"conv_prelu.{block}.weight"] = torch.full((), PRELU_SLOPE, dtype=dtype)
    return values
