"""Max pooling over windows of two that do not overlap, for one run, on samples with the channels last."""

from collections.abc import Sequence

import torch
from torch import Tensor

aten = torch.ops.aten


class MaxPool:
    """y = the largest value of each window. Training and inference are the same. Equals `torch.nn.MaxPool2d` or 3d.

    x has shape (batch, *spatial, channels). Axes are halved one after another, by operations on two strided halves of a
    buffer. Their kernels are vectorized, while torch's own kernels scatter by index, on a GPU in no fixed order.
    Positions that remain after the last whole window are ignored and get no gradient.

    Args:
        window: Window size of each spatial axis, 1 or 2.
    """

    def __init__(self, window: Sequence[int]) -> None:
        self.axes = [axis for axis, size in enumerate(window, start=1) if size == 2]
        self.steps: list[Tensor] = []
        self.grads: list[Tensor] = []
        self.rests: list[Tensor] = []  # of the gradients, where positions are left over after whole windows

    def forward(self, x: Tensor) -> Tensor:
        """Returns y and keeps x for `backward`."""
        if not self.steps or self.steps[0].shape != x.shape:
            self._make_buffers(x)
        self.steps[0] = x
        for axis, before, after in zip(self.axes, self.steps, self.steps[1:], strict=False):
            torch.maximum(*_halves(before, axis), out=after)
        return self.steps[-1]

    def backward(self, grad: Tensor) -> Tensor:
        """Returns the gradient of x. The gradient of a window goes to the first of its largest values."""
        for rest in self.rests:
            rest.zero_()  # what comes before the pooling may have overwritten the gradient of the last step
        for step in reversed(range(len(self.axes))):
            first, second = _halves(self.steps[step], self.axes[step])
            first_grad, second_grad = _halves(self.grads[step], self.axes[step])
            # Where the difference is positive, the gradient goes to the second half; elsewhere it goes to the first.
            torch.sub(second, first, out=second_grad)
            aten.threshold_backward.grad_input(grad, second_grad, 0.0, grad_input=second_grad)
            torch.sub(grad, second_grad, out=first_grad)
            grad = self.grads[step]
        return grad

    def infer(self, x: Tensor) -> Tensor:
        """Returns y as a new tensor, and keeps nothing for `backward`."""
        for axis in self.axes:
            x = torch.maximum(*_halves(x, axis))
        return x

    def _make_buffers(self, x: Tensor) -> None:
        self.steps, self.grads, self.rests = [x], [], []
        for axis in self.axes:
            self.grads.append(x.new_empty(x.shape))
            if x.shape[axis] % 2:
                self.rests.append(self.grads[-1].narrow(axis, x.shape[axis] - 1, 1))
            x = x.new_empty((*x.shape[:axis], x.shape[axis] // 2, *x.shape[axis + 1 :]))
            self.steps.append(x)


def _halves(x: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    """Returns views of the first and of the second element of each pair along an axis."""
    whole = x.narrow(axis, 0, x.shape[axis] // 2 * 2)
    ahead = (slice(None),) * axis
    return whole[(*ahead, slice(0, None, 2))], whole[(*ahead, slice(1, None, 2))]
