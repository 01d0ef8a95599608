"""The largest sizes: refused by arithmetic, and named in the help."""

import re
import tracemalloc

import pytest

from ablate.cli import plan, run
from ablate.errors import SpecError
from ablate.experiment import limits
from ablate.experiment.spec import build

RATES = ",".join(str(k / 10_000) for k in range(1, 2000))
TOO_LARGE = [
    ({"seeds": "0-999999999999"}, "--seeds: 999999999999 is not a whole number"),
    (
        {"seeds": "1000000000"},
        "--seeds: 1000000000 is not a whole number of at least 0 and at most 1,000,000",
    ),
    ({"seeds": ",".join(f"{k}000000-{k}999999" for k in range(1, 999))}, "are more than 1,000,000 seeds"),
    ({"seeds": [7, 10**30]}, "--seeds: 1000000000000000000000000000000 is not"),
    ({"seeds": "9" * 5000}, "--seeds: '999"),
    ({"seeds": "1000000"}, "they make 54,000,000 runs; legal are at most 1,000,000 runs in a grid"),
    ({"learning_rate": RATES, "weight_decay": RATES}, "runs; legal are at most 1,000,000 runs"),
    (
        {"tune": f"learning_rate={RATES}", "momentum": "0,0.1,0.2,0.3"},
        "--tune: 1,999 rates for each variant are",
    ),
    ({"hidden": "99999999999999999999"}, "--hidden: 99999999999999999999 is not .* at most 1,000,000"),
    ({"hidden": "/".join("1" * 1001)}, "--hidden: 1,001 values for one network; legal are at most 1,000"),
    ({"model": "cnn", "channels": "1000001"}, "--channels: 1000001 is not"),
    ({"dropout": "/".join("0" * 100_000)}, "--dropout: 100,000 values for one network"),
    ({"epochs": "1e12"}, "--epochs: '1e12' is not a whole number of at least 1 and at most 100,000"),
    ({"epochs": 10**12}, "--epochs: 1000000000000 is not"),
    (
        {"epochs": "100000", "evals_per_epoch": 2},
        "are 200,000 evaluations; legal are at most 100,000 per run",
    ),
    (
        {"epochs": "100000", "seeds": 100},
        "--epochs, --evals-per-epoch: 5,400 runs have 540,000,000 evaluations",
    ),
    ({"batch_size": 10**10}, "--batch-size: 10000000000 is not"),
    ({"learning_rate": "1e400"}, "--lr: '1e400' is not"),
    ({"shard": "1/10001"}, "--shard: '1/10001' is not"),
]


@pytest.mark.parametrize(("settings", "says"), TOO_LARGE)
def test_what_is_too_large_is_refused_before_it_takes_memory(settings, says):
    tracemalloc.start()
    with pytest.raises(SpecError, match=says) as error:
        build(settings)
    assert tracemalloc.get_traced_memory()[1] < 100e6
    tracemalloc.stop()
    assert len(str(error.value)) < 1000


def test_the_largest_grid_is_legal():
    build(
        {"activation": "relu", "norm": "off", "dropout": "0", "seeds": str(limits.MOST_RUNS), "epochs": "100"}
    )


def test_negative_zero_is_zero():
    assert build({"dropout": "-0.0", "weight_decay": -0.0}) == build({"dropout": "0", "weight_decay": 0.0})


def test_the_help_of_plan_and_run_states_the_limits():
    assert plan.EPILOG == run.EPILOG == limits.SUMMARY
    stated = {int(number.replace(",", "")) for number in re.findall(r"[\d,]*\d", limits.SUMMARY)}
    constants = {value for name, value in vars(limits).items() if name.startswith("MOST_")}
    assert constants - stated == {limits.MOST_BATCH, limits.MOST_SHARDS, limits.MOST_TEXT_BYTES}
