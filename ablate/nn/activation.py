"""The activation layer of a stack, which applies each activation function to the runs that use the function."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from ablate.nn.activations import Activation
from ablate.nn.members import Segment
from ablate.nn.own_functions import resolve
from ablate.nn.parameters import Parameter
from ablate.nn.parametric import PARAMETRIC
from ablate.nn.views import Cached

# Vectorized kernels process two registers at a time, and the remaining elements with scalar code, which rounds
# differently. If the number of elements of each run is a multiple of LANES, no slice of runs has remaining elements.
LANES = 32


class StackedActivation:
    """Computes y = f(z) for z of shape (runs, features, batch), where f depends on the run.

    A segment is a group of adjacent runs with the same f. The layer computes the same in training and at inference.

    Args:
        parts: The segments of the stack.
        parameters: Trained parameters of the parametric activations, such as prelu, by name of the activation. Each
            parameter has the shape (number of runs with its activation, 1).
    """

    def __init__(self, parts: Sequence[Segment], parameters: Mapping[str, Parameter]) -> None:
        self.functions = [(part, function_of(part.activation, parameters)) for part in parts]
        self.slices_of = Cached(self._slices)
        self.grads_of = Cached(self._by_application)
        self.y = torch.empty(0)

    def forward(self, z: Tensor) -> Tensor:
        """Returns y = f(z) in training, and may overwrite z with the values that `backward` needs."""
        for function, part, y in self.slices_of(z):
            function.forward_train(part, y)
        return self.y

    def backward(self, grad: Tensor) -> Tensor:
        """Overwrites `grad`, the gradient of y, with the gradient of z, and writes the gradients of the parameters."""
        for (function, kept, y), part in zip(self.slices_of.value, self.grads_of(grad), strict=True):
            function.backward(part, kept, y)
        return grad

    def infer(self, z: Tensor) -> Tensor:
        """Returns y = f(z) as a new tensor."""
        y = torch.empty_like(z)
        for function, runs in self._applications(z):
            function.forward(z[runs], y[runs])
        return y

    def observed(self) -> tuple[Tensor, Tensor]:
        """Returns y and f'(z) of the last call of `forward`, each of shape (runs, units, samples).

        This method overwrites the gradients of the activations' parameters.
        """
        return self.y, self.backward(torch.ones_like(self.y))

    def _slices(self, z: Tensor) -> list[tuple[Activation, Tensor, Tensor]]:
        self.y = self.y if self.y.shape == z.shape else torch.empty_like(z)
        return [(function, z[runs], self.y[runs]) for function, runs in self._applications(z)]

    def _by_application(self, grad: Tensor) -> list[Tensor]:
        return [grad[runs] for _, runs in self._applications(grad)]

    def _applications(self, z: Tensor) -> list[tuple[Activation, slice]]:
        """Returns pairs of an activation function and a slice of runs to which one call applies the function.

        The slice is a whole segment if the function is parametric or the number of elements of a run is a multiple of
        `LANES`. Otherwise the slice is a single run.
        """
        applications = []
        for part, function in self.functions:
            # A parametric function is called for all its runs at once, because its kernels round all elements alike.
            is_ragged = z[0].numel() % LANES != 0 and part.activation not in PARAMETRIC
            width = 1 if is_ragged else part.stop - part.start
            applications += [
                (function, slice(start, start + width)) for start in range(part.start, part.stop, width)
            ]
        return applications


def function_of(name: str, parameters: Mapping[str, Parameter]) -> Activation:
    """Returns the activation function with this name, using its entry in `parameters` if the function is parametric."""
    return PARAMETRIC[name].make(parameters[name]) if name in PARAMETRIC else resolve(name)
