import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ablate.experiment.cost import run_seconds
from ablate.experiment.grid import expand
from ablate.experiment.partition import shard_of
from ablate.experiment.plan import make_plan, sizes_of
from ablate.experiment.spec import build
from ablate.experiment.tuning import key_of

TUNED = {"tune": "learning_rate=0.01,0.1", "activation": "relu,tanh", "seeds": "7"}


def shards(count, **levels):
    """Returns all runs of an experiment, and those of each of its shards."""
    runs = expand(build(levels))
    return runs, [shard_of(build(levels | {"shard": f"{k}/{count}"}), runs) for k in range(1, count + 1)]


@pytest.mark.parametrize(
    "levels", [{}, {"hidden": "100/50,400/400", "seeds": "3"}, {"dataset": "mnist", "model": "cnn"}, TUNED]
)
@pytest.mark.parametrize("count", [1, 2, 5, 17])
def test_each_run_is_in_exactly_one_shard(levels, count):
    runs, parts = shards(count, **levels)
    assert sorted(run.run_id for part in parts for run in part) == sorted(run.run_id for run in runs)
    for part in parts:
        assert [run for run in runs if run in part] == list(part)  # in the order of the grid


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 40), st.integers(1, 9), st.sampled_from(["relu", "relu,gelu", "relu,gelu,tanh"]))
def test_each_run_is_in_exactly_one_shard_of_any_grid(count, seeds, activations):
    runs, parts = shards(count, activation=activations, dropout="0", seeds=str(seeds), hidden="20,30")
    assert sorted(run.run_id for part in parts for run in part) == sorted(run.run_id for run in runs)


def test_several_shards_are_the_union_of_each():
    runs, parts = shards(5)
    some = shard_of(build({"shard": "1,4/5"}), runs)
    assert set(some) == {*parts[0], *parts[3]}


def test_shards_cost_about_the_same_and_their_stacks_are_full():
    for levels in ({}, {"hidden": "100/50,1000/1000"}, {"seeds": "40", "activation": "relu,mish"}):
        runs, parts = shards(4, **levels)
        sizes = sizes_of(build(levels))
        costs = [sum(run_seconds(run, sizes) for run in part) for part in parts]
        assert max(costs) < 1.1 * sum(costs) / len(costs)
        stacks = sum(len(make_plan(part, sizes, 1).stacks) for part in parts)
        assert stacks <= len(make_plan(runs, sizes, 1).stacks) + 2 * len(parts)


def test_more_shards_than_runs_leave_some_empty():
    _, parts = shards(7, activation="relu", norm="off", dropout="0", seeds="3")
    assert sorted(map(len, parts)) == [0, 0, 0, 0, 1, 1, 1]


def test_all_seeds_of_a_tuned_variant_are_in_one_shard():
    _, parts = shards(3, **TUNED)
    keys = [{key_of(run.settings_as_stored()) for run in part} for part in parts]
    assert not keys[0] & keys[1]
    assert not keys[1] & keys[2]
    assert all(keys)


def test_another_process_with_another_hash_seed_cuts_the_same_shards():
    script = (
        "from ablate.experiment.spec import build\nfrom ablate.experiment.grid import expand\n"
        "from ablate.experiment.partition import shard_of\n"
        "experiment = build({'shard': '3/7'})\n"
        "print(' '.join(run.run_id for run in shard_of(experiment, expand(experiment))))\n"
    )
    printed = {
        subprocess.run(
            [sys.executable, "-c", script], env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True, text=True, check=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }  # fmt: skip
    experiment = build({"shard": "3/7"})
    assert printed == {" ".join(run.run_id for run in shard_of(experiment, expand(experiment)))}
