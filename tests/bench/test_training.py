from dataclasses import replace

import pytest
import torch

from ablate.bench import training
from ablate.bench.plain_data import PlainData
from ablate.bench.rivals import RIVALS
from ablate.bench.training import TRAINERS, prepare_rival
from ablate.data.arrays import prepare
from ablate.experiment.spec import build
from tests.bench.plain_runs import run_of


@pytest.mark.parametrize("name", [name for name, rival in RIVALS.items() if not rival.needs_cuda])
def test_every_rival_learns_far_beyond_chance(digits, gradients, name):
    run = run_of(activation="relu", norm="batch", dropout=0.2, epochs=4)
    unit = (run, run.with_settings(dropout=(0.5, 0.5))) if RIVALS[name].is_ensemble else (run,)
    scores = TRAINERS[name](unit, PlainData.of(digits, run, 1, "cpu"))()
    assert len(scores) == 5
    assert scores[0][3] < 0.3
    assert scores[-1][3] > 0.8


def test_there_is_a_trainer_for_every_rival():
    assert set(TRAINERS) == set(RIVALS)


def test_a_rival_warms_up_on_a_few_batches_and_then_trains_all_its_units_each_time(tmp_path, monkeypatch):
    prepare(build({})).save(tmp_path)
    trained, made = [], []

    def make(unit, data):
        made.append(unit)
        return lambda: trained.append((unit[0].seed, unit[0].epochs, len(data.y)))

    monkeypatch.setitem(training.TRAINERS, "loop", make)
    run = run_of(activation="relu", norm="off")
    units = ((run,), (replace(run, seed=1),))
    with torch.enable_grad():
        lap = prepare_rival("loop", units, tmp_path, evals_per_epoch=1, device="cpu")
        assert trained == [(0, 1, 8 * 64)]
        assert lap() >= 0
        lap()
    assert trained[1:] == [(0, 2, 1150), (1, 2, 1150)] * 2
    assert made[1:3] == list(units)


def test_the_time_of_a_rival_is_that_of_training_without_making_networks(tmp_path, monkeypatch):
    prepare(build({})).save(tmp_path)
    clock = [0.0]

    def pass_time(seconds):
        clock[0] += seconds

    def make(unit, data):
        pass_time(1000)
        return lambda: pass_time(2.5)

    monkeypatch.setitem(training.TRAINERS, "loop", make)
    monkeypatch.setattr("ablate.bench.timing.time.perf_counter", lambda: clock[0])
    run = run_of(activation="relu", norm="off")
    with torch.enable_grad():
        lap = prepare_rival("loop", ((run,), (run,)), tmp_path, evals_per_epoch=1, device="cpu")
    assert lap() == pytest.approx(5.0)
