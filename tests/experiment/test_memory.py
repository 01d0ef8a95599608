"""What fits into memory: fewer workers, smaller stacks, and a refusal that names what would fit."""

import re

import pytest

from ablate.errors import SpecError
from ablate.experiment.cost import run_bytes
from ablate.experiment.grid import expand
from ablate.experiment.memory import PROCESS_BYTES, Limit, shares
from ablate.experiment.plan import make_plan, sizes_of
from ablate.experiment.spec import build

EXPERIMENT = build({"activation": "relu,gelu", "norm": "off", "dropout": "0,0.5", "hidden": "2000/2000"})
RUNS, SIZES = expand(EXPERIMENT), sizes_of(EXPERIMENT)
LARGEST = max(run_bytes(run, SIZES) for run in RUNS)


def _machine(size):
    return Limit(size, "the free memory of this machine")


def _process(size):
    return Limit(size, "the limit of this process", is_per_process=True)


def test_without_a_limit_all_workers_start():
    assert shares(RUNS, SIZES, 8, []).workers == 8
    assert shares([], SIZES, 8, [_machine(1)]).workers == 8


def test_fewer_workers_start_where_memory_is_not_enough_for_a_run_in_each():
    memory = 3.5 * (LARGEST + PROCESS_BYTES)
    found = shares(RUNS, SIZES, 8, [_machine(memory)])
    assert found.workers == 3
    assert LARGEST <= found.stack_bytes < 2 * LARGEST


def test_stacks_are_as_small_as_memory_demands_and_hold_all_runs():
    plan = make_plan(
        RUNS, SIZES, 1, stack_bytes=shares(RUNS, SIZES, 1, [_process(3.2 * LARGEST)]).stack_bytes
    )
    assert max(len(stack.runs) for stack in plan.stacks) <= 3
    assert sum(len(stack.runs) for stack in plan.stacks) == len(RUNS)
    assert plan.worker_bytes <= 3.2 * LARGEST


def _refusal(settings, *limits):
    experiment = build({"activation": "relu", "norm": "off", "dropout": "0", "seeds": 1} | settings)
    with pytest.raises(SpecError) as error:
        shares(expand(experiment), sizes_of(experiment), 1, limits)
    return experiment, str(error.value)


@pytest.mark.parametrize(
    "settings",
    [
        {"hidden": "100,90000/30000"},
        {"model": "cnn", "channels": "9000/9000"},
        {"hidden": "1000000"},
    ],
)
def test_a_run_that_is_too_large_is_refused_with_the_largest_network_that_fits(settings):
    limit = _machine(2e9)
    _, says = _refusal(settings, limit)
    assert "the free memory of this machine is 2.0 GB; the largest that fits is about" in says
    flags = dict(re.findall(r"--(channels|hidden) ([\d/]+)", says.split("fits is about")[1]))
    legal = build({"activation": "relu", "dropout": "0", "seeds": 1} | settings | flags)
    shares(expand(legal), sizes_of(legal), 1, [limit])
    larger = {
        name: "/".join(str(int(width) * 5 // 4) for width in text.split("/")) for name, text in flags.items()
    }
    _refusal(settings | larger, limit)


def test_a_batch_that_is_too_large_is_refused_with_one_that_fits():
    settings = {"hidden": "5000", "batch_size": 1024}
    _, says = _refusal(settings, _process(1e8))
    assert says.startswith(
        "--hidden 5000: one run takes about 131 MB of memory at --batch-size 1024, and the limit of"
    )
    size = int(re.search(r"--batch-size (\d+) fits", says)[1])
    legal = build({"activation": "relu", "norm": "off", "dropout": "0", "hidden": "5000", "batch_size": size})
    shares(expand(legal), sizes_of(legal), 1, [_process(1e8)])


def test_data_that_do_not_fit_are_refused():
    assert _refusal({"dataset": "mnist"}, _machine(1e8))[1].startswith(
        "--dataset: its 60,000 samples take 188 MB"
    )


def test_memory_in_which_nothing_fits_is_said_to_be_so():
    assert _refusal({}, _process(0))[1].endswith("no network fits, the limit must be higher")
