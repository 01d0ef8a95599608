"""The interface that all layers implement, and the order of the layers within a block."""

from typing import NamedTuple, Protocol, TypeVar

from torch import Tensor

from ablate.experiment.norms import is_after_activation

T = TypeVar("T")


class Layer(Protocol):
    """A layer with hand-written forward and backward passes, which build no autograd graph.

    A layer holds its parameters as attributes of type `Parameter`.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Returns the output in training, and keeps the tensors that `backward` needs, which may include x itself."""
        ...

    def backward(self, grad: Tensor) -> Tensor:
        """Writes the gradients of the layer's parameters and returns the gradient of the input x.

        The argument `grad`, the gradient of the layer's output, may be overwritten.
        """
        ...

    def infer(self, x: Tensor) -> Tensor:
        """Returns the output at inference. The tensors that `backward` needs stay unchanged.

        A layer may overwrite its input x, except linear layers and convolutions, whose x may be the samples of the
        dataset.
        """
        ...


class OnlyInTraining:
    """Base class of the layers that return their input unchanged at inference."""

    def infer(self, x: Tensor) -> Tensor:
        """Returns x."""
        return x


class ActivationLayer(Layer, Protocol):
    """A layer that computes y = f(z) with an elementwise function f."""

    def observed(self) -> tuple[Tensor, Tensor]:
        """Returns y and f'(z) of the last call of `forward`, each of shape (runs, units, samples).

        This method overwrites the gradients of the activations' parameters.
        """
        ...


class Block(NamedTuple):
    """The activation and the normalization of one hidden layer or convolutional block, for use by diagnostics."""

    activation: ActivationLayer
    norm: Layer | None


def in_order(level: str, product: T, norm: T | None, activation: T, dropout: T | None) -> list[T]:
    """Returns the layers of a block in the order in which they are computed, without those that are None.

    The order is linear layer or convolution, normalization, activation, dropout. At a level such as `batch-post`, the
    normalization follows the activation.

    Args:
        level: Level of the factor `norm`, such as `batch` or `batch-post`, which determines the position of the
            normalization.
        product: The linear layer or the convolution.
        norm: Normalization, or None.
        activation: The activation.
        dropout: Dropout, or None.
    """
    middle = (activation, norm) if is_after_activation(level) else (norm, activation)
    return [layer for layer in (product, *middle, dropout) if layer is not None]
