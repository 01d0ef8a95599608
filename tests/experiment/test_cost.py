from dataclasses import replace

import pytest

from ablate.experiment.cost import Sizes, run_flops
from ablate.experiment.grid import expand
from ablate.experiment.plan import sizes_of
from ablate.experiment.spec import build

SIZES = Sizes(features=64, classes=10, train=1150, val=287, evals_per_epoch=2)
RUN = expand(build({"activation": "relu", "epochs": 3, "hidden": "100/50"}))[0]


def test_products_of_a_run_are_those_of_its_layers():
    """By hand: layers of 64 x 100, 100 x 50 and 50 x 10 weights, the first without a gradient of its input."""
    forward = 2 * (6400 + 5000 + 500)
    backward = 2 * (6400 + 5000 + 500) + 2 * (5000 + 500)
    steps, evaluations = 3 * 17, 3 * 2 + 1
    assert run_flops(RUN, SIZES) == steps * 64 * (forward + backward) + evaluations * 2 * 287 * forward


def test_without_hidden_layers_a_step_is_one_product_forward_and_one_backward():
    linear = RUN.with_settings(hidden=(), epochs=1)
    sizes = replace(SIZES, evals_per_epoch=1)
    assert run_flops(linear, sizes) == 17 * 64 * 4 * 640 + 2 * 2 * 287 * 2 * 640


@pytest.mark.parametrize(("val", "scored"), [(100, 200), (2000, 2000 + 1150)])
def test_an_evaluation_scores_no_more_training_samples_than_there_are(val, scored):
    more, less = (run_flops(RUN, replace(SIZES, val=size)) for size in (val, 0))
    assert more - less == 7 * scored * 2 * (6400 + 5000 + 500)


def test_products_of_a_convolution_are_those_of_every_position():
    """By hand: 3 x 3 kernels of 1 x 4 at 8 x 8 positions, of 4 x 6 at 4 x 4, then 6 x 2 x 2 numbers to 5 to 10."""
    experiment = build({"model": "cnn", "activation": "relu", "channels": "4/6", "hidden": "5", "epochs": 1})
    run, sizes = expand(experiment)[0], replace(sizes_of(experiment), val=0)
    first, others = 9 * 4 * 64, [9 * 24 * 16, 24 * 5, 50]
    assert run_flops(run, sizes) == 17 * 64 * 2 * (2 * first + 3 * sum(others))
