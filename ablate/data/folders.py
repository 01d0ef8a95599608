"""Image sets in torchvision's folders: read from disk, downloaded by torchvision where files are missing."""

import socket
import sys
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

from ablate.data.cifar import read_batches
from ablate.data.idx import read_pair
from ablate.data.raw import Array, Labels, RawData
from ablate.errors import DataError
from ablate.experiment.datasets import DATASETS

DEFAULT_FOLDER = Path("data")
_PATIENCE_SECONDS = 30.0


@dataclass(frozen=True)
class Folder:
    """Where torchvision keeps a set of images below the data folder.

    Attributes:
        kind: Name of its class in `torchvision.datasets`, which knows where to download it.
        path: Of the files, below the data folder.
        train: The files of the training samples.
        test: The files of the test samples.
        read: Returns images and labels of such files.
    """

    kind: str
    path: str
    train: tuple[str, ...]
    test: tuple[str, ...]
    read: Callable[..., tuple[Array, Labels]]

    def is_whole(self, root: Path) -> bool:
        """Returns whether all files are there, below a data folder."""
        return all((root / self.path / file).is_file() for file in (*self.train, *self.test))


def read_folder(name: str, data_dir: Path | None) -> RawData:
    """Returns a set of images from torchvision's folder, after a download if files are missing.

    Files that are there are read without the network and without torchvision. They need not be the original
    ones: their format, the shape of the images and the range of the labels are checked, not a checksum.

    Args:
        name: A key of `FOLDERS`.
        data_dir: The folder that holds torchvision's folders; None is `data` in the working directory, which
            a download creates.

    Raises:
        DataError: The folder does not exist, a file is missing and cannot be downloaded, or a file is unfit.
    """
    if data_dir is not None and not data_dir.is_dir():
        raise DataError(
            f"--data-dir: {str(data_dir)!r} is not a folder; give one that exists, or leave the option out"
        )
    root = DEFAULT_FOLDER if data_dir is None else data_dir
    folder = FOLDERS[name]
    if not folder.is_whole(root):
        _download(name, root)
    classes = DATASETS[name].classes
    assert classes is not None, "only an npz: file has to be read to know its classes"
    x, y = _read(name, classes, root, folder.train)
    x_test, y_test = _read(name, classes, root, folder.test)
    return RawData(x, y, x_test, y_test, classes)


def _read(name: str, classes: int, root: Path, files: tuple[str, ...]) -> tuple[Array, Labels]:
    folder, shape = FOLDERS[name], DATASETS[name].shape
    x, y = folder.read(*(root / folder.path / file for file in files))
    where = f"--data-dir: {' and '.join(files)} in {str(root / folder.path)!r}"
    if x.shape[1:] != shape:
        raise DataError(f"{where} hold images of shape {x.shape[1:]}; those of {name} are {shape}")
    if len(x) != len(y):
        raise DataError(f"{where} hold {len(x)} images and {len(y)} labels; legal is one label an image")
    if len(y) and not 0 <= y.min() <= y.max() < classes:
        raise DataError(f"{where} hold labels {y.min()} to {y.max()}; those of {name} are 0 to {classes - 1}")
    return x, y


def _download(name: str, root: Path) -> None:
    folder = FOLDERS[name]
    place = root / folder.path
    created = [path for path in (place, *place.parents) if not path.exists()]
    reason = "nothing arrived"
    try:
        _fetch(folder.kind, root)
    except (OSError, RuntimeError, HTTPException, EOFError, zlib.error, tarfile.TarError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[-1]
    if folder.is_whole(root):
        return
    for path in created:
        with suppress(OSError):  # not empty: what has arrived is of use next time
            path.rmdir()
    raise DataError(
        f"--data-dir: {str(root)!r} does not hold {name} and it cannot be downloaded ({reason}); put "
        f"{', '.join((*folder.train, *folder.test))} into {str(place)!r}, or name the folder that has "
        f"{folder.path} with --data-dir"
    )


def _fetch(kind: str, root: Path) -> None:
    # Imported here because it takes more than a second and is needed once in the life of a folder.
    import torchvision.datasets

    fetcher = getattr(torchvision.datasets, kind)
    # Without its __init__, which would read, and warn of, what is read here anyway.
    unread = fetcher.__new__(fetcher)
    unread.root = root
    with redirect_stdout(sys.stderr), _socket_timeout(_PATIENCE_SECONDS), _data_unpacking():
        unread.download()


@contextmanager
def _socket_timeout(seconds: float) -> Iterator[None]:
    """Ends the waiting for a host that never answers, which would otherwise last minutes a file."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


@contextmanager
def _data_unpacking() -> Iterator[None]:
    """Unpacks data alone, without Python 3.12's warning that older torchvision leaves this to the default."""
    data_filter = getattr(tarfile, "data_filter", None)  # absent before Python 3.11.4
    before = getattr(tarfile.TarFile, "extraction_filter", None)
    tarfile.TarFile.extraction_filter = data_filter and staticmethod(data_filter)
    try:
        yield
    finally:
        tarfile.TarFile.extraction_filter = before and staticmethod(before)


def _mnist_like(kind: str) -> Folder:
    train = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte")
    test = ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
    return Folder(kind, f"{kind}/raw", train, test, read_pair)


FOLDERS: dict[str, Folder] = {
    "mnist": _mnist_like("MNIST"),
    "fashion_mnist": _mnist_like("FashionMNIST"),
    "kmnist": _mnist_like("KMNIST"),
    "cifar10": Folder(
        "CIFAR10",
        "cifar-10-batches-py",
        ("data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5"),
        ("test_batch",),
        read_batches,
    ),
    "cifar100": Folder("CIFAR100", "cifar-100-python", ("train",), ("test",), read_batches),
}
