"""The stacks that wait to be trained, none of them larger than what has turned out to fit into memory."""

from collections import deque
from collections.abc import Sequence

from ablate.experiment.plan import Stack, halves, kind_of


class Pending:
    """A queue of stacks. It grows while stacks are trained, because a stack that failed is tried again in parts."""

    def __init__(self, stacks: Sequence[Stack]) -> None:
        self._waiting, self._alone = deque(stacks), deque[Stack]()
        self._limits: dict[
            object, int
        ] = {}  # largest number of runs that may fit into memory, by kind of stack

    def __bool__(self) -> bool:
        return bool(self._waiting or self._alone)

    def take(self, in_training: int) -> Stack | None:
        """Removes and returns the next stack; None if it has to wait until no stack is in training.

        Args:
            in_training: Number of stacks that are in training now.
        """
        if not self._waiting:
            return self._alone.popleft() if self._alone and not in_training else None
        stack = self._waiting.popleft()
        while stack.size > self._limits.get(kind_of(stack), stack.size):
            stack, *rest = halves(stack)
            self.put_first(rest)
        return stack

    def put_first(self, stacks: Sequence[Stack]) -> None:
        """Adds stacks to be taken next."""
        self._waiting.extendleft(reversed(stacks))

    def put_alone(self, stack: Stack) -> None:
        """Adds a stack to be trained after all others, while no other stack is in training and takes memory."""
        self._alone.append(stack)

    def limit(self, stack: Stack, size: int) -> None:
        """Limits the size of all stacks of the same kind that are taken from now on."""
        self._limits[kind_of(stack)] = min(size, self._limits.get(kind_of(stack), size))
