"""The rule by which layers keep views and buffers from step to step."""

from collections.abc import Callable
from typing import Generic, TypeVar

from torch import Tensor

T = TypeVar("T")


class Cached(Generic[T]):
    """What a function makes of a tensor, kept for as long as it is called with the identical tensor object.

    Creating a view costs as much as a small kernel. The buffers of a network are permanent, so a layer is handed the
    same tensor object at every step, and its views and buffers of the same shape need to be made only once.

    Args:
        make: Returns views of the tensor, and buffers that depend on nothing but its shape.
    """

    def __init__(self, make: Callable[[Tensor], T]) -> None:
        self.make = make
        self.tensor: Tensor | None = None  # held, so that no other tensor can take its identity
        self.value: T

    def __call__(self, tensor: Tensor) -> T:
        """Returns what was made of this tensor object, or makes it."""
        if self.tensor is not tensor:
            self.tensor, self.value = tensor, self.make(tensor)
        return self.value
