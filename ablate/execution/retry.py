"""New attempts at the runs of a failed stack, in smaller and smaller stacks and finally each run alone.

The results of a run do not depend on the stack in which the run is trained. Therefore a failed stack changes no result
of the runs that can be trained. Only runs that also fail when they are trained alone are recorded as failed.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from ablate.execution.executor import Died, Executor, Failed, TooLarge
from ablate.execution.pending import Pending
from ablate.experiment.activations import is_users_own
from ablate.experiment.grid import Run
from ablate.experiment.plan import Stack, halves, with_runs
from ablate.training.result import StackResult

# Number of attempts at a single run before the run is recorded as failed. All attempts after the first are made while
# no other stack is in training, so that all memory is free.
_ATTEMPTS = {Failed: 1, TooLarge: 2, Died: 3}


def train_stacks(
    executor: Executor, stacks: Sequence[Stack], on_run_steps: Callable[[int], None]
) -> Iterator[tuple[Stack, StackResult | str]]:
    """Trains stacks and yields each stack with its result or, if its runs failed, with an error message.

    Args:
        executor: Executor that makes the attempts at training.
        stacks: Stacks to train. If a stack of several runs fails, smaller stacks with its runs are trained and yielded
            instead.
        on_run_steps: Function that is called with the number of training steps done since its last call, summed over
            runs. After a failed attempt at a stack, the number is negative and takes back the lost steps of this
            attempt.
    """
    pending, steps, attempts = Pending(stacks), Counter[Stack](), Counter[Stack]()

    def advance(stack: Stack, run_steps: int) -> None:
        steps[stack] += run_steps
        on_run_steps(run_steps)

    for stack, outcome in executor.run(pending, advance):
        if not isinstance(outcome, Died | TooLarge | Failed):
            yield stack, outcome
            continue
        on_run_steps(-steps.pop(stack, 0))
        attempts[stack] += 1
        if not _try_again(pending, stack, outcome, attempts[stack]):
            yield stack, _reason(stack.runs[0], outcome)


def _try_again(pending: Pending, stack: Stack, outcome: Died | TooLarge | Failed, attempts: int) -> bool:
    """Returns whether the runs of a failed stack get another attempt, and if so, adds them to the queue.

    A stack of several runs always gets another attempt, in smaller stacks.
    """
    if parts := _parts(stack, outcome):
        if isinstance(outcome, TooLarge) or (isinstance(outcome, Died) and outcome.by_signal):
            pending.limit(stack, parts[0].size)
        pending.put_first(parts)
        return True
    if attempts >= _ATTEMPTS[type(outcome)] or (isinstance(outcome, Died) and not outcome.by_signal):
        return False
    pending.put_alone(stack)
    return True


def _parts(stack: Stack, outcome: Died | TooLarge | Failed) -> list[Stack]:
    """Returns the smaller stacks to train after a stack has failed; the list is empty for a single run.

    Runs that use a user's own activation function are separated from the other runs first. If the function itself
    failed, each run that uses the function is trained alone.
    """
    suspects = [run for run in stack.runs if _is_suspect(run, outcome)]
    others = tuple(run for run in stack.runs if run not in suspects)
    if isinstance(outcome, Failed):
        parts = [others, *((run,) for run in suspects)] if len(stack.runs) > 1 else []
    elif suspects and others:
        parts = [others, tuple(suspects)]
    else:
        return halves(stack) if stack.size > 1 else []
    return [with_runs(stack, part) for part in parts if part]


def _reason(run: Run, outcome: Died | TooLarge | Failed) -> str:
    """Returns the reason why a run failed.

    If the worker died while it trained a run with a user's own function, the reason names the function as a possible
    cause.
    """
    is_possible_cause = isinstance(outcome, Died) and is_users_own(run.activation)
    return outcome.message + (f"; {run.activation!r} may have ended it" if is_possible_cause else "")


def _is_suspect(run: Run, outcome: Died | TooLarge | Failed) -> bool:
    if isinstance(outcome, Failed):
        return bool(run.activation == outcome.activation)
    return isinstance(outcome, Died) and is_users_own(run.activation)
