import os
import pickle

import numpy as np
import pytest
from torchvision.datasets import CIFAR10, CIFAR100

from ablate.data.cifar import CHECKSUMS, read_batches


def test_batches_as_python_2_wrote_them_are_read_in_order(tmp_path, write_cifar):
    x, y, _, _ = write_cifar(tmp_path, classes=10, samples=23, test_samples=5)
    folder = tmp_path / "cifar-10-batches-py"
    images, labels = read_batches(*(folder / f"data_batch_{i}" for i in range(1, 6)))
    assert images.dtype == np.uint8
    assert labels.dtype == np.int64
    np.testing.assert_array_equal(images, x)
    np.testing.assert_array_equal(labels, y)


def test_the_first_third_of_a_row_is_the_red_channel_row_by_row(tmp_path):
    data = np.arange(3072, dtype=np.int64).astype(np.uint8)[np.newaxis]
    (tmp_path / "train").write_bytes(pickle.dumps({"data": data, "fine_labels": [3]}))
    images, _ = read_batches(tmp_path / "train")
    for channel, row, column in ((0, 0, 0), (0, 1, 5), (1, 0, 7), (2, 31, 31)):
        assert images[0, channel, row, column] == (1024 * channel + 32 * row + column) % 256


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("numpy_labels", [False, True])
def test_batches_of_any_pickle_protocol_are_read(tmp_path, protocol, numpy_labels):
    data = np.random.default_rng(0).integers(0, 256, (4, 3072), dtype=np.uint8)
    labels = np.array([3, 1, 2, 0])
    batch = {"data": data, "labels": list(labels) if numpy_labels else labels.tolist()}
    (tmp_path / "train").write_bytes(pickle.dumps(batch, protocol))
    images, read = read_batches(tmp_path / "train")
    np.testing.assert_array_equal(images.reshape(4, -1), data)
    np.testing.assert_array_equal(read, labels)


class _Bomb:
    def __init__(self, marker):
        self.marker = str(marker)

    def __reduce__(self):
        return os.mkdir, (self.marker,)


def test_code_in_a_batch_is_refused_and_never_run(tmp_path, refusal):
    batch = {"data": _Bomb(tmp_path / "ran"), "labels": [0]}
    (tmp_path / "train").write_bytes(pickle.dumps(batch))
    with refusal("--data-dir", str(tmp_path / "train"), "mkdir"):
        read_batches(tmp_path / "train")
    assert not (tmp_path / "ran").exists()
    pickle.loads((tmp_path / "train").read_bytes())  # the charge was live
    assert (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "batch",
    [
        {"labels": [0]},
        {"data": np.zeros((1, 3072), np.uint8)},
        {"data": np.zeros((1, 3072), np.float32), "labels": [0]},
        {"data": np.zeros((2, 3072), np.uint8), "labels": [0]},
        {"data": np.zeros((1, 3071), np.uint8), "labels": [0]},
        {"data": np.zeros((1, 3072), np.uint8), "labels": ["cat"]},
        {"data": np.zeros((1, 3072), np.uint8), "labels": [0.5]},
        {"data": np.zeros((1, 3072), np.uint8), "labels": None},
        [1, 2],
        3,
    ],
)
def test_a_pickle_of_something_else_is_refused(tmp_path, refusal, batch):
    (tmp_path / "train").write_bytes(pickle.dumps(batch))
    with refusal("--data-dir", str(tmp_path / "train"), "not a batch of CIFAR images"):
        read_batches(tmp_path / "train")


def test_a_file_cut_short_anywhere_is_refused(tmp_path, write_cifar, refusal):
    write_cifar(tmp_path, classes=100, samples=2, test_samples=1)
    path = tmp_path / "cifar-100-python" / "train"
    whole = path.read_bytes()
    for length in (*range(250), len(whole) - 1):
        path.write_bytes(whole[:length])
        with refusal("--data-dir", str(path)):
            read_batches(path)


def test_only_original_files_are_unpickled(tmp_path, write_cifar, refusal, monkeypatch):
    write_cifar(tmp_path, classes=100, samples=20, test_samples=5)
    monkeypatch.setattr("ablate.data.cifar._ArrayUnpickler", None)  # nothing may get that far
    with refusal("--data-dir", "train", "not the original file", "MD5", "npz:FILE"):
        read_batches(tmp_path / "cifar-100-python/train")


def test_the_checksums_of_original_files_are_those_of_torchvision():
    stated = [pair for kind in (CIFAR10, CIFAR100) for pair in (*kind.train_list, *kind.test_list)]
    assert dict(stated) == CHECKSUMS
