from dataclasses import FrozenInstanceError, fields, replace

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.preprocessing import StandardScaler

from ablate.data.arrays import prepare
from ablate.data.dataset import Dataset, load
from ablate.experiment.datasets import DATASETS
from ablate.experiment.spec import Experiment


def _parts(dataset):
    return (
        (dataset.x_train, dataset.y_train),
        (dataset.x_val, dataset.y_val),
        (dataset.x_test, dataset.y_test),
    )


def _places(flat, x):
    """Where each sample, raw, is in the whole set."""
    place = {row.tobytes(): i for i, row in enumerate(np.asarray(flat, np.float32))}
    return np.array([place[row.tobytes()] for row in x.reshape(len(x), -1).numpy()])


@pytest.mark.parametrize("settings", [{}, {"val_fraction": 0.37, "test_fraction": 0.11}])
def test_the_sizes_and_types_are_those_the_experiment_announces(settings):
    experiment = Experiment(dataset="digits", **settings)
    dataset = load(experiment)
    assert tuple(len(y) for _, y in _parts(dataset)) == experiment.split_sizes
    for x, y in _parts(dataset):
        assert x.shape == (len(y), 1, 8, 8)
        assert x.dtype == torch.float32
        assert x.is_contiguous()
        assert y.dtype == torch.int64
        assert y.shape == (len(y),)
    assert dataset.classes == 10


def test_every_digit_is_in_one_part_with_its_label_and_the_classes_in_proportion():
    flat, labels = load_digits(return_X_y=True)
    assert len(np.unique(flat, axis=0)) == len(flat)
    dataset = load(Experiment(dataset="digits", standardize="none"))
    places = [_places(flat, x) for x, _ in _parts(dataset)]
    np.testing.assert_array_equal(np.sort(np.concatenate(places)), np.arange(1797))
    for (_, y), place in zip(_parts(dataset), places, strict=True):
        np.testing.assert_array_equal(y.numpy(), labels[place])
        expected = np.bincount(labels) * len(y) / 1797
        assert np.all(np.abs(np.bincount(y.numpy()) - expected) < 2)


def test_features_are_scaled_by_the_training_split_alone():
    raw = load(Experiment(dataset="digits", standardize="none"))
    dataset = load(Experiment(dataset="digits", standardize="feature"))
    scaler = StandardScaler().fit(raw.x_train.flatten(1).double().numpy())
    for (x, _), (stored, _) in zip(_parts(dataset), _parts(raw), strict=True):
        expected = scaler.transform(stored.flatten(1).double().numpy())
        np.testing.assert_allclose(x.flatten(1).numpy(), expected, rtol=1e-5, atol=1e-5)


def test_the_default_brings_the_training_split_to_mean_0_and_std_1():
    dataset = load(Experiment(dataset="digits"))
    assert abs(dataset.x_train.double().mean().item()) < 1e-6
    assert abs(dataset.x_train.double().std(correction=0).item() - 1) < 1e-6
    assert abs(dataset.x_val.double().mean().item()) > 1e-5


def test_the_split_depends_on_the_split_seed_and_not_on_the_runs():
    first = load(Experiment(dataset="digits", split_seed=3))
    again = load(Experiment(dataset="digits", split_seed=3, seeds=(8, 9), activation="relu", epochs=2))
    other = load(Experiment(dataset="digits", split_seed=4))
    for name in ("x_train", "y_train", "x_val", "y_val", "x_test", "y_test", "train_probe"):
        assert torch.equal(getattr(first, name), getattr(again, name))
    assert not torch.equal(first.y_val, other.y_val)
    assert not torch.equal(first.train_probe, other.train_probe)


def test_the_probe_is_as_large_as_the_validation_set_and_in_proportion():
    dataset = load(Experiment(dataset="digits"))
    assert dataset.train_probe.dtype == torch.int64
    assert dataset.train_probe.shape == dataset.y_val.shape
    share_of_train = len(dataset.y_val) / len(dataset.y_train)
    counts = torch.bincount(dataset.y_train[dataset.train_probe], minlength=10)
    assert torch.all((counts - torch.bincount(dataset.y_train) * share_of_train).abs() < 1)


def test_a_training_set_smaller_than_the_validation_set_is_probed_whole():
    dataset = load(Experiment(dataset="digits", val_fraction=0.7))
    assert torch.equal(dataset.train_probe, torch.arange(len(dataset.y_train)))


def test_a_datasets_own_test_set_is_kept_whole_and_in_order(tmp_path, write_mnist, monkeypatch):
    x, _, x_test, y_test = write_mnist(tmp_path, samples=60, test_samples=30)
    monkeypatch.setitem(DATASETS, "mnist", replace(DATASETS["mnist"], samples=60, test_samples=30))
    experiment = Experiment(dataset="mnist", standardize="channel", batch_size=8)
    dataset = load(experiment, tmp_path)
    assert tuple(len(labels) for _, labels in _parts(dataset)) == experiment.split_sizes == (48, 12, 30)
    np.testing.assert_array_equal(dataset.y_test.numpy(), y_test)
    raw = load(Experiment(dataset="mnist", standardize="none", batch_size=8), tmp_path)
    places = np.concatenate([_places(x.reshape(60, -1), part) for part in (raw.x_train, raw.x_val)])
    np.testing.assert_array_equal(np.sort(places), np.arange(60))
    train = x[places[:48]].astype(np.float64)
    expected = (x_test - train.mean()) / train.std()
    np.testing.assert_allclose(dataset.x_test.numpy(), expected, rtol=1e-6, atol=1e-6)


def test_a_small_cifar_100_is_split_and_standardized_by_channel(tmp_path, write_cifar, monkeypatch):
    write_cifar(tmp_path, 100, samples=400, test_samples=100)
    monkeypatch.setitem(DATASETS, "cifar100", replace(DATASETS["cifar100"], samples=400, test_samples=100))
    dataset = load(Experiment(dataset="cifar100", val_fraction=0.25), tmp_path)
    assert dataset.x_train.shape == (300, 3, 32, 32)
    assert dataset.classes == 100
    assert torch.equal(torch.bincount(dataset.y_val), torch.ones(100, dtype=torch.int64))
    means = dataset.x_train.double().mean(dim=(0, 2, 3))
    assert torch.all(means.abs() < 1e-6)


def test_a_truncated_folder_is_refused_with_both_sizes(tmp_path, write_mnist, refusal):
    write_mnist(tmp_path, samples=60, test_samples=30)
    with refusal("--data-dir", "60000 training and 10000 test samples", "60 and 30"):
        load(Experiment(dataset="mnist"), tmp_path)


def test_own_arrays_of_flat_samples_are_split_in_three(tmp_path):
    rng = np.random.default_rng(0)
    x, y = rng.normal(5, 3, (50, 4)), np.tile([10, 20], 25)
    np.savez(tmp_path / "mine.npz", x_train=x, y_train=y)
    experiment = Experiment(dataset=f"npz:{tmp_path / 'mine.npz'}", batch_size=8)
    dataset = load(experiment)
    assert tuple(part.shape for part, _ in _parts(dataset)) == ((32, 4), (8, 4), (10, 4))
    assert dataset.classes == 2
    np.testing.assert_allclose(dataset.x_train.double().std(dim=0, correction=0).numpy(), 1, rtol=1e-6)


def test_a_fraction_too_small_for_the_classes_is_refused(refusal):
    with refusal("--val-fraction", "10 labels"):
        load(Experiment(dataset="digits", val_fraction=0.003))
    with refusal("--test-fraction", "10 labels"):
        load(Experiment(dataset="digits", test_fraction=0.003))


def test_saved_arrays_open_as_they_were(tmp_path):
    arrays = prepare(Experiment(dataset="digits"))
    arrays.save(tmp_path)
    opened = Dataset.open(tmp_path)
    assert opened.classes == arrays.classes == 10
    for field in fields(Dataset):
        if field.name != "classes":
            expected, found = getattr(arrays, field.name), getattr(opened, field.name).numpy()
            np.testing.assert_array_equal(found, expected)
            assert found.dtype == expected.dtype


def test_a_dataset_is_frozen():
    dataset = load(Experiment(dataset="digits"))
    with pytest.raises(FrozenInstanceError):
        dataset.classes = 3
