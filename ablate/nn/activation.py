"""The activation layer of a stack: each function on the neighbouring runs that use it."""

from collections.abc import Sequence

import torch
from torch import Tensor

from ablate.nn.activations import Activation, resolve
from ablate.nn.members import Segment

# Vectorized kernels give the elements left over after whole registers, unrolled twice, to scalar code that rounds
# otherwise. Where a run holds a multiple of this many elements none is left over, wherever a slice of runs ends.
LANES = 32


def prelu(slope: Tensor, slope_grad: Tensor) -> Activation:
    """Returns y = max(z, 0) + slope * min(z, 0) with one slope a run (He et al., 2015).

    Args:
        slope: Shape (runs,).
        slope_grad: Where `backward` writes its gradient.
    """
    slope = slope[:, None, None]

    def forward(z: Tensor, out: Tensor) -> None:
        torch.mul(z, slope, out=out)
        torch.where(z > 0, z, out, out=out)

    def backward(grad: Tensor, z: Tensor, y: Tensor) -> None:
        del y
        negative = torch.clamp_max(z, 0.0).mul_(grad)
        torch.sum(negative.view(z.shape[0], -1), 1, out=slope_grad)
        grad.mul_(torch.where(z > 0, 1.0, slope))

    return Activation(forward, backward, forward)


class StackedActivation:
    """y = f(z) on z of shape (runs, features, batch), each segment with its own f. Training and inference are the same.

    Args:
        parts: The segments of the stack.
        slope: PReLU's slopes, shape (PReLU runs,), or None if no segment is `prelu`.
        slope_grad: Where `backward` writes their gradient.
    """

    def __init__(self, parts: Sequence[Segment], slope: Tensor | None, slope_grad: Tensor | None) -> None:
        self.functions: list[tuple[Segment, Activation]] = []
        for part in parts:
            if part.activation == "prelu" and slope is not None and slope_grad is not None:
                self.functions.append((part, prelu(slope, slope_grad)))
            else:
                self.functions.append((part, resolve(part.activation)))
        self.z = self.y = self.grad = torch.empty(0)
        self.slices: list[tuple[Activation, Tensor, Tensor]] = []
        self.grads: list[Tensor] = []

    def forward(self, z: Tensor) -> Tensor:
        """Returns y; z is overwritten by what `backward` needs of it."""
        if self.z is not z:
            self.y = self.y if self.y.shape == z.shape else torch.empty_like(z)
            self.z = z
            self.slices = [(function, z[runs], self.y[runs]) for function, runs in self.applications(z)]
        for function, part, y in self.slices:
            function.train(part, y)
        return self.y

    def apply(self, z: Tensor, out: Tensor) -> Tensor:
        """Writes f(z) into out, another buffer than z, and returns it."""
        for function, runs in self.applications(z):
            function.forward(z[runs], out[runs])
        return out

    def backward(self, grad: Tensor) -> Tensor:
        """Turns the gradient of y into that of z, in place, and writes that of PReLU's slopes."""
        if self.grad is not grad:
            self.grad, self.grads = grad, [grad[runs] for _, runs in self.applications(grad)]
        for (function, kept, y), part in zip(self.slices, self.grads, strict=True):
            function.backward(part, kept, y)
        return grad

    def applications(self, z: Tensor) -> list[tuple[Activation, slice]]:
        """Returns each function with the runs to apply it to: all of a segment, or one by one where they are ragged."""
        found = []
        for part, function in self.functions:
            # A PReLU's slopes are those of all its runs, and none of its kernels knows a tail.
            is_ragged = z[0].numel() % LANES != 0 and part.activation != "prelu"
            width = 1 if is_ragged else part.stop - part.start
            found += [
                (function, slice(start, start + width)) for start in range(part.start, part.stop, width)
            ]
        return found
