"""The activation layer of a stack: each function is applied to the adjacent runs that use it."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from ablate.nn.activations import Activation, resolve
from ablate.nn.members import Segment
from ablate.nn.parameters import Parameter
from ablate.nn.parametric import PARAMETRIC
from ablate.nn.views import Cached

# Vectorized kernels process whole registers, unrolled twice, and the elements that are left over with scalar code that
# rounds differently. If a run has a multiple of this many elements none is left over, wherever a slice of runs ends.
LANES = 32


class StackedActivation:
    """y = f(z) on z of shape (runs, features, batch), each segment with its own f. Training and inference are the same.

    Args:
        parts: The segments of the stack.
        parameters: Those of parametric activations by name, each of shape (runs with it, 1).
    """

    def __init__(self, parts: Sequence[Segment], parameters: Mapping[str, Parameter]) -> None:
        self.functions = [(part, function_of(part.activation, parameters)) for part in parts]
        self.slices_of = Cached(self._slices)
        self.grads_of = Cached(self._by_application)
        self.y = torch.empty(0)

    def forward(self, z: Tensor) -> Tensor:
        """Returns y; z is overwritten by what `backward` needs of it."""
        for function, part, y in self.slices_of(z):
            function.forward_train(part, y)
        return self.y

    def backward(self, grad: Tensor) -> Tensor:
        """Turns the gradient of y into that of z, in place, and writes the gradients of parameters."""
        for (function, kept, y), part in zip(self.slices_of.value, self.grads_of(grad), strict=True):
            function.backward(part, kept, y)
        return grad

    def infer(self, z: Tensor) -> Tensor:
        """Returns y in a tensor of its own."""
        y = torch.empty_like(z)
        for function, runs in self._applications(z):
            function.forward(z[runs], y[runs])
        return y

    def observed(self) -> tuple[Tensor, Tensor]:
        """Returns y and f'(z) of the last `forward`, each (runs, units, samples); it overwrites parameter gradients."""
        return self.y, self.backward(torch.ones_like(self.y))

    def _slices(self, z: Tensor) -> list[tuple[Activation, Tensor, Tensor]]:
        self.y = self.y if self.y.shape == z.shape else torch.empty_like(z)
        return [(function, z[runs], self.y[runs]) for function, runs in self._applications(z)]

    def _by_application(self, grad: Tensor) -> list[Tensor]:
        return [grad[runs] for _, runs in self._applications(grad)]

    def _applications(self, z: Tensor) -> list[tuple[Activation, slice]]:
        """Returns each function with its runs: a whole segment, or run by run where elements would be left over."""
        applications = []
        for part, function in self.functions:
            # A parametric function is made for all its runs, and none of its kernels treats left-over elements apart.
            is_ragged = z[0].numel() % LANES != 0 and part.activation not in PARAMETRIC
            width = 1 if is_ragged else part.stop - part.start
            applications += [
                (function, slice(start, start + width)) for start in range(part.start, part.stop, width)
            ]
        return applications


def function_of(name: str, parameters: Mapping[str, Parameter]) -> Activation:
    """Returns the function of a name, made from its parameters if it has any."""
    return PARAMETRIC[name].make(parameters[name]) if name in PARAMETRIC else resolve(name)
