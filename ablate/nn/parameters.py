"""Parameters of a stack in one flat buffer, so that one fused optimizer call updates every run."""

from collections.abc import Mapping

import torch
from torch import Tensor

# Vectorized kernels treat the last elements of a buffer, fewer than a register's lanes, with scalar code that rounds
# otherwise. Every parameter starts and ends on a multiple of this, so no element of any run ever lies in that tail.
ALIGNMENT = 64


class FlatParameters:
    """Named tensors that are views of one flat value buffer, and their gradients of one flat gradient buffer.

    Attributes:
        flat: All values, shape (elements,).
        flat_grad: All gradients, same shape, which layers write in place.
        values: Name to view, each of shape (runs, ...).
        grads: Name to the view of the gradient, same shapes.
    """

    def __init__(
        self, shapes: Mapping[str, tuple[int, ...]], dtype: torch.dtype, device: torch.device
    ) -> None:
        sizes = {name: torch.Size(shape).numel() for name, shape in shapes.items()}
        self.flat = torch.zeros(sum(map(padded, sizes.values())), dtype=dtype, device=device)
        self.flat_grad = torch.zeros_like(self.flat)
        self.values: dict[str, Tensor] = {}
        self.grads: dict[str, Tensor] = {}
        start = 0
        for name, shape in shapes.items():
            part = slice(start, start + sizes[name])
            self.values[name] = self.flat[part].view(shape)
            self.grads[name] = self.flat_grad[part].view(shape)
            start += padded(sizes[name])


def padded(size: int) -> int:
    """Returns the next multiple of the alignment."""
    return -(-size // ALIGNMENT) * ALIGNMENT
