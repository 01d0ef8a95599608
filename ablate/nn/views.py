"""A cache for the views and buffers that layers use at every step."""

from collections.abc import Callable
from typing import Generic, TypeVar

from torch import Tensor

T = TypeVar("T")


class Cached(Generic[T]):
    """The result of a function of a tensor, kept while the function is called with the identical tensor object.

    Creating a view costs as much as a small kernel. The buffers of a network are permanent, so a layer receives the
    same tensor object at every step. It needs to make its views, and buffers of the same shape, only once.

    Args:
        make: Function that returns views of the tensor, and buffers that depend only on its shape.
    """

    def __init__(self, make: Callable[[Tensor], T]) -> None:
        self.make = make
        self.tensor: Tensor | None = None  # held, so that no other tensor can take its identity
        self.value: T

    def __call__(self, tensor: Tensor) -> T:
        """Returns the result for this tensor object, and computes it if it is not cached."""
        if self.tensor is not tensor:
            self.tensor, self.value = tensor, self.make(tensor)
        return self.value
