"""The activation layer of a stack: each function on the neighbouring runs that use it."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from ablate.nn.activations import Activation, resolve
from ablate.nn.members import Segment

# Vectorized kernels give the elements left over after whole registers, unrolled twice, to scalar code that rounds
# otherwise. Where a run holds a multiple of this many elements none is left over, wherever a slice of runs ends.
LANES = 32


class PReLU:
    """y = max(z, 0) + slope * min(z, 0) with one slope a run (He et al., 2015).

    Args:
        slope: Shape (runs,).
        slope_grad: Where `backward` writes its gradient.
    """

    def __init__(self, slope: Tensor, slope_grad: Tensor) -> None:
        self.slope, self.slope_grad = slope[:, None, None], slope_grad

    def forward(self, z: Tensor, out: Tensor) -> None:
        """Writes y into out."""
        torch.mul(z, self.slope, out=out)
        torch.where(z > 0, z, out, out=out)

    def backward(self, grad: Tensor, z: Tensor, y: Tensor, out: Tensor) -> None:
        """Writes the gradient of z into out and that of the slopes into `slope_grad`."""
        del y
        negative = torch.clamp_max(z, 0.0).mul_(grad)
        torch.sum(negative.view(z.shape[0], -1), 1, out=self.slope_grad)
        torch.mul(grad, self.slope, out=out)
        torch.where(z > 0, grad, out, out=out)


class StackedActivation:
    """y = f(z) on z of shape (runs, features, batch), each segment with its own f. Training and inference are the same.

    Args:
        parts: The segments of the stack.
        slope: PReLU's slopes, shape (PReLU runs,), or None if no segment is `prelu`.
        slope_grad: Where `backward` writes their gradient.
    """

    def __init__(self, parts: Sequence[Segment], slope: Tensor | None, slope_grad: Tensor | None) -> None:
        self.functions: list[tuple[Segment, Activation | PReLU]] = []
        for part in parts:
            if part.activation == "prelu" and slope is not None and slope_grad is not None:
                self.functions.append((part, PReLU(slope, slope_grad)))
            else:
                self.functions.append((part, resolve(part.activation)))
        self.z = self.y = self.z_grad = torch.empty(0)

    def forward(self, z: Tensor) -> Tensor:
        """Returns y and keeps z for `backward`."""
        if self.y.shape != z.shape:
            self.y, self.z_grad = torch.empty_like(z), torch.empty_like(z)
        self.z = z
        return self.apply(z, self.y)

    def apply(self, z: Tensor, out: Tensor) -> Tensor:
        """Writes f(z) into out, another buffer than z, and returns it."""
        for function, runs in self._slices(z):
            function.forward(z[runs], out[runs])
        return out

    def backward(self, grad: Tensor) -> Tensor:
        """Returns the gradient of z, and writes that of PReLU's slopes."""
        for function, runs in self._slices(grad):
            function.backward(grad[runs], self.z[runs], self.y[runs], self.z_grad[runs])
        return self.z_grad

    def _slices(self, z: Tensor) -> Iterator[tuple[Activation | PReLU, slice]]:
        """Yields each function with the runs to apply it to: all of a segment, or one by one where they are ragged."""
        ragged = z[0].numel() % LANES != 0
        for part, function in self.functions:
            if ragged and not isinstance(function, PReLU):
                yield from ((function, slice(run, run + 1)) for run in range(part.start, part.stop))
            else:
                yield function, slice(part.start, part.stop)
