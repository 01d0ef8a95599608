"""A queue of stacks that wait for training; it splits stacks that are too large for memory."""

from collections import deque
from collections.abc import Sequence

from ablate.experiment.plan import Stack, halves, kind_of


class Pending:
    """A queue of stacks, to which the runs of a failed stack are added again in smaller stacks."""

    def __init__(self, stacks: Sequence[Stack]) -> None:
        self._waiting, self._alone = deque(stacks), deque[Stack]()
        # Largest number of runs in a stack that may fit into memory, by the kind of the stack (see `kind_of`).
        self._limits: dict[object, int] = {}

    def __bool__(self) -> bool:
        return bool(self._waiting or self._alone)

    def take(self, in_training: int) -> Stack | None:
        """Removes and returns the next stack; returns None if the queue is empty or the stack must wait for all others.

        Args:
            in_training: Number of stacks that are being trained now.
        """
        if not self._waiting:
            return self._alone.popleft() if self._alone and not in_training else None
        stack = self._waiting.popleft()
        while stack.size > self._limits.get(kind_of(stack), stack.size):
            stack, *rest = halves(stack)
            self.put_first(rest)
        return stack

    def put_first(self, stacks: Sequence[Stack]) -> None:
        """Adds stacks to the front of the queue, so that these stacks are taken next."""
        self._waiting.extendleft(reversed(stacks))

    def put_alone(self, stack: Stack) -> None:
        """Adds a stack that is taken after all others, once no stack is in training and all memory is free."""
        self._alone.append(stack)

    def limit(self, stack: Stack, size: int) -> None:
        """Limits all stacks of the same kind as `stack` to `size` runs; `take` splits larger stacks."""
        self._limits[kind_of(stack)] = min(size, self._limits.get(kind_of(stack), size))
