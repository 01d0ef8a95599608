"""Facts about each dataset that are known without reading its data.

To add a dataset of pictures in one of torchvision's file formats, add an entry to `DATASETS`.
"""

from dataclasses import dataclass
from hashlib import blake2b, file_digest
from math import prod
from pathlib import Path
from typing import Literal

from ablate.errors import SpecError, not_one_of
from ablate.experiment.npz_header import npz_shapes

# The dataset of videos: its name, the number of frames in a video, and the height (and width) of a frame.
MOVING, FRAMES, MOVING_SIZE = "moving-digits", 6, 16
NPZ = "npz:"


@dataclass(frozen=True)
class Files:
    """The names of the files in which torchvision stores a dataset."""

    format: Literal["idx", "cifar"]
    kind: str  # name of the class in `torchvision.datasets` that downloads the files
    folder: str  # path relative to the data folder
    train: tuple[str, ...]
    test: tuple[str, ...]

    def are_in(self, root: Path) -> bool:
        """Returns whether all files of the dataset exist in the data folder `root`."""
        return all((root / self.folder / name).is_file() for name in (*self.train, *self.test))


@dataclass(frozen=True)
class DatasetInfo:
    """Facts about a dataset."""

    shape: tuple[int, ...]  # shape of one sample, channels first
    classes: int | None  # number of labels; None if it is known only from the data
    samples: int  # training samples, validation samples included
    test_samples: int  # samples in the dataset's own test set; 0 if a test set must be split off
    about: str  # description in one line, for `ablate list datasets`
    files: Files | None = None  # None if the dataset is not read from torchvision's files

    @property
    def features(self) -> int:
        """The number of values in one sample."""
        return prod(self.shape)


def dataset_info(name: str) -> DatasetInfo:
    """Returns the facts about a dataset. If the dataset is an `npz:` file, only the headers of the file are read.

    Raises:
        SpecError: No dataset has this name.
        DataError: The npz file is missing, is not an npz file, or contains arrays with wrong names or shapes.
    """
    if name.startswith(NPZ):
        shapes = npz_shapes(npz_path(name))
        samples, *shape = shapes["x_train"]
        test_samples = shapes["x_test"][0] if "x_test" in shapes else 0
        return DatasetInfo(tuple(shape), None, samples, test_samples, f"the arrays in {npz_path(name)}")
    if canonical(name) in DATASETS:
        return DATASETS[canonical(name)]
    raise SpecError(f"--dataset: {not_one_of(name, DATASETS, 'npz:FILE')}")


def npz_path(name: str) -> Path:
    """Returns the path of the file in a dataset name such as `npz:FILE`."""
    return Path(name.removeprefix(NPZ))


def canonical(name: str) -> str:
    """Returns the preferred name of a dataset.

    The dataset `moving-digits:direction` has the shorter name `moving-digits`, because direction labels are the
    default.
    """
    return MOVING if name == f"{MOVING}:direction" else name


def fingerprint(name: str) -> str:
    """Returns a text that identifies the content of a dataset.

    The text is the dataset's name or, for an `npz:` file, a hash of the bytes of the file.
    """
    if not name.startswith(NPZ):
        return canonical(name)
    with npz_path(name).open("rb") as file:
        return NPZ + file_digest(file, lambda: blake2b(digest_size=16)).hexdigest()


def _idx(about: str, kind: str) -> DatasetInfo:
    """Returns the facts about a dataset that has the same sizes and file names as MNIST."""
    train, test = ((f"{part}-images-idx3-ubyte", f"{part}-labels-idx1-ubyte") for part in ("train", "t10k"))
    return DatasetInfo((1, 28, 28), 10, 60_000, 10_000, about, Files("idx", kind, f"{kind}/raw", train, test))


def _cifar(classes: int, folder: str, train: tuple[str, ...], test: str) -> DatasetInfo:
    files = Files("cifar", f"CIFAR{classes}", folder, train, (test,))
    return DatasetInfo((3, 32, 32), classes, 50_000, 10_000, f"photographs, {classes} classes", files)


def _videos(classes: int, about: str) -> DatasetInfo:
    return DatasetInfo((1, FRAMES, MOVING_SIZE, MOVING_SIZE), classes, 1797, 0, about)


_BATCHES = tuple(f"data_batch_{number}" for number in range(1, 6))

DATASETS: dict[str, DatasetInfo] = {
    "digits": DatasetInfo((1, 8, 8), 10, 1797, 0, "handwritten digits, embedded (scikit-learn)"),
    "mnist": _idx("handwritten digits", "MNIST"),
    "fashion_mnist": _idx("clothes", "FashionMNIST"),
    "kmnist": _idx("cursive Japanese characters", "KMNIST"),
    "cifar10": _cifar(10, "cifar-10-batches-py", _BATCHES, "test_batch"),
    "cifar100": _cifar(100, "cifar-100-python", ("train",), "test"),
    MOVING: _videos(8, "videos of digits, which way they move, embedded"),
    f"{MOVING}:digit": _videos(10, "the same videos, which digit it is, embedded"),
}
