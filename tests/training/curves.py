"""Curves of stacks by run, and the comparison of all their bits."""

import numpy as np

from ablate.experiment.plan import Stack, make_plan, sizes_of
from ablate.training.train import train_stack


def full_stack(experiment, runs):
    """Returns the one stack of a grid."""
    (stack,) = make_plan(runs, sizes_of(experiment), 1).stacks
    return stack


def curves(runs, dataset):
    """Trains runs as one stack and returns the curves and diagnostics of each by its id."""
    result = train_stack(Stack(tuple(runs), 1), dataset)
    return {
        run.run_id: {name: curve[:, index] for name, curve in result.curves.items()}
        | {"steps": result.steps}
        | ({"layers": result.layers.values[:, :, index]} if result.layers else {})
        for index, run in enumerate(runs)
    }


def assert_same_bits(some, expected):
    """Asserts that every run of `some` has the curves that it has in `expected`."""
    for run_id, values in some.items():
        for name, curve in values.items():
            np.testing.assert_array_equal(curve, expected[run_id][name], err_msg=f"{name} of {run_id}")


def backwards(runs):
    """Returns runs in reverse order, as far as equal activations stay adjacent."""
    by_activation = {run.activation: None for run in reversed(runs)}
    return [run for name in by_activation for run in reversed(runs) if run.activation == name]
