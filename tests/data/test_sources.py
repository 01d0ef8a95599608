from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

from ablate.data.sources import read_raw
from ablate.experiment.datasets import DATASETS


def test_digits_are_scikit_learns_with_a_channel_axis():
    flat, labels = load_digits(return_X_y=True)
    raw = read_raw("digits", None)
    assert raw.x.shape == (DATASETS["digits"].samples, *DATASETS["digits"].shape)
    np.testing.assert_array_equal(raw.x.reshape(1797, 64), flat)
    np.testing.assert_array_equal(raw.y, labels)
    assert raw.y.dtype == np.int64
    assert len(raw.x_test) == len(raw.y_test) == 0
    assert raw.classes == DATASETS["digits"].classes


def test_an_npz_file_is_named_by_its_path(tmp_path, monkeypatch):
    x, y = np.arange(12.0).reshape(6, 2), np.tile([0, 1], 3)
    np.savez(tmp_path / "mine.npz", x_train=x, y_train=y)
    monkeypatch.chdir(tmp_path)
    for name in ("npz:mine.npz", f"npz:{tmp_path / 'mine.npz'}"):
        np.testing.assert_array_equal(read_raw(name, Path("nowhere")).x, x)


def test_a_set_of_torchvisions_is_read_from_the_data_folder(tmp_path, write_mnist):
    x, _, _, y_test = write_mnist(tmp_path, "FashionMNIST")
    raw = read_raw("fashion_mnist", tmp_path)
    np.testing.assert_array_equal(raw.x, x)
    np.testing.assert_array_equal(raw.y_test, y_test)
