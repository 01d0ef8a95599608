"""A run has the same bits alone, in a part of its stack, in the full stack, and in any order."""

import itertools

import pytest
import torch

from ablate.data.dataset import Dataset
from ablate.experiment.grid import expand
from ablate.experiment.norms import NORM_LEVELS
from ablate.experiment.spec import build
from ablate.training.gemm import GEMMS, SINGLE_ERROR, error, for_run, use
from tests.training.curves import assert_same_bits, backwards, curves, full_stack

SETTINGS = {"activation": "sigmoid,relu,prelu,mish,gelu", "dropout": "0,0.5", "seeds": "0,5", "epochs": 2}
CONVOLUTIONAL = {
    "cnn": {"model": "cnn", "dataset": "digits", "channels": "5/6", "hidden": "12"},
    "cnn3d": {"model": "cnn3d", "dataset": "moving-digits", "channels": "2/3", "hidden": "7"},
}
SAMPLE = {"cnn": (1, 8, 8), "cnn3d": (1, 4, 8, 6)}

pytestmark = pytest.mark.usefixtures("as_in_a_worker")


@pytest.fixture(params=[gemm for gemm in GEMMS if error(gemm) < SINGLE_ERROR])
def library(request):
    """Each library that multiplies in float32 here."""
    before = torch.backends.mkldnn.matmul.fp32_precision
    yield request.param
    torch.backends.mkldnn.matmul.fp32_precision = before


@pytest.mark.parametrize(
    ("norm", "optimizer", "batch_size"),
    [
        *itertools.product(("off", "batch", "batch-post"), ("sgd", "adam"), (64, 50)),
        *((norm, "sgd", 50) for norm in NORM_LEVELS if norm not in ("off", "batch", "batch-post")),
    ],
)
def test_a_run_has_the_same_bits_alone_in_a_part_and_in_the_full_stack(
    digits, library, norm, optimizer, batch_size
):
    use(library)
    experiment = build(SETTINGS | {"norm": norm, "optimizer": optimizer, "batch_size": batch_size})
    runs = full_stack(experiment, expand(experiment)).runs
    expected = curves(runs, digits)
    assert len(expected) == 20
    for some in (runs[3:4], runs[-1:], runs[1::3], backwards(runs)):
        assert_same_bits(curves(some, digits), expected)


def test_cosine_momentum_and_weight_decay_keep_bits_too(digits):
    settings = {"schedule": "cosine", "momentum": 0.9, "weight_decay": 0.01, "norm": "batch"}
    experiment = build(SETTINGS | settings)
    runs = full_stack(experiment, expand(experiment)).runs
    assert_same_bits(curves(runs[2:5], digits), curves(runs, digits))


@pytest.mark.parametrize(
    ("hidden", "batch_size"), [("1", 64), ("5", 64), ("100/1/100", 64), ("1/1", 50), ("20/10", 2)]
)
def test_products_with_a_single_row_or_column_keep_bits_too(digits, library, hidden, batch_size):
    # Without momentum the update is fused into these products, with it their gradients are written.
    settings = {"hidden": hidden, "norm": "off", "batch_size": batch_size, "dropout": 0, "epochs": 1}
    for momentum in (0, 0.9):
        experiment = build(SETTINGS | settings | {"momentum": momentum, "learning_rate": 0.01})
        runs = full_stack(experiment, expand(experiment)).runs
        use(for_run(library, runs[0], (1, 8, 8), 10))
        expected = curves(runs, digits)
        for some in (runs[4:5], runs[-1:]):
            assert_same_bits(curves(some, digits), expected)


@pytest.mark.parametrize("hidden", ["10/3", "7", "33/17"])
def test_slices_that_begin_anywhere_in_memory_keep_bits_too(digits, library, hidden):
    experiment = build(SETTINGS | {"hidden": hidden, "norm": "batch-post", "batch_size": 33, "momentum": 0.9})
    runs = full_stack(experiment, expand(experiment)).runs
    use(for_run(library, runs[0], (1, 8, 8), 10))
    expected = curves(runs, digits)
    for run in runs[::3]:
        assert_same_bits(curves([run], digits), expected)


def _random_data(sample):
    generator = torch.Generator().manual_seed(3)
    x, y = torch.randn(230, *sample, generator=generator), torch.randint(0, 4, (230,), generator=generator)
    return Dataset(x, y, x[:70], y[:70], x[:9], y[:9], 4, torch.arange(0, 70))


@pytest.mark.parametrize("model", CONVOLUTIONAL)
@pytest.mark.parametrize(
    ("norm", "optimizer", "batch_size"),
    [
        *((norm, "sgd", 50) for norm in NORM_LEVELS),
        ("off", "sgd", 64),
        ("batch", "adam", 64),
        ("off", "adam", 50),
    ],
)
def test_a_convolutional_run_has_the_same_bits_and_diagnostics_in_any_stack(
    model, norm, optimizer, batch_size
):
    settings = {"norm": norm, "optimizer": optimizer, "batch_size": batch_size, "diagnostics": True}
    grid = {"activation": "relu,prelu,mish", "epochs": 1}
    runs = expand(build(SETTINGS | grid | CONVOLUTIONAL[model] | settings))
    dataset = _random_data(SAMPLE[model])
    expected = curves(runs, dataset)
    assert len({float(run["val_loss"][-1]) for run in expected.values()}) == len(runs) == 12
    for some in (runs[3:4], runs[1::3], backwards(runs)):
        assert_same_bits(curves(some, dataset), expected)
