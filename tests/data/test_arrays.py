from dataclasses import replace

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.preprocessing import StandardScaler

from ablate.data.arrays import open_arrays, prepare
from ablate.experiment.datasets import DATASETS
from ablate.experiment.spec import Experiment


def _parts(dataset):
    return (
        (dataset.x_train, dataset.y_train),
        (dataset.x_val, dataset.y_val),
        (dataset.x_test, dataset.y_test),
    )


def _flat(x):
    return x.reshape(len(x), -1).astype(np.float64)


def _indices(flat, x):
    """Returns the index of each sample, raw, in the whole set."""
    index = {row.tobytes(): i for i, row in enumerate(np.asarray(flat, np.float32))}
    return np.array([index[row.tobytes()] for row in x.reshape(len(x), -1)])


@pytest.mark.parametrize("settings", [{}, {"val_fraction": 0.37, "test_fraction": 0.11}])
def test_the_sizes_and_types_are_those_the_experiment_announces(settings):
    experiment = Experiment(dataset="digits", **settings)
    dataset = prepare(experiment)
    assert tuple(len(y) for _, y in _parts(dataset)) == experiment.split_sizes
    for x, y in _parts(dataset):
        assert x.shape == (len(y), 1, 8, 8)
        assert x.dtype == np.float32
        assert x.flags["C_CONTIGUOUS"]
        assert y.dtype == np.int64
        assert y.shape == (len(y),)
    assert dataset.classes == 10


def test_every_digit_is_in_one_part_with_its_label_and_the_classes_in_proportion():
    flat, labels = load_digits(return_X_y=True)
    assert len(np.unique(flat, axis=0)) == len(flat)
    dataset = prepare(Experiment(dataset="digits", standardize="none"))
    indices = [_indices(flat, x) for x, _ in _parts(dataset)]
    np.testing.assert_array_equal(np.sort(np.concatenate(indices)), np.arange(1797))
    for (_, y), index in zip(_parts(dataset), indices, strict=True):
        np.testing.assert_array_equal(y, labels[index])
        expected = np.bincount(labels) * len(y) / 1797
        assert np.all(np.abs(np.bincount(y) - expected) < 2)


def test_features_are_scaled_by_the_training_split_alone():
    raw = prepare(Experiment(dataset="digits", standardize="none"))
    dataset = prepare(Experiment(dataset="digits", standardize="feature"))
    scaler = StandardScaler().fit(_flat(raw.x_train))
    for (x, _), (stored, _) in zip(_parts(dataset), _parts(raw), strict=True):
        expected = scaler.transform(_flat(stored))
        np.testing.assert_allclose(_flat(x), expected, rtol=1e-5, atol=1e-5)


def test_the_default_brings_the_training_split_to_mean_0_and_std_1():
    dataset = prepare(Experiment(dataset="digits"))
    assert abs(dataset.x_train.astype(np.float64).mean()) < 1e-6
    assert abs(dataset.x_train.astype(np.float64).std() - 1) < 1e-6
    assert abs(dataset.x_val.astype(np.float64).mean()) > 1e-5


def test_the_split_depends_on_the_split_seed_and_not_on_the_runs():
    first = prepare(Experiment(dataset="digits", split_seed=3))
    again = prepare(Experiment(dataset="digits", split_seed=3, seeds=(8, 9), activation="relu", epochs=2))
    other = prepare(Experiment(dataset="digits", split_seed=4))
    for name in ("x_train", "y_train", "x_val", "y_val", "x_test", "y_test", "train_probe"):
        assert np.array_equal(getattr(first, name), getattr(again, name))
    assert not np.array_equal(first.y_val, other.y_val)
    assert not np.array_equal(first.train_probe, other.train_probe)


def test_the_probe_is_as_large_as_the_validation_set_and_in_proportion():
    dataset = prepare(Experiment(dataset="digits"))
    assert dataset.train_probe.dtype == np.int64
    assert dataset.train_probe.shape == dataset.y_val.shape
    share_of_train = len(dataset.y_val) / len(dataset.y_train)
    counts = np.bincount(dataset.y_train[dataset.train_probe], minlength=10)
    assert np.all(np.abs(counts - np.bincount(dataset.y_train) * share_of_train) < 1)


def test_a_training_set_smaller_than_the_validation_set_is_probed_whole():
    dataset = prepare(Experiment(dataset="digits", val_fraction=0.7))
    assert np.array_equal(dataset.train_probe, np.arange(len(dataset.y_train)))


def test_a_datasets_own_test_set_is_kept_whole_and_in_order(tmp_path, write_mnist, monkeypatch):
    x, _, x_test, y_test = write_mnist(tmp_path, samples=60, test_samples=30)
    monkeypatch.setitem(DATASETS, "mnist", replace(DATASETS["mnist"], samples=60, test_samples=30))
    experiment = Experiment(dataset="mnist", standardize="channel", batch_size=8)
    dataset = prepare(experiment, tmp_path)
    assert tuple(len(labels) for _, labels in _parts(dataset)) == experiment.split_sizes == (48, 12, 30)
    np.testing.assert_array_equal(dataset.y_test, y_test)
    raw = prepare(Experiment(dataset="mnist", standardize="none", batch_size=8), tmp_path)
    indices = np.concatenate([_indices(x.reshape(60, -1), part) for part in (raw.x_train, raw.x_val)])
    np.testing.assert_array_equal(np.sort(indices), np.arange(60))
    train = x[indices[:48]].astype(np.float64)
    expected = (x_test - train.mean()) / train.std()
    np.testing.assert_allclose(dataset.x_test, expected, rtol=1e-6, atol=1e-6)


def test_a_small_cifar_100_is_split_and_standardized_by_channel(tmp_path, write_cifar, monkeypatch):
    write_cifar(tmp_path, 100, samples=400, test_samples=100)
    monkeypatch.setitem(DATASETS, "cifar100", replace(DATASETS["cifar100"], samples=400, test_samples=100))
    dataset = prepare(Experiment(dataset="cifar100", val_fraction=0.25), tmp_path)
    assert dataset.x_train.shape == (300, 3, 32, 32)
    assert dataset.classes == 100
    assert np.array_equal(np.bincount(dataset.y_val), np.ones(100, dtype=np.int64))
    means = dataset.x_train.astype(np.float64).mean(axis=(0, 2, 3))
    assert np.all(np.abs(means) < 1e-6)


def test_a_truncated_folder_is_refused_with_both_sizes(tmp_path, write_mnist, refusal):
    write_mnist(tmp_path, samples=60, test_samples=30)
    with refusal("--data-dir", "60000 training and 10000 test samples", "60 and 30"):
        prepare(Experiment(dataset="mnist"), tmp_path)


def test_own_arrays_of_flat_samples_are_split_in_three(tmp_path):
    rng = np.random.default_rng(0)
    x, y = rng.normal(5, 3, (50, 4)), np.tile([10, 20], 25)
    np.savez(tmp_path / "mine.npz", x_train=x, y_train=y)
    experiment = Experiment(dataset=f"npz:{tmp_path / 'mine.npz'}", batch_size=8)
    dataset = prepare(experiment)
    assert tuple(part.shape for part, _ in _parts(dataset)) == ((32, 4), (8, 4), (10, 4))
    assert dataset.classes == 2
    np.testing.assert_allclose(dataset.x_train.astype(np.float64).std(axis=0), 1, rtol=1e-6)


def test_a_fraction_too_small_for_the_classes_is_refused(refusal):
    with refusal("--val-fraction", "10 labels"):
        prepare(Experiment(dataset="digits", val_fraction=0.003))
    with refusal("--test-fraction", "10 labels"):
        prepare(Experiment(dataset="digits", test_fraction=0.003))


def test_saved_arrays_open_as_they_were(tmp_path):
    arrays = prepare(Experiment(dataset="digits"))
    arrays.save(tmp_path)
    opened = open_arrays(tmp_path)
    assert opened.keys() == vars(arrays).keys()
    for name, array in opened.items():
        np.testing.assert_array_equal(array, getattr(arrays, name))
        assert array.dtype == np.asarray(getattr(arrays, name)).dtype
