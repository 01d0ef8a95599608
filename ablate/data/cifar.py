"""CIFAR-10 and CIFAR-100 in the Python version: pickled dictionaries, read without running what they hold."""

import codecs
import pickle
from pathlib import Path
from typing import Any

import numpy as np

from ablate.data.raw import Array, Labels
from ablate.errors import DataError

SHAPE = (3, 32, 32)


def read_batches(*paths: Path) -> tuple[Array, Labels]:
    """Returns the images (samples, 3, 32, 32) in uint8 and the labels (samples,) of batch files, in order.

    A batch is a dictionary with `data`, (samples, 3072) in uint8, and `labels` (CIFAR-10) or `fine_labels`
    (CIFAR-100); source: https://www.cs.toronto.edu/~kriz/cifar.html.

    Raises:
        DataError: A file is no such dictionary.
    """
    images, labels = zip(*(_read_batch(path) for path in paths), strict=True)
    return np.concatenate(images), np.concatenate(labels)


def _read_batch(path: Path) -> tuple[Array, Labels]:
    try:
        with path.open("rb") as file:
            batch = _ArrayUnpickler(file, encoding="latin1").load()
        images = np.asarray(batch["data"])
        labels = np.asarray(batch["labels"] if "labels" in batch else batch["fine_labels"])
        if images.dtype != np.uint8 or labels.dtype.kind not in "iu" or labels.shape != images.shape[:1]:
            raise ValueError(
                f"{images.dtype} data of shape {images.shape}, {labels.dtype} labels of shape {labels.shape}"
            )
        return images.reshape(-1, *SHAPE), labels.astype(np.int64)
    except (
        pickle.UnpicklingError,
        EOFError,
        LookupError,
        ValueError,
        TypeError,
        AttributeError,
        ArithmeticError,
    ) as error:
        raise DataError(
            f"--data-dir: {str(path)!r} is not a batch of CIFAR images in the Python version ({error}); "
            "delete it and it is downloaded again"
        ) from None


def _dtype(code: str, align: int, copy: int) -> np.dtype[Any]:
    # The original files are of Python 2 and pass numbers where numpy 2.4 warns of anything but booleans.
    return np.dtype(code, align=bool(align), copy=bool(copy))


class _ArrayUnpickler(pickle.Unpickler):
    """Rebuilds numpy arrays and plain values and refuses all else, so that no file can run its own code."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return _ALLOWED[module, name]


_RECONSTRUCT = np.empty(0).__reduce__()[0]
_FROM_BUFFER = np.empty(0).__reduce_ex__(5)[0]
_SCALAR = np.int64(0).__reduce__()[0]

# What pickled arrays refer to: numpy 1's and 2's names, protocols 0 to 5.
_ALLOWED: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): _dtype,
    ("numpy.core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy._core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy.core.multiarray", "scalar"): _SCALAR,
    ("numpy._core.multiarray", "scalar"): _SCALAR,
    ("numpy.core.numeric", "_frombuffer"): _FROM_BUFFER,
    ("numpy._core.numeric", "_frombuffer"): _FROM_BUFFER,
    ("_codecs", "encode"): codecs.encode,
}
