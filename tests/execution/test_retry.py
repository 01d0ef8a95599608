"""What follows a failed attempt: smaller stacks, other runs apart from suspicious ones, and single runs alone."""

from collections import Counter

import pytest

from ablate.execution.executor import Died, Failed, TooLarge
from ablate.execution.fake import FakeExecutor
from ablate.execution.pending import Pending
from ablate.execution.retry import train_stacks
from ablate.experiment.cost import step_count
from ablate.experiment.grid import expand
from ablate.experiment.plan import Stack, sizes_of
from ablate.experiment.spec import build

EXPERIMENT = build({"activation": "relu,tanh", "norm": "off", "dropout": "0", "seeds": 8, "epochs": 2})
RUNS = expand(EXPERIMENT, simulated=True)
OWN = tuple(run.with_settings(activation="own.module:f") for run in RUNS[8:])


class Scripted(FakeExecutor):
    """Gives each stack the outcome that a function says, or else a result; remembers the attempts."""

    def __init__(self, outcome_of, slots=1):
        super().__init__(sizes_of(EXPERIMENT))
        object.__setattr__(self, "outcome_of", outcome_of)
        object.__setattr__(self, "slots", slots)
        object.__setattr__(self, "attempts", [])

    def run(self, pending, on_run_steps):
        busy = []
        while pending or busy:
            while len(busy) < self.slots and (stack := pending.take(len(busy))):
                busy.append(stack)
            self.attempts.append((len(busy[0].runs), len(busy)))
            stack = busy.pop(0)
            if outcome := self.outcome_of(stack):
                on_run_steps(stack, 7)
                yield stack, outcome
            else:
                yield from super().run(Pending([stack]), on_run_steps)


def _trained(outcome_of, stacks, slots=1):
    executor, steps = Scripted(outcome_of, slots), []
    outcomes = list(train_stacks(executor, stacks, steps.append))
    yielded = Counter(run for stack, _ in outcomes for run in stack.runs)
    assert yielded == Counter(run for stack in stacks for run in stack.runs)
    failed = {run for stack, outcome in outcomes if isinstance(outcome, str) for run in stack.runs}
    assert sum(steps) == step_count(RUNS[0], executor.sizes) * (len(yielded) - len(failed))
    return executor, failed


def _too_large_beyond(size):
    return lambda stack: TooLarge("no memory") if stack.size > size else None


def test_a_stack_that_is_too_large_is_halved_and_later_ones_of_its_kind_do_not_run_out_again():
    executor, failed = _trained(_too_large_beyond(2), [Stack(RUNS[:8], 1), Stack(RUNS[8:], 1)])
    assert not failed
    assert [size for size, _ in executor.attempts] == [8, 4, 2, 2, 2, 2, 2, 2, 2, 2]


def test_a_single_run_that_is_too_large_has_a_last_attempt_while_nothing_else_is_trained():
    executor, failed = _trained(
        lambda stack: TooLarge("no memory") if RUNS[0] in stack.runs else None,
        [Stack(RUNS[:2], 1), Stack(RUNS[2:4], 1), Stack(RUNS[4:6], 1)],
        slots=2,
    )
    assert failed == {RUNS[0]}
    assert executor.attempts[-1] == (1, 1)


@pytest.mark.parametrize(("by_signal", "attempts"), [(True, 3), (False, 1)])
def test_a_single_run_is_tried_again_only_if_its_worker_was_ended_from_outside(by_signal, attempts):
    executor, failed = _trained(lambda stack: Died("ended", by_signal), [Stack(RUNS[:1], 1)])
    assert failed == {RUNS[0]}
    assert len(executor.attempts) == attempts


def test_a_worker_that_is_killed_once_costs_no_run():
    deaths = iter([True])
    executor, failed = _trained(
        lambda stack: Died("killed", by_signal=True) if next(deaths, False) else None, [Stack(RUNS, 1)]
    )
    assert not failed
    assert [size for size, _ in executor.attempts] == [16, 8, 8]


def test_a_function_that_fails_costs_the_runs_in_which_it_fails_alone():
    def outcome_of(stack):
        return Failed("raised", OWN[0].activation) if OWN[0] in stack.runs else None

    executor, failed = _trained(outcome_of, [Stack((*RUNS[:8], *OWN), 1)])
    assert failed == {OWN[0]}
    assert [size for size, _ in executor.attempts] == [16, 8, *[1] * 8]


def test_when_a_worker_dies_users_own_functions_are_separated_first():
    def outcome_of(stack):
        return Died("exit code 0", by_signal=False) if OWN[3] in stack.runs else None

    executor, failed = _trained(outcome_of, [Stack((*RUNS[:8], *OWN), 1)])
    assert failed == {OWN[3]}
    assert [size for size, _ in executor.attempts] == [16, 8, 8, 4, 2, 2, 1, 1, 4]


def test_parts_of_a_stack_of_fixed_size_keep_the_size_unless_it_is_too_large():
    sizes = []

    def outcome_of(stack):
        sizes.append(stack.size)
        return Failed("raised", OWN[0].activation) if OWN[0] in stack.runs else None

    _trained(outcome_of, [Stack((*RUNS[:8], OWN[0]), 1, padding=7, has_fixed_size=True)])
    assert sizes == [16, 16, 16]
