import tracemalloc

import numpy as np
import pytest

from ablate.analysis.least_squares import fitter


def test_thousands_of_seeds_are_fitted_exactly_in_little_memory():
    variants, seeds = 10, 4000
    values = np.random.default_rng(0).normal(0, 1, (variants, seeds))
    values -= values.mean()
    variant, seed = (cells.ravel() for cells in np.indices(values.shape))
    tracemalloc.start()
    fit = fitter(values.ravel(), {"variant": variant, "seed": seed})
    fits = {terms: fit(terms) for terms in [("seed",), ("variant", "seed"), ("variant",)]}
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    within = values - values.mean(axis=0)
    both = within - within.mean(axis=1, keepdims=True)
    assert fits["seed",].tolist() == pytest.approx([(within**2).sum(), (variants - 1) * seeds])
    assert fits["variant", "seed"].tolist() == pytest.approx([(both**2).sum(), (variants - 1) * (seeds - 1)])
    among = values - values.mean(axis=1, keepdims=True)
    assert fits["variant",].tolist() == pytest.approx([(among**2).sum(), variants * (seeds - 1)])
    assert peak < 100 << 20  # the indicator columns of all runs would take 1.3 GB
