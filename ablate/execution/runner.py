"""The runner: hands the stacks of a plan to an executor and stores each result as soon as it arrives."""

from collections import Counter
from dataclasses import dataclass
from typing import Protocol

from ablate.execution.executor import Died, Executor
from ablate.execution.rows import RowContext, failed_tables, trained_tables
from ablate.experiment.plan import Plan
from ablate.store.parquet import ResultsFolder
from ablate.store.status import FINISHED


class Observer(Protocol):
    """Follows how far training is."""

    def advance(self, run_steps: int) -> None:
        """Notes steps done, summed over runs."""
        ...

    def stack_finished(self, label: str, statuses: dict[str, int], seconds: float) -> None:
        """Notes a stack that is done and stored: its label, number of runs by status, and duration in seconds."""
        ...


@dataclass(frozen=True)
class Job:
    """What the runner needs besides the plan.

    Attributes:
        folder: Where results go; it must be open for writing.
        context: What all rows have in common.
        metadata: Written with every part.
        stop_at_failure: Whether to stop after the first stack with a run that did not finish.
    """

    folder: ResultsFolder
    context: RowContext
    metadata: dict[str, str]
    stop_at_failure: bool


def train_all(plan: Plan, executor: Executor, job: Job, observer: Observer) -> Counter[str]:
    """Trains and stores the stacks of a plan and returns the number of runs by status.

    Raises:
        ValueError: Runs that are to be trained would be made up by the executor, or the other way round.
        AblateError: As the executor or the store raises it.
    """
    if any(run.simulated is not executor.simulated for stack in plan.stacks for run in stack.runs):
        raise ValueError(f"runs with other values of `simulated` than the executor's, {executor.simulated}")
    tally: Counter[str] = Counter()
    for stack, outcome in executor.run(plan.stacks, observer.advance):
        if isinstance(outcome, Died):
            tables, seconds = failed_tables(stack, outcome.message, job.context), 0.0
        else:
            tables, seconds = trained_tables(stack, outcome, job.context), outcome.seconds
        # A run that is trained again stays stored until its successor arrives.
        job.folder.discard(run.run_id for run in stack.runs)
        job.folder.write_part(tables, job.metadata | executor.numerics)
        statuses = dict(Counter(tables["runs"]["status"]))
        tally.update(statuses)
        observer.stack_finished(stack.label, statuses, seconds)
        if job.stop_at_failure and set(statuses) != {FINISHED}:
            break
    return tally
