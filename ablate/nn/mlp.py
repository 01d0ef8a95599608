"""The multilayer perceptron (MLP): its parameters and its sequence of stacked layers."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from torch import Tensor

from ablate.experiment.norms import is_after_activation, makes_bias_redundant
from ablate.experiment.spec import Init, Precision
from ablate.nn.activation import StackedActivation
from ablate.nn.dropout import StackedDropout
from ablate.nn.initial import weight_specs
from ablate.nn.layers import Block, Layer, in_order
from ablate.nn.linear import StackedLinear, multiplication
from ablate.nn.members import segments
from ablate.nn.norms import norm_specs, stacked_norm
from ablate.nn.parameters import Spec, StackParameters
from ablate.nn.parametric import slope_specs, slopes
from ablate.nn.views import Cached


class Built(NamedTuple):
    """The layers of a network, and some of these layers once more, by the use that other code makes of them.

    Attributes:
        layers: All layers, in order.
        blocks: Hidden layers and convolutional blocks by name, such as `hidden.0` or `conv.0`, for diagnostics. A
            hidden layer is one `Block` for all runs; a convolutional block is one `Block` for each run.
        weights: Names of the weight tensors in `StackParameters`, by name of the layer: the names in `blocks`, and
            `output`.
        dropouts: Dropout layers, which need new random numbers at each step.
    """

    layers: Sequence[Layer]
    blocks: dict[str, list[Block]]
    weights: dict[str, str]
    dropouts: Sequence[StackedDropout]


@dataclass(frozen=True)
class MLP:
    """The architecture of a multilayer perceptron: hidden layers, followed by a linear output layer.

    A hidden layer consists of a linear layer, an activation, an optional normalization before or after the activation,
    and optional dropout at the end.

    Attributes:
        features: Number of values in one input sample.
        hidden: Widths of the hidden layers.
        classes: Number of outputs.
        norm: Level of the factor `norm`, such as `batch` or `off`.
        is_standardized: Whether the inputs are standardized samples (variance 1), not outputs of an activation.
    """

    features: int
    hidden: tuple[int, ...]
    classes: int
    norm: str
    is_standardized: bool = True

    @property
    def widths(self) -> tuple[int, ...]:
        """The number of inputs of the network, followed by the numbers of outputs of the linear layers."""
        return (self.features, *self.hidden, self.classes)

    def has_bias(self, layer: int) -> bool:
        """Returns whether a linear layer has a bias: not if the normalization after the layer would cancel the bias."""
        return layer == len(self.hidden) or not makes_bias_redundant(self.norm)

    def specs(self, init: Init) -> list[Spec]:
        """Returns the declarations of all parameters and running statistics of the network."""
        specs = []
        for layer, shape in enumerate(pairwise(self.widths)):
            specs += weight_specs(
                f"linear.{layer}",
                shape[::-1],
                init,
                has_bias=self.has_bias(layer),
                is_standardized=(layer == 0 and self.is_standardized) or is_after_activation(self.norm),
                is_fused=True,
            )
        for layer, width in enumerate(self.hidden):
            specs += norm_specs(f"norm.{layer}", width, self.norm) + slope_specs("", layer)
        return specs

    def build(self, parameters: StackParameters, precision: Precision, *, is_observed: bool) -> Built:
        """Returns the stacked layers for inputs of shape (runs, batch, features).

        If all runs share the inputs, their shape is (1, batch, features).
        """
        del is_observed
        built = self.dense(parameters, precision, needs_input_grad=False)
        return built._replace(layers=[_SamplesLast(), *built.layers])

    def dense(self, parameters: StackParameters, precision: Precision, *, needs_input_grad: bool) -> Built:
        """Returns the stacked layers for inputs of shape (runs, features, batch).

        If all runs share the inputs, their shape is (1, features, batch).
        """
        layers, blocks, dropouts = list[Layer](), dict[str, list[Block]](), list[StackedDropout]()
        for layer, width in enumerate(self.hidden):
            linear = self._linear(parameters, precision, layer, needs_input_grad or layer > 0)
            norm = stacked_norm(self.norm, parameters, f"norm.{layer}")
            activation = StackedActivation(segments(parameters.members), slopes(parameters, "", layer))
            # `Member.dropout` ends with the rates of the hidden layers, after those of the convolutional blocks.
            dropout = stacked_dropout(parameters, layer - len(self.hidden), layer, width)
            layers += in_order(self.norm, linear, norm, activation, dropout)
            blocks[f"hidden.{layer}"] = [Block(activation, norm)]
            dropouts += [dropout] if dropout else []
        layers.append(self._linear(parameters, precision, len(self.hidden), needs_input_grad=True))
        weights = {name: f"linear.{layer}.weight" for layer, name in enumerate((*blocks, "output"))}
        return Built(layers, blocks, weights, dropouts)

    @staticmethod
    def arrange(samples: Tensor) -> Tensor:
        """Returns samples of shape (samples, ...) in the shape (samples, features), the fastest layout for an MLP."""
        return samples.flatten(1)

    def _linear(
        self, parameters: StackParameters, precision: Precision, layer: int, needs_input_grad: bool
    ) -> StackedLinear:
        owned = parameters.owned(f"linear.{layer}")
        multiply = multiplication(precision)
        return StackedLinear(owned["weight"], owned.get("bias"), multiply, needs_input_grad=needs_input_grad)


def stacked_dropout(
    parameters: StackParameters, index: int, layer: int, features: int
) -> StackedDropout | None:
    """Returns the dropout that follows a layer, or None if the dropout rate is 0 for all runs of the stack.

    Args:
        parameters: Parameters of the stack.
        index: Index of the layer's dropout rate in `Member.dropout`.
        layer: Number of the layer, from which the random numbers are derived.
        features: Number of units or channels of the layer.
    """
    rates = [member.dropout[index] for member in parameters.members]
    seeds = [member.seed for member in parameters.members]
    return StackedDropout(rates, seeds, layer, features, parameters.flat) if any(rates) else None


class _SamplesLast:
    """A layer that transposes (runs, batch, features) to (runs, features, batch), without a copy."""

    def __init__(self) -> None:
        self.turned = Cached(lambda x: x.transpose(1, 2))

    def forward(self, x: Tensor) -> Tensor:
        return self.turned(x)

    def backward(self, grad: Tensor) -> Tensor:
        return grad

    def infer(self, x: Tensor) -> Tensor:
        return x.transpose(1, 2)
