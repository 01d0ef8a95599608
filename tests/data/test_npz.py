import warnings
import zipfile

import numpy as np
import pytest

from ablate.data.npz import read_npz


@pytest.fixture
def save(tmp_path):
    """Writes an npz file of sound arrays, some replaced, those that are None left out."""

    def write(**changes):
        arrays = {
            "x_train": np.random.default_rng(0).normal(size=(12, 2, 3)),
            "y_train": np.tile([0, 1, 2], 4),
            **changes,
        }
        path = tmp_path / "data.npz"
        np.savez(path, **{name: array for name, array in arrays.items() if array is not None})
        return path

    return write


def test_arrays_without_a_test_set_come_as_they_are(save):
    x = np.arange(24, dtype=np.float32).reshape(12, 2)
    raw = read_npz(save(x_train=x))
    np.testing.assert_array_equal(raw.x, x)
    assert raw.x.dtype == np.float32
    np.testing.assert_array_equal(raw.y, np.tile([0, 1, 2], 4))
    assert raw.x_test.shape == (0, 2)
    assert raw.y_test.shape == (0,)
    assert raw.classes == 3


def test_arrays_with_a_test_set_come_as_they_are(save):
    x_test = np.ones((2, 2, 3), np.uint8)
    raw = read_npz(save(x_test=x_test, y_test=np.array([2, 0])))
    np.testing.assert_array_equal(raw.x_test, x_test)
    np.testing.assert_array_equal(raw.y_test, [2, 0])


@pytest.mark.parametrize(
    "labels",
    [
        np.array([-7, 30, 4]),
        np.array([1, 3, 2], np.uint8),
        np.array([0.0, 9.0, 5.0]),
        np.array([1e300, 2e300, 1.5e300]),
    ],
)
def test_whole_labels_of_any_kind_are_numbered_in_ascending_order(save, labels):
    raw = read_npz(save(y_train=np.tile(labels, 4), x_test=np.zeros((3, 2, 3)), y_test=labels[::-1]))
    assert raw.y.dtype == raw.y_test.dtype == np.int64
    np.testing.assert_array_equal(raw.y, np.tile([0, 2, 1], 4))
    np.testing.assert_array_equal(raw.y_test, [1, 2, 0])


def test_true_and_false_are_labels(save):
    np.testing.assert_array_equal(read_npz(save(y_train=np.tile([True, False], 6))).y, np.tile([1, 0], 6))


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({"x_train": None}, ("x_train", "legal are")),
        ({"y_train": None}, ("y_train",)),
        ({"x_test": np.zeros((1, 2, 3))}, ("y_test",)),
        ({"y_test": np.zeros(1)}, ("x_test",)),
        ({"x_train": np.zeros(12)}, ("x_train of shape (12,)",)),
        ({"x_train": np.float64(3)}, ("x_train of shape ()",)),
        ({"x_train": np.zeros((12, 0))}, ("x_train of shape (12, 0)",)),
        ({"x_train": np.zeros((0, 2)), "y_train": np.zeros(0)}, ("x_train of shape (0, 2)",)),
        ({"x_train": np.zeros((11, 4))}, ("y_train of shape (12,)", "11 samples")),
        ({"y_train": np.zeros((12, 1))}, ("y_train of shape (12, 1)",)),
        ({"x_test": np.zeros((2, 3, 2)), "y_test": np.zeros(2)}, ("x_test of shape (2, 3, 2)", "(2, 3)")),
        ({"x_test": np.zeros((2, 2, 3)), "y_test": np.zeros(3)}, ("y_test of shape (3,)", "2 samples")),
        ({"x_train": np.full((12, 2), np.nan)}, ("NaN", "x_train")),
        ({"x_train": np.full((12, 2), -np.inf)}, ("inf", "x_train")),
        ({"x_train": np.array([[0, -np.inf]] * 12)}, ("inf", "x_train")),
        ({"x_train": np.array([[0, np.inf]] * 12)}, ("inf", "x_train")),
        ({"x_train": np.array([[0, np.nan]] * 12)}, ("NaN", "x_train")),
        ({"x_train": np.full((12, 2), 1e39)}, ("x_train", "float32")),
        ({"x_train": np.full((12, 2), np.inf, np.float16)}, ("inf", "x_train")),
        ({"x_train": np.full((12, 2), 1j)}, ("x_train", "'<c16'", "real numbers")),
        ({"x_train": np.full((12, 2), "a")}, ("x_train", "real numbers")),
        ({"x_train": np.full((12, 2), object())}, ("x_train", "'|O'", "real numbers")),
        ({"y_train": np.full(12, None)}, ("y_train", "'|O'")),
        ({"y_train": np.tile(["cat", "dog"], 6)}, ("y_train", "'<U3'", "legal are")),
        ({"y_train": np.tile([0.0, 1.5], 6)}, ("1.5 in y_train", "whole numbers")),
        ({"y_train": np.tile([0.0, np.nan], 6)}, ("nan in y_train", "whole numbers")),
        ({"y_train": np.tile([0.0, np.inf], 6)}, ("inf in y_train", "whole numbers")),
        ({"y_train": np.full(12, 7)}, ("one label, 7", "at least 2")),
        ({"y_train": np.array([5, 5, *[8] * 10])}, ("2 of label 5", "at least 3")),
        ({"x_test": np.zeros((2, 2, 3)), "y_test": np.array([0, 3])}, ("label 3 in y_test",)),
        ({"x_test": np.full((2, 2, 3), np.nan), "y_test": np.array([0, 1])}, ("NaN", "x_test")),
        ({"x_test": np.zeros((2, 2, 3)), "y_test": np.array([0, 0.5])}, ("0.5 in y_test",)),
    ],
)
def test_unfit_arrays_are_refused(save, refusal, changes, parts):
    path = save(**changes)
    with refusal("--dataset", str(path), *parts):
        read_npz(path)


def test_two_samples_of_a_label_suffice_where_there_is_a_test_set(save):
    labels = np.array([5, 5, *[8] * 10])
    raw = read_npz(save(y_train=labels, x_test=np.zeros((1, 2, 3)), y_test=np.array([8])))
    np.testing.assert_array_equal(raw.y, [0, 0, *[1] * 10])


def test_a_file_that_is_not_there_or_no_npz_is_refused(tmp_path, refusal):
    with refusal("--dataset", str(tmp_path / "none.npz"), "no file"):
        read_npz(tmp_path / "none.npz")
    (tmp_path / "text.npz").write_text("x_train")
    with refusal("--dataset", "text.npz", "not a readable npz file"):
        read_npz(tmp_path / "text.npz")
    with refusal("--dataset", "not a readable npz file"):
        read_npz(tmp_path)
    with zipfile.ZipFile(tmp_path / "other.npz", "w") as archive:
        archive.writestr("x_train.npy", "\x93NUMP")
    with refusal("--dataset", "other.npz", "not a readable npz file"):
        read_npz(tmp_path / "other.npz")


def test_a_damaged_file_is_refused_wherever_the_damage_is(save, tmp_path, refusal):
    path = save()
    whole = path.read_bytes()
    sound = read_npz(path)
    refused = 0
    for place in range(0, len(whole), 7):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        try:
            with warnings.catch_warnings(), refusal("--dataset"):
                warnings.simplefilter("ignore")  # numpy's, of odd headers
                read_npz(path)
            refused += 1
        except pytest.fail.Exception:  # read all the same: then the damage was in what holds no numbers
            np.testing.assert_array_equal(read_npz(path).x, sound.x)
    assert refused > len(whole) // 7 // 2
