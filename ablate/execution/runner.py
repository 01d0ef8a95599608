"""The runner, which passes the stacks of a plan to an executor and stores each result as soon as it arrives."""

from collections import Counter
from collections.abc import Mapping
from typing import Protocol

from ablate.execution.executor import Executor
from ablate.execution.retry import train_stacks
from ablate.execution.rows import RowContext, failed_tables, trained_tables
from ablate.experiment.plan import Plan
from ablate.store.checkpoints import Checkpoint, remove_useless_checkpoints
from ablate.store.parquet import ResultsFolder
from ablate.store.status import FINISHED


class Observer(Protocol):
    """Interface of an object that is told about the progress of training."""

    def advance(self, run_steps: int) -> None:
        """The runner calls this method with the number of training steps done since the last call, summed over runs.

        After a failed attempt at a stack, the steps of this attempt are lost, and the runner passes their number with a
        minus sign.
        """

    def stack_finished(self, label: str, statuses: dict[str, int], seconds: float) -> None:
        """The runner calls this method when the results of a stack have been stored.

        `label` is the label of the stack, `statuses` holds the number of runs by status, and `seconds` is the duration
        of training.
        """


def train_all(
    plan: Plan,
    executor: Executor,
    folder: ResultsFolder,
    context: RowContext,
    metadata: Mapping[str, str],
    observer: Observer,
    failure_limit: int | None = None,
) -> int:
    """Trains the stacks of a plan, stores their results in a folder, and returns the number of runs left untrained.

    The folder must be open for writing. `metadata` is stored with the results of every stack. Training stops when
    `failure_limit` runs have failed or diverged.

    Raises:
        ValueError: The attribute `simulated` of the executor differs from that of a run.
        AblateError: The executor could not train, or the results could not be stored.
    """
    if any(run.simulated is not executor.simulated for stack in plan.stacks for run in stack.runs):
        raise ValueError(f"the executor has simulated={executor.simulated}, which some of the runs do not")
    left, failures = sum(len(stack.runs) for stack in plan.stacks), 0
    for stack, outcome in train_stacks(executor, plan.stacks, observer.advance):
        if isinstance(outcome, str):
            tables, seconds = failed_tables(stack, outcome, context), 0.0
        else:
            tables, seconds = trained_tables(stack, outcome, context), outcome.seconds
        folder.write_part(tables, {**metadata, **executor.numerics})
        Checkpoint.of(folder.path, [run.run_id for run in stack.runs]).remove()
        statuses = dict(Counter(tables["runs"]["status"]))
        observer.stack_finished(stack.label, statuses, seconds)
        left -= len(stack.runs)
        failures += len(stack.runs) - statuses.get(FINISHED, 0)
        if failure_limit is not None and failures >= failure_limit:
            break
    remove_useless_checkpoints(folder.path, folder.statuses)
    return left
