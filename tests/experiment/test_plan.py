from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ablate.experiment.cost import PROCESS_SECONDS, run_bytes
from ablate.experiment.grid import expand
from ablate.experiment.plan import GPU_RUNS, MAX_RUNS, Stack, halves, make_plan, sizes_of
from ablate.experiment.spec import build

GRID = build({"learning_rate": "0.1,0.01", "dropout": "0,0.2,0.5", "seeds": 7})


@settings(max_examples=40, deadline=None)
@given(st.data(), st.integers(1, 9))
def test_every_run_is_in_one_stack_with_runs_it_can_train_with(data, jobs):
    runs = data.draw(st.lists(st.sampled_from(expand(GRID)), unique=True, min_size=1, max_size=300))
    stacks = make_plan(runs, sizes_of(GRID), jobs).stacks
    assert Counter(run.run_id for stack in stacks for run in stack.runs) == Counter(
        run.run_id for run in runs
    )
    assert len(stacks) >= min(jobs, len(runs))
    for stack in stacks:
        assert len(stack.runs) <= MAX_RUNS
        assert len({(run.norm, run.learning_rate) for run in stack.runs}) == 1
        activations = [run.activation for run in stack.runs]
        changes = sum(a != b for a, b in pairwise(activations))
        assert changes == len(set(activations)) - 1, "equal activations stand side by side"


def test_a_plan_does_not_depend_on_the_order_of_the_runs():
    runs = expand(GRID)
    forwards, backwards = (make_plan(each, sizes_of(GRID), 2).stacks for each in (runs, runs[::-1]))
    assert {frozenset(stack.runs) for stack in forwards} == {frozenset(stack.runs) for stack in backwards}


def test_a_large_grid_shares_seeds_batches_within_a_stack():
    plan = make_plan(expand(build({})), sizes_of(build({})), 2)
    assert all(len({run.seed for run in stack.runs}) == 1 for stack in plan.stacks)
    assert {len(stack.runs) for stack in plan.stacks} == {27}


def test_the_dearest_stack_comes_first_and_time_falls_with_workers():
    grid = build({"epochs": "2,20", "hidden": "10,100/50"})
    plans = [make_plan(expand(grid), sizes_of(grid), jobs) for jobs in (1, 2, 4)]
    first = plans[0].stacks[0].runs[0]
    assert (first.epochs, first.hidden, first.norm) == (20, (100, 50), "batch")
    seconds = [plan.seconds - PROCESS_SECONDS for plan in plans]
    assert seconds[0] == pytest.approx(2 * seconds[1], rel=0.2)
    assert seconds[2] < seconds[1]


def test_on_a_gpu_all_stacks_are_of_one_size_whatever_the_grid():
    runs = expand(GRID)
    for some in (runs, runs[:5], runs[7::3]):
        stacks = make_plan(some, sizes_of(GRID), 3, gpu_memory=80 << 30).stacks
        assert {stack.size for stack in stacks} == {GPU_RUNS}
        assert sum(len(stack.runs) for stack in stacks) == len(some)


def test_a_gpu_of_little_memory_gets_smaller_stacks():
    run = expand(GRID)[0].with_settings(activation="gelu", dropout=(0.5,))
    memory = 20 * run_bytes(run, sizes_of(GRID))
    stacks = make_plan(expand(GRID), sizes_of(GRID), 1, gpu_memory=memory).stacks
    assert {stack.size for stack in stacks} == {8}


def test_on_a_gpu_the_size_of_a_stack_does_not_depend_on_other_networks_of_the_grid():
    mixed = build({"hidden": "100/50,4096/4096", "seeds": 2})
    small = [run for run in expand(mixed) if run.hidden == (100, 50)]
    sizes = [
        {
            stack.size
            for stack in make_plan(runs, sizes_of(mixed), 1, gpu_memory=8 << 30).stacks
            if stack.runs[0].hidden == (100, 50)
        }
        for runs in (small, expand(mixed))
    ]
    assert sizes[0] == sizes[1] == {GPU_RUNS}


@pytest.mark.parametrize(
    ("runs", "padding", "expected"), [(5, 3, [(4, 0), (1, 3)]), (3, 5, [(3, 1)]), (2, 0, [(1, 0)] * 2)]
)
def test_halves_hold_the_runs_of_a_stack_and_are_half_as_large(runs, padding, expected):
    stack = Stack(expand(GRID)[:runs], 1, padding)
    parts = halves(stack)
    assert [(len(part.runs), part.padding) for part in parts] == expected
    assert tuple(run for part in parts for run in part.runs) == stack.runs


def test_an_empty_plan_is_legal():
    plan = make_plan([], sizes_of(build({})), 2)
    assert plan.stacks == ()
    assert plan.run_steps == 0


def test_a_begun_stack_stays_as_it_is_if_all_its_runs_are_to_be_trained():
    grid = build({"activation": "relu", "norm": "off", "dropout": "0", "seeds": 70})
    first, begun, _ = make_plan(expand(grid), sizes_of(grid), 1).stacks
    ids = [run.run_id for run in begun.runs]
    rest = [run for run in expand(grid) if run not in first.runs[:5]]
    assert begun not in make_plan(rest, sizes_of(grid), 1).stacks
    plan = make_plan(rest, sizes_of(grid), 1, begun=[ids, ids[:2], ["of another grid"]])
    assert begun in plan.stacks
    assert sum(len(stack.runs) for stack in plan.stacks) == len(rest)
    fewer = [run for run in rest if run.run_id != ids[0]]
    assert make_plan(fewer, sizes_of(grid), 1, begun=[ids]) == make_plan(fewer, sizes_of(grid), 1)
