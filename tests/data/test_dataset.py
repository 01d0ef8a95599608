from dataclasses import FrozenInstanceError, fields

import numpy as np
import pytest
import torch

from ablate.data.arrays import prepare
from ablate.data.dataset import Dataset, load
from ablate.experiment.spec import Experiment


@pytest.fixture(scope="module")
def arrays():
    return prepare(Experiment(dataset="digits"))


def _assert_equal(dataset, arrays):
    assert dataset.classes == arrays.classes == 10
    for field in fields(Dataset):
        if field.name != "classes":
            expected, tensor = getattr(arrays, field.name), getattr(dataset, field.name)
            np.testing.assert_array_equal(tensor.numpy(), expected)
            assert tensor.numpy().dtype == expected.dtype


def test_tensors_share_their_memory_with_the_arrays(arrays):
    dataset = Dataset.of(arrays)
    _assert_equal(dataset, arrays)
    assert np.shares_memory(dataset.x_train.numpy(), arrays.x_train)


def test_a_dataset_opens_from_saved_arrays(arrays, tmp_path):
    arrays.save(tmp_path)
    _assert_equal(Dataset.open(tmp_path), arrays)


def test_loading_gives_float_samples_and_whole_labels_on_the_cpu(arrays):
    dataset = load(Experiment(dataset="digits"))
    _assert_equal(dataset, arrays)
    assert (dataset.x_train.dtype, dataset.y_train.dtype) == (torch.float32, torch.int64)
    moved = dataset.to("cpu")
    _assert_equal(moved, arrays)


def test_a_dataset_is_frozen(arrays):
    with pytest.raises(FrozenInstanceError):
        Dataset.of(arrays).classes = 3
