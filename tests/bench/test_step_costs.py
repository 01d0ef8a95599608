from itertools import count

import pytest

from ablate.bench import step_costs
from ablate.bench.step_costs import by_cost, prepare_step_costs, step_seconds
from ablate.data.arrays import prepare
from ablate.errors import AblateError
from ablate.experiment.grid import expand
from ablate.experiment.spec import build


def test_variants_that_cost_the_same_are_measured_once_the_plainest_first():
    levels = {"activation": "tanh,relu", "norm": "batch,off", "dropout": "0.5,0"}
    grid = build(levels | {"seeds": 3, "learning_rate": "0.1,0.01"})
    stacks = by_cost(expand(grid))
    assert len(stacks) == 2 * 2 * 2
    assert {len(stack) for stack in stacks} == {3}
    first = stacks[0]
    assert {(run.activation, run.norm, run.dropout) for run in first} == {("tanh", "off", (0.0, 0.0))}
    assert [run.seed for run in first] == [0, 1, 2]


def test_a_short_run_at_a_high_rate_trains_without_diverging_until_enough_steps_are_timed(digits):
    runs = expand(
        build(
            {"activation": "relu", "norm": "off", "dropout": 0, "seeds": 2, "epochs": 1, "learning_rate": 1e9}
        )
    )
    readings = count(step=17.0)
    # The stand-in clock says that an epoch of 17 steps takes 17 seconds: half a second per run and step.
    assert step_seconds(runs, digits, now=lambda: next(readings)) == pytest.approx(0.5)
    # The reading after the warm-up, and one after each of the six epochs that make at least 100 steps.
    assert next(readings) == 7 * 17.0


def test_steps_count_after_the_first_and_training_ends_when_enough_are_timed(digits):
    done, clock = [], [0.0]

    def train(stack, data, on_steps):
        assert len(data.y_val) == len(data.train_probe) == 1
        for index in range(1000):
            clock[0] += 1000.0 if index < 2 else 1.0  # the first steps are slow
            done.append(10)
            on_steps(10)

    runs = expand(build({"activation": "relu", "norm": "off", "dropout": 0, "seeds": 4}))
    # A second for every 10 steps of 4 runs.
    assert step_seconds(runs, digits, train, now=lambda: clock[0]) == pytest.approx(0.025)
    assert sum(done) == 20 + 100


def test_runs_that_all_diverge_at_once_cannot_be_timed(digits):
    runs = expand(build({"activation": "relu", "norm": "off", "dropout": 0, "seeds": 1}))
    with pytest.raises(AblateError, match="all runs diverged within 16 steps, too early to time"):
        step_seconds(runs, digits, lambda stack, data, on_steps: on_steps(17))


def test_each_round_begins_at_another_variant_and_costs_are_in_the_order_of_the_stacks(tmp_path, monkeypatch):
    prepare(build({})).save(tmp_path)
    stacks = by_cost(expand(build({"activation": "tanh,relu,gelu", "norm": "off", "dropout": 0, "seeds": 1})))
    costs, timed = {"tanh": 1.0, "relu": 2.0, "gelu": 3.0}, []

    def fake_step_seconds(runs, dataset):
        timed.append(runs[0].activation)
        return costs[runs[0].activation]

    monkeypatch.setattr(step_costs, "step_seconds", fake_step_seconds)
    monkeypatch.setattr(step_costs.gemm, "use", lambda library: None)
    lap = prepare_step_costs(stacks, tmp_path, "cpu")
    order = [stack[0].activation for stack in stacks]
    assert lap() == lap() == [costs[name] for name in order]
    assert timed == order + order[1:] + order[:1]
