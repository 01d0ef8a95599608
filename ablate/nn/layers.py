"""The interface of layers, and the order of the layers of a block."""

from typing import NamedTuple, Protocol, TypeVar

from torch import Tensor

from ablate.experiment.norms import is_after_activation

T = TypeVar("T")


class Layer(Protocol):
    """A part of a network with explicit forward and backward passes. No autograd graph is built.

    A layer holds the parameters it owns as attributes of type `Parameter`.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Returns the output in training, and keeps the values that `backward` needs, possibly x itself."""
        ...

    def backward(self, grad: Tensor) -> Tensor:
        """Writes the parameters' gradients and returns that of x. It may overwrite `grad`, that of the output."""
        ...

    def infer(self, x: Tensor) -> Tensor:
        """Returns the output at inference and writes nothing that training needs.

        It may overwrite x. Linear layers and convolutions never do, because their x may be the samples.
        """
        ...


class OnlyInTraining:
    """A layer that does nothing at inference."""

    def infer(self, x: Tensor) -> Tensor:
        """Returns x."""
        return x


class ActivationLayer(Layer, Protocol):
    """A layer that applies an elementwise function."""

    def observed(self) -> tuple[Tensor, Tensor]:
        """Returns y and f'(z) of the last `forward`, each (runs, units, samples). Overwrites parameter gradients."""
        ...


class Block(NamedTuple):
    """The activation and the normalization of a hidden layer or convolutional block, for diagnostics."""

    activation: ActivationLayer
    norm: Layer | None


def in_order(level: str, product: T, norm: T | None, activation: T, dropout: T | None) -> list[T]:
    """Returns the given layers in order, without None: linear or convolution, [norm], activation, [norm], [dropout].

    Args:
        level: Level of the factor `norm`, which determines the position of the normalization.
        product: The linear layer or the convolution.
        norm: Normalization, or None.
        activation: The activation.
        dropout: Dropout, or None.
    """
    middle = (activation, norm) if is_after_activation(level) else (norm, activation)
    return [layer for layer in (product, *middle, dropout) if layer is not None]
