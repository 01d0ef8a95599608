from collections import Counter

from ablate.bench.workload import contestants, ensembles, sample, units_for
from ablate.experiment.cost import run_flops, step_count
from ablate.experiment.grid import expand
from ablate.experiment.plan import sizes_of
from ablate.experiment.spec import build

GRID = build({})
RUNS = expand(GRID)


def test_the_sample_has_every_activation_with_every_batch_norm_and_all_rates_alike():
    chosen = sample(RUNS)
    assert Counter((run.activation, run.norm) for run in chosen) == Counter(
        {(activation, norm): 1 for activation in GRID.activation for norm in GRID.norm}
    )
    assert set(Counter(run.dropout for run in chosen).values()) == {6}
    assert {run.seed for run in chosen} == {0}


def test_other_factors_are_in_the_sample_at_every_level():
    chosen = sample(expand(build({"activation": "relu", "optimizer": "sgd,adam", "batch_size": "32,64"})))
    assert len(chosen) == 2 * 2 * 2
    assert len({(run.norm, run.optimizer, run.batch_size) for run in chosen}) == 8


def test_ensembles_are_all_runs_once_and_agree_in_all_but_dropout_and_seed():
    units = ensembles(RUNS)
    assert sorted(run.run_id for unit in units for run in unit) == sorted(run.run_id for run in RUNS)
    assert {len(unit) for unit in units} == {3 * 5}
    assert all(len({(run.activation, run.norm) for run in unit}) == 1 for unit in units)
    assert units_for("vmap", RUNS) == units
    assert units_for("loop", RUNS) == tuple((run,) for run in sample(RUNS))


def test_contestants_count_what_they_train():
    command, engine, loop = contestants(RUNS, ["loop"], sizes_of(GRID), 2)
    assert (command.name, engine.name, loop.name) == ("command", "engine", "loop")
    assert (engine.runs, loop.runs) == (270, 18)
    assert engine.run_steps == sum(step_count(run, sizes_of(GRID)) for run in RUNS)
    assert loop.flops == 18 * run_flops(RUNS[0], sizes_of(GRID))
    assert "2 worker processes" in engine.about
