"""Reading of the IDX files of MNIST and similar datasets: a short header, followed by unsigned bytes."""

import math
import struct
from pathlib import Path

import numpy as np

from ablate.data.raw import Array, Labels
from ablate.errors import DataError
from ablate.experiment.user_files import check_is_file

# Bytes that a file may have. The largest file of a known dataset, that of CIFAR-100, has 148 MiB.
_LARGEST = 256 << 20


def read_pair(images: Path, labels: Path) -> tuple[Array, Labels]:
    """Returns the images (samples, 1, height, width) in uint8 and the labels (samples,) of two IDX files.

    Raises:
        DataError: A file is not valid, see `read_idx`.
    """
    return read_idx(images, axes=3)[:, np.newaxis], read_idx(labels, axes=1).astype(np.int64)


def read_idx(path: Path, axes: int) -> Array:
    """Returns the array of unsigned bytes that an IDX file holds.

    The header of an IDX file consists of two zero bytes, a byte for the type (8: unsigned byte), a byte for the number
    of axes, and the length of each axis as a big-endian 32-bit number; source: http://yann.lecun.com/exdb/mnist.

    Raises:
        DataError: The file is not an IDX file of unsigned bytes with this number of axes, or is too short or too long.
    """
    content, start = read_small(path), 4 + 4 * axes
    if len(content) < start or content[:4] != bytes((0, 0, 8, axes)):
        raise _unfit(path, f"is not an IDX file of unsigned bytes with {axes} axes")
    shape = struct.unpack(f">{axes}I", content[4:start])
    size = start + math.prod(shape)
    if len(content) != size:
        raise _unfit(path, f"has {len(content)} bytes where its header announces {size}")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def read_small(path: Path) -> bytes:
    """Returns the content of a file of a known dataset. Raises DataError if it cannot be read or is far too large."""
    try:
        check_is_file(path)
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
    except OSError as error:
        raise DataError(f"--data-dir: {str(path)!r} cannot be read ({error.strerror})") from None
    if len(content) > _LARGEST:
        raise _unfit(path, f"is larger than {_LARGEST >> 20} MiB, as no file of these datasets is")
    return content


def _unfit(path: Path, problem: str) -> DataError:
    return DataError(f"--data-dir: {str(path)!r} {problem}; delete it and it is downloaded again")
