import pytest

from ablate.bench import step_costs
from ablate.bench.step_costs import by_cost, step_seconds
from ablate.data.dataset import load
from ablate.experiment.grid import expand
from ablate.experiment.spec import build


@pytest.fixture(scope="module")
def dataset():
    return load(build({}))


def test_variants_that_cost_the_same_are_measured_once_the_plainest_first():
    levels = {"activation": "tanh,relu", "norm": "batch,off", "dropout": "0.5,0"}
    grid = build(levels | {"seeds": 3, "learning_rate": "0.1,0.01"})
    stacks = by_cost(expand(grid))
    assert len(stacks) == 2 * 2 * 2
    assert {len(stack) for stack in stacks} == {3}
    first = stacks[0]
    assert {(run.activation, run.norm, run.dropout) for run in first} == {("tanh", "off", (0.0, 0.0))}
    assert [run.seed for run in first] == [0, 1, 2]


def test_a_step_costs_time_however_short_the_run_and_high_the_rate(dataset):
    plain = {"activation": "relu", "norm": "off", "dropout": 0}
    runs = expand(build(plain | {"seeds": 2, "epochs": 1, "learning_rate": 1e9}))
    assert 0 < step_seconds(runs, dataset) < 1


def test_steps_are_counted_after_the_first_and_training_ends_when_they_are_enough(dataset, monkeypatch):
    trained = []

    def train(stack, data, on_steps):
        assert len(data.y_val) == len(data.train_probe) == 1
        for _ in range(1000):
            trained.append(10)
            on_steps(10)

    now = iter(range(10_000))
    monkeypatch.setattr(step_costs, "train_stack", train)
    monkeypatch.setattr(step_costs.time, "perf_counter", lambda: float(next(now)))
    runs = expand(build({"activation": "relu", "norm": "off", "dropout": 0, "seeds": 4}))
    # A second every 10 steps of 4 runs: 0.1 s a step, a quarter of it a run's.
    assert step_seconds(runs, dataset) == pytest.approx(0.025)
    assert sum(trained) == 20 + 100
