"""The executor that makes results up."""

import numpy as np
import pytest

from ablate.execution.fake import FakeExecutor
from ablate.execution.local import LocalExecutor
from ablate.execution.retry import train_stacks
from ablate.experiment.grid import expand
from ablate.experiment.plan import make_plan, sizes_of
from ablate.experiment.spec import build

EXPERIMENT = build({"activation": "relu", "dropout": "0", "seeds": 3, "epochs": 2, "diagnostics": True})


@pytest.fixture
def outcomes():
    plan = make_plan(expand(EXPERIMENT, simulated=True), sizes_of(EXPERIMENT), 1)
    steps = []
    outcomes = list(train_stacks(FakeExecutor(sizes_of(EXPERIMENT)), plan.stacks, steps.append))
    assert sum(steps) == plan.run_steps
    return outcomes


def test_an_executor_says_whether_it_simulates():
    fake = FakeExecutor(sizes_of(EXPERIMENT))
    assert (fake.simulated, fake.numerics) == (True, {"simulated": "true"})
    assert LocalExecutor.simulated is False


def test_made_up_accuracies_start_at_chance_and_rise_to_values_of_their_own(outcomes):
    finals = set()
    for _, result in outcomes:
        accuracy = result.curves["val_accuracy"]
        np.testing.assert_allclose(accuracy[0], 0.1)
        assert (np.diff(accuracy, axis=0) > 0).all()
        assert (accuracy < 0.95).all()
        finals |= set(accuracy[-1])
    assert len(finals) == 2 * 3


def test_made_up_results_name_no_device_and_took_no_time(outcomes):
    assert {(result.device, result.seconds) for _, result in outcomes} == {("none", 0.0)}


def test_made_up_gradients_halve_from_each_layer_to_the_one_below(outcomes):
    layers = outcomes[0][1].layers
    assert [name for name, _ in layers.names] == ["hidden.0", "hidden.1", "output"]
    np.testing.assert_array_equal(layers.values[0, :, 0], [0.25, 0.5, 1.0])
