import struct

import numpy as np
import pytest

from ablate.data.idx import read_idx, read_pair


def test_images_and_labels_come_out_as_they_were_written(tmp_path, write_mnist):
    x, y, _, _ = write_mnist(tmp_path, samples=20)
    raw = tmp_path / "MNIST" / "raw"
    images, labels = read_pair(raw / "train-images-idx3-ubyte", raw / "train-labels-idx1-ubyte")
    assert images.dtype == np.uint8
    assert labels.dtype == np.int64
    np.testing.assert_array_equal(images, x)
    np.testing.assert_array_equal(labels, y)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00\x00\x08",
        struct.pack(">HBB1I", 0, 8, 1, 4) + b"abcd",  # labels where images are expected
        struct.pack(">HBB3I", 0, 13, 3, 1, 1, 1) + b"abcd",  # floats
        struct.pack(">HBB3I", 1, 8, 3, 1, 1, 1) + b"a",
    ],
)
def test_a_file_of_another_kind_is_refused(tmp_path, refusal, content):
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(content)
    with refusal("--data-dir", str(path), "not an IDX file", "3 axes"):
        read_idx(path, axes=3)


@pytest.mark.parametrize("pixels", [7, 9])
def test_a_file_of_the_wrong_length_is_refused(tmp_path, refusal, pixels):
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(struct.pack(">HBB3I", 0, 8, 3, 2, 2, 2) + bytes(pixels))
    with refusal("--data-dir", str(path), f"{16 + pixels} bytes", "announces 24"):
        read_idx(path, axes=3)
