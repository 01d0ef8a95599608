"""What a layer is, and the order of the layers of a block."""

from typing import NamedTuple, Protocol, TypeVar

from torch import Tensor

from ablate.experiment.norms import is_after_activation

T = TypeVar("T")


class Layer(Protocol):
    """A part of a network with its forward and backward pass written out; no graph is built.

    A layer holds the parameters it owns as attributes of type `Parameter`.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Returns the output in training, and keeps what `backward` needs, which may be x itself."""
        ...

    def backward(self, grad: Tensor) -> Tensor:
        """Writes the gradients of the parameters and returns that of x; it may overwrite `grad`, that of the output."""
        ...

    def infer(self, x: Tensor) -> Tensor:
        """Returns the output at inference and writes nothing that training needs.

        It may overwrite x, except for linear layers and convolutions, whose x may be the samples.
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
        """Returns y and f'(z) of the last `forward`, each (runs, units, samples); it overwrites parameter gradients."""
        ...


class Block(NamedTuple):
    """The activation and the normalization of a hidden layer or convolutional block, for diagnostics."""

    activation: ActivationLayer
    norm: Layer | None


def in_order(level: str, product: T, norm: T | None, activation: T, dropout: T | None) -> list[T]:
    """Returns linear or convolution, [norm], activation, [norm], [dropout], without those that are None.

    Args:
        level: Level of the factor `norm`, which says where the normalization stands.
        product: The linear layer or the convolution.
        norm: The normalization.
        activation: The activation.
        dropout: The dropout.
    """
    middle = (activation, norm) if is_after_activation(level) else (norm, activation)
    return [layer for layer in (product, *middle, dropout) if layer is not None]
