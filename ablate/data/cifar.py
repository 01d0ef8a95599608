"""Reading of CIFAR-10 and CIFAR-100 from their pickled Python files, without running any code in the files."""

import codecs
from hashlib import md5
from io import BytesIO
from pathlib import Path
from pickle import Unpickler, UnpicklingError
from typing import Any

import numpy as np

from ablate.data.idx import read_small
from ablate.data.raw import Array, Labels
from ablate.errors import DataError

SHAPE = (3, 32, 32)

# MD5 checksums of the original files, as torchvision states them.
CHECKSUMS = {
    "data_batch_1": "c99cafc152244af753f735de768cd75f",
    "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
    "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
    "data_batch_4": "634d18415352ddfa80567beed471001a",
    "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
    "test_batch": "40351d587109b95175f43aff81a1287e",
    "train": "16019d7e3df5f24257cddd939b257f8d",
    "test": "f0ef6b0ae62326f3e7ffdfab6717acfc",
}

# Exceptions that unpickling and converting a file of another format can raise.
_UNFIT = (UnpicklingError, EOFError, LookupError, ValueError, TypeError, AttributeError, ArithmeticError)


def read_batches(*paths: Path) -> tuple[Array, Labels]:
    """Returns the images (samples, 3, 32, 32) in uint8 and the labels (samples,) of several files, in order.

    Each file holds one batch as a pickled dictionary. The entry `data` holds the images, shape (samples, 3072) in
    uint8. The entry `labels` (CIFAR-10) or `fine_labels` (CIFAR-100) holds the labels. The format is described at
    https://www.cs.toronto.edu/~kriz/cifar.html.

    Raises:
        DataError: A file is not one of the original files, or does not hold a batch of CIFAR images.
    """
    images, labels = zip(*(_read_batch(path) for path in paths), strict=True)
    return np.concatenate(images), np.concatenate(labels)


def check_known(path: Path, content: bytes) -> None:
    """Checks that a file is the original one, because only originals are unpickled. Raises DataError if it is not."""
    if md5(content, usedforsecurity=False).hexdigest() != CHECKSUMS.get(path.name):
        raise DataError(
            f"--data-dir: {str(path)!r} is not the original file (its MD5 checksum differs), and other pickled files "
            "are not read, because they could run code; delete it and it is downloaded again, or give own data as "
            "npz:FILE"
        )


def _read_batch(path: Path) -> tuple[Array, Labels]:
    content = read_small(path)
    check_known(path, content)
    try:
        batch = _ArrayUnpickler(BytesIO(content), encoding="latin1").load()
        images = np.asarray(batch["data"])
        labels = np.asarray(batch["labels"] if "labels" in batch else batch["fine_labels"])
        if images.dtype != np.uint8 or labels.dtype.kind not in "iu" or labels.shape != images.shape[:1]:
            data = f"{images.dtype} data of shape {images.shape}"
            raise ValueError(f"{data}, {labels.dtype} labels of shape {labels.shape}")
        return images.reshape(-1, *SHAPE), labels.astype(np.int64)
    except _UNFIT as error:
        raise DataError(
            f"--data-dir: {str(path)!r} is not a batch of CIFAR images in the Python version ({error}); "
            "delete it and it is downloaded again"
        ) from None


def _dtype(code: str, align: int, copy: int) -> np.dtype[Any]:
    # The original files were written by Python 2 and pass integers; numpy 2.4 warns unless it gets booleans.
    return np.dtype(code, align=bool(align), copy=bool(copy))


class _ArrayUnpickler(Unpickler):
    """Unpickles only numpy arrays and plain values and rejects all other objects, so that no file can run code."""

    def find_class(self, module: str, name: str) -> Any:
        # numpy 2 renamed numpy.core to numpy._core.
        if allowed := _ALLOWED.get((module.replace("numpy._core", "numpy.core"), name)):
            return allowed
        raise UnpicklingError(f"it asks for {module}.{name}")


# The globals that arrays refer to when pickled with the pickle protocols 0 to 5.
_ALLOWED: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): _dtype,
    ("numpy.core.multiarray", "_reconstruct"): np.empty(0).__reduce__()[0],
    ("numpy.core.multiarray", "scalar"): np.int64(0).__reduce__()[0],
    ("numpy.core.numeric", "_frombuffer"): np.empty(0).__reduce_ex__(5)[0],
    ("_codecs", "encode"): codecs.encode,
}
