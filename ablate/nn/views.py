"""A cache for the views and buffers that layers use at every step."""

from collections.abc import Callable
from typing import Generic, TypeVar

from torch import Tensor

T = TypeVar("T")


class Cached(Generic[T]):
    """Caches the result of a function for as long as the function is called with the same tensor object.

    Creating a view takes as long as a small kernel. A layer receives the same tensor object at every step, because the
    buffers of a network are permanent. With this cache, a layer creates its views and its buffers only once.

    Args:
        make: Function that returns views of a tensor, or buffers that depend only on the shape of the tensor.
    """

    def __init__(self, make: Callable[[Tensor], T]) -> None:
        self.make = make
        self.tensor: Tensor | None = None  # kept alive, so that no new tensor can be the same object
        self.value: T

    def __call__(self, tensor: Tensor) -> T:
        """Returns the cached result for this tensor object, or computes and caches the result."""
        if self.tensor is not tensor:
            self.tensor, self.value = tensor, self.make(tensor)
        return self.value
