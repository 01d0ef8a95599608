import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.preprocessing import StandardScaler

from ablate.data import standardize
from ablate.data.standardize import fit

STATISTIC = {"rtol": 1e-12, "atol": 1e-12}
STANDARDIZED = {"rtol": 1e-6, "atol": 1e-6}
TRAIN = np.array([0, 2, 3, 5, 8, 9, 13])


def _images(dtype=np.uint8):
    return np.random.default_rng(3).integers(0, 256, (16, 3, 4, 5)).astype(dtype)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32, np.float64, ">f8"])
def test_channel_takes_mean_and_std_over_samples_and_pixels(dtype):
    x = _images(dtype)
    standardizer = fit(x, TRAIN, "channel")
    train = x[TRAIN].astype(np.float64)
    np.testing.assert_allclose(standardizer.mean.squeeze(), train.mean(axis=(0, 2, 3)), **STATISTIC)
    np.testing.assert_allclose(standardizer.std.squeeze(), train.std(axis=(0, 2, 3)), **STATISTIC)
    for channel in range(3):
        expected = (x[:, channel] - train[:, channel].mean()) / train[:, channel].std()
        ours = standardizer(x, np.arange(16))[:, channel]
        np.testing.assert_allclose(ours, expected, **STANDARDIZED)


@pytest.mark.parametrize("shape", [(16, 6), (16, 3, 4, 5)])
def test_feature_is_scikit_learns_standard_scaler(shape):
    x = np.random.default_rng(1).normal(3, 7, shape)
    flat = x.reshape(16, -1)
    scaler = StandardScaler().fit(flat[TRAIN])
    ours = fit(x, TRAIN, "feature")(x, np.arange(16)).reshape(16, -1)
    np.testing.assert_allclose(ours, scaler.transform(flat), **STANDARDIZED)


def test_each_feature_of_flat_data_is_a_channel():
    x = np.random.default_rng(1).normal(3, 7, (16, 6))
    assert np.array_equal(fit(x, TRAIN, "channel")(x, TRAIN), fit(x, TRAIN, "feature")(x, TRAIN))


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_none_leaves_the_numbers_as_they_are(dtype):
    x = _images(dtype)
    out = fit(x, TRAIN, "none")(x, np.arange(16))
    np.testing.assert_array_equal(out, x.astype(np.float32))


@pytest.mark.parametrize("mode", ["channel", "feature", "none"])
def test_samples_outside_the_training_split_change_nothing_of_it(mode):
    x = _images(np.float32)
    changed = x.copy()
    changed[np.setdiff1d(np.arange(16), TRAIN)] = 1e6
    assert np.array_equal(fit(x, TRAIN, mode)(x, TRAIN), fit(changed, TRAIN, mode)(changed, TRAIN))


@pytest.mark.parametrize("mode", ["channel", "feature", "none"])
def test_samples_are_contiguous_float32_in_the_order_of_the_index(mode):
    x = _images()
    index = np.array([7, 1, 1])
    out = fit(x, TRAIN, mode)(x, index)
    assert out.dtype == np.float32
    assert out.flags["C_CONTIGUOUS"]
    assert out.shape == (3, 3, 4, 5)
    assert np.array_equal(out[1], out[2])
    assert np.array_equal(out, fit(x, TRAIN, mode)(x, np.arange(16))[index])


@pytest.mark.parametrize("value", [0.0, 0.1, 1e-30, 123456.789, 3e38])
@pytest.mark.parametrize("mode", ["channel", "feature"])
@pytest.mark.parametrize("samples", [3, 11, 997, 1000])
def test_what_never_varies_becomes_zero(value, mode, samples):
    x = np.random.default_rng(0).normal(size=(samples, 3))
    x[:, 1] = value
    index = np.arange(samples)
    standardizer = fit(x, index, mode)
    assert np.array_equal(standardizer(x, index)[:, 1], np.zeros(samples))
    assert standardizer.std[1] == 1.0


def test_a_large_mean_and_an_outlier_in_the_first_place_cost_no_accuracy():
    rng = np.random.default_rng(0)
    x = np.stack([rng.normal(1e9, 1, 5000), rng.normal(0, 1, 5000)], axis=1)
    x[0, 1] = 1e7
    standardizer = fit(x, np.arange(5000), "feature")
    exact = np.asarray(x, dtype=np.longdouble)
    np.testing.assert_allclose(standardizer.mean, exact.mean(axis=0).astype(float), rtol=1e-12)
    np.testing.assert_allclose(standardizer.std, exact.std(axis=0).astype(float), rtol=1e-12)


@settings(max_examples=60, deadline=None)
@given(
    hnp.arrays(np.float32, (9, 2, 3), elements=st.floats(-1e3, 1e3, width=32)),
    st.sampled_from(["channel", "feature"]),
)
def test_the_training_split_gets_mean_0_and_std_1_or_is_constant(x, mode):
    standardizer = fit(x, np.arange(9), mode)
    axes = (0, 2) if mode == "channel" else (0,)
    spread = x.astype(np.float64).std(axis=axes)
    varies = spread > 1e-3
    out = standardizer(x, np.arange(9)).astype(np.float64)
    np.testing.assert_allclose(out.mean(axis=axes)[varies], 0, atol=1e-5)
    np.testing.assert_allclose(out.std(axis=axes)[varies], 1, atol=1e-5)
    assert np.all(out.std(axis=axes)[np.ptp(x, axis=axes) == 0] == 0)


def test_the_size_of_a_chunk_does_not_matter(monkeypatch):
    x = _images()
    whole = fit(x, TRAIN, "channel")
    monkeypatch.setattr(standardize, "_CHUNK", 1)
    single = fit(x, TRAIN, "channel")
    np.testing.assert_allclose(single.mean, whole.mean, **STATISTIC)
    np.testing.assert_allclose(single.std, whole.std, **STATISTIC)
    monkeypatch.undo()
    assert np.array_equal(whole(x, TRAIN)[2:3], whole(x, TRAIN[2:3]))


def test_no_double_of_the_data_is_ever_in_memory():
    x = np.random.default_rng(0).integers(0, 256, (4000, 3, 32, 32), dtype=np.uint8)
    index = np.arange(4000)
    tracemalloc.start()
    standardizer = fit(x, index, "channel")
    fitting = tracemalloc.get_traced_memory()[1]
    tracemalloc.reset_peak()
    out = standardizer(x, index)
    applying = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert fitting < x.nbytes
    assert applying < out.nbytes + x.nbytes
