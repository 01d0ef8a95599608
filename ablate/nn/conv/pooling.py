"""Max pooling of one run over windows that do not overlap, with the channels last."""

from collections.abc import Sequence

import torch
from torch import Tensor

aten = torch.ops.aten


class MaxPool:
    """Computes the largest value of each window, like `torch.nn.MaxPool2d` and `torch.nn.MaxPool3d`.

    The layer computes the same in training and at inference, on tensors of shape (batch, *spatial, channels). The layer
    halves one axis after another by taking the elementwise maximum of the even and the odd positions along the axis.
    Elementwise operations have vectorized kernels. torch's own kernels for max pooling scatter gradients by index,
    which happens in no fixed order on a GPU. Positions after the last whole window are ignored and get no gradient.

    Args:
        window: Size of the pooling window along each spatial axis, 1 or 2.
    """

    def __init__(self, window: Sequence[int]) -> None:
        self.axes = [axis for axis, size in enumerate(window, start=1) if size == 2]
        self.steps: list[Tensor] = []
        self.grads: list[Tensor] = []
        self.rests: list[Tensor] = []  # parts of `grads` at the positions after the last whole window

    def forward(self, x: Tensor) -> Tensor:
        """Returns the largest value of each window, and keeps x for `backward`."""
        if not self.steps or self.steps[0].shape != x.shape:
            self._make_buffers(x)
        self.steps[0] = x
        for axis, before, after in zip(self.axes, self.steps, self.steps[1:], strict=False):
            torch.maximum(*_halves(before, axis), out=after)
        return self.steps[-1]

    def backward(self, grad: Tensor) -> Tensor:
        """Returns the gradient of x. If a window has several largest values, the first of them gets the gradient."""
        for rest in self.rests:
            rest.zero_()  # in the last step, the layers before the pooling may have overwritten this gradient
        for step in reversed(range(len(self.axes))):
            first, second = _halves(self.steps[step], self.axes[step])
            first_grad, second_grad = _halves(self.grads[step], self.axes[step])
            # The gradient goes to the second position of a pair if its value is larger, otherwise to the first.
            torch.sub(second, first, out=second_grad)
            aten.threshold_backward.grad_input(grad, second_grad, 0.0, grad_input=second_grad)
            torch.sub(grad, second_grad, out=first_grad)
            grad = self.grads[step]
        return grad

    def infer(self, x: Tensor) -> Tensor:
        """Returns the largest value of each window as a new tensor, and keeps nothing for `backward`."""
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
    """Returns a view of the even positions and a view of the odd positions along an axis.

    If the number of positions is odd, the last position is in neither view.
    """
    whole = x.narrow(axis, 0, x.shape[axis] // 2 * 2)
    ahead = (slice(None),) * axis
    return whole[(*ahead, slice(0, None, 2))], whole[(*ahead, slice(1, None, 2))]
