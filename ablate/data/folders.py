"""Reading of image datasets from the folders of torchvision, which downloads missing files."""

import os
import socket
import sys
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from http.client import HTTPException
from pathlib import Path

from ablate.data.cifar import read_batches
from ablate.data.idx import read_pair
from ablate.data.raw import Array, Labels, RawData
from ablate.errors import DataError
from ablate.experiment.datasets import DATASETS, Files
from ablate.output.streams import unescaped

DEFAULT_FOLDER = Path("data")
_TIMEOUT_SECONDS = 30.0

# The function that reads each file format; it turns paths into images and labels.
READERS: dict[str, Callable[..., tuple[Array, Labels]]] = {"idx": read_pair, "cifar": read_batches}


def read_folder(name: str, data_dir: Path | None) -> RawData:
    """Returns the arrays of a dataset that is stored in files, such as MNIST; missing files are downloaded.

    Existing files are read without the network and without torchvision. The format of the files, the shape of the
    images, the range of the labels and the checksums of pickled files are checked. `data_dir` is the folder that holds
    torchvision's dataset folders; None means `data` in the working directory, which a download creates if necessary.

    Raises:
        DataError: `data_dir` does not exist, a file is invalid, or a file is missing and cannot be downloaded.
    """
    if data_dir is not None and not os.path.isdir(data_dir):
        advice = "give one that exists, or leave the option out"
        raise DataError(f"--data-dir: {str(data_dir)!r} is not a folder; {advice}")
    root = data_dir or DEFAULT_FOLDER
    files, classes = DATASETS[name].files, DATASETS[name].classes
    if files is None or classes is None:
        raise ValueError(f"{name} is not read from a folder")
    if not files.are_in(root):
        _download(name, files, root)
    train, test = (_read(name, files, classes, root, names) for names in (files.train, files.test))
    return RawData(*train, *test, classes)


def _read(name: str, files: Files, classes: int, root: Path, names: tuple[str, ...]) -> tuple[Array, Labels]:
    folder, shape = root / files.folder, DATASETS[name].shape
    x, y = READERS[files.format](*(folder / file for file in names))
    where = f"--data-dir: {' and '.join(names)} in {str(folder)!r}"
    if x.shape[1:] != shape:
        raise DataError(f"{where} hold images of shape {x.shape[1:]}; those of {name} are {shape}")
    if len(x) != len(y):
        raise DataError(f"{where} hold {len(x)} images and {len(y)} labels; each image needs one label")
    if len(y) and not 0 <= y.min() <= y.max() < classes:
        raise DataError(f"{where} hold labels {y.min()} to {y.max()}; those of {name} are 0 to {classes - 1}")
    return x, y


def _download(name: str, files: Files, root: Path) -> None:
    folder = root / files.folder
    created = [path for path in (folder, *folder.parents) if not path.exists()]
    reason = "nothing arrived"
    try:
        _fetch(files.kind, root)
    except (OSError, RuntimeError, HTTPException, EOFError, zlib.error, tarfile.TarError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[-1]
    if files.are_in(root):
        return
    for path in created:
        with suppress(OSError):  # a folder with files stays, because the next download can use them
            path.rmdir()
    raise DataError(
        f"--data-dir: {str(root)!r} does not hold {name} and it cannot be downloaded ({reason}); put "
        f"{', '.join((*files.train, *files.test))} into {str(folder)!r}, or name the folder that has "
        f"{files.folder} with --data-dir"
    )


def _fetch(kind: str, root: Path) -> None:
    # Imported here because the import takes more than a second and is needed only for a download.
    import torchvision.datasets

    fetcher = getattr(torchvision.datasets, kind)
    # The object is made without calling __init__, which would read the files.
    unread = fetcher.__new__(fetcher)
    unread.root = root
    stderr = unescaped(sys.stderr)  # a progress bar writes control characters
    with redirect_stdout(stderr), redirect_stderr(stderr), _limits():
        unread.download()


@contextmanager
def _limits() -> Iterator[None]:
    """Within this context, network connections time out and tarfile unpacks archives with its `data` filter.

    Newer versions of Python use the `data` filter by default.
    """
    data_filter = getattr(tarfile, "data_filter", None)  # absent before Python 3.11.4
    timeout, unpacking = socket.getdefaulttimeout(), getattr(tarfile.TarFile, "extraction_filter", None)
    socket.setdefaulttimeout(_TIMEOUT_SECONDS)
    tarfile.TarFile.extraction_filter = data_filter and staticmethod(data_filter)
    try:
        yield
    finally:
        socket.setdefaulttimeout(timeout)
        tarfile.TarFile.extraction_filter = unpacking and staticmethod(unpacking)
