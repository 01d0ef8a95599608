"""The activation layer of a stack. It applies each function to the adjacent runs that use it."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from ablate.nn.activations import Activation, resolve
from ablate.nn.members import Segment
from ablate.nn.parameters import Parameter
from ablate.nn.parametric import PARAMETRIC
from ablate.nn.views import Cached

# Vectorized kernels process two registers at a time. They process the remaining elements with scalar code, which rounds
# differently. If each run has a multiple of this many elements, no slice of runs has remaining elements.
LANES = 32


class StackedActivation:
    """y = f(z) for z of shape (runs, features, batch). Each segment has its own f. Training and inference are the same.

    Args:
        parts: The segments of the stack.
        parameters: Parameters of the parametric activations by activation name, each of shape (runs with it, 1).
    """

    def __init__(self, parts: Sequence[Segment], parameters: Mapping[str, Parameter]) -> None:
        self.functions = [(part, function_of(part.activation, parameters)) for part in parts]
        self.slices_of = Cached(self._slices)
        self.grads_of = Cached(self._by_application)
        self.y = torch.empty(0)

    def forward(self, z: Tensor) -> Tensor:
        """Returns y; it may overwrite z with the values that `backward` needs."""
        for function, part, y in self.slices_of(z):
            function.forward_train(part, y)
        return self.y

    def backward(self, grad: Tensor) -> Tensor:
        """Replaces the gradient of y by the gradient of z, in place, and writes the gradients of the parameters."""
        for (function, kept, y), part in zip(self.slices_of.value, self.grads_of(grad), strict=True):
            function.backward(part, kept, y)
        return grad

    def infer(self, z: Tensor) -> Tensor:
        """Returns y as a new tensor."""
        y = torch.empty_like(z)
        for function, runs in self._applications(z):
            function.forward(z[runs], y[runs])
        return y

    def observed(self) -> tuple[Tensor, Tensor]:
        """Returns y and f'(z) of the last `forward`, each (runs, units, samples). Overwrites parameter gradients."""
        return self.y, self.backward(torch.ones_like(self.y))

    def _slices(self, z: Tensor) -> list[tuple[Activation, Tensor, Tensor]]:
        self.y = self.y if self.y.shape == z.shape else torch.empty_like(z)
        return [(function, z[runs], self.y[runs]) for function, runs in self._applications(z)]

    def _by_application(self, grad: Tensor) -> list[Tensor]:
        return [grad[runs] for _, runs in self._applications(grad)]

    def _applications(self, z: Tensor) -> list[tuple[Activation, slice]]:
        """Returns each function with the runs of one call: a whole segment, or one run if elements would remain."""
        applications = []
        for part, function in self.functions:
            # A parametric function is made for all its runs, and its kernels round all elements alike.
            is_ragged = z[0].numel() % LANES != 0 and part.activation not in PARAMETRIC
            width = 1 if is_ragged else part.stop - part.start
            applications += [
                (function, slice(start, start + width)) for start in range(part.start, part.stop, width)
            ]
        return applications


def function_of(name: str, parameters: Mapping[str, Parameter]) -> Activation:
    """Returns the activation function with this name, made from its parameters if it has any."""
    return PARAMETRIC[name].make(parameters[name]) if name in PARAMETRIC else resolve(name)
