"""The datasets by name: what is known of each without reading it."""

import ast
import zipfile
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from ablate.errors import DataError, SpecError, did_you_mean


@dataclass(frozen=True)
class DatasetInfo:
    """Sizes of a dataset.

    Attributes:
        shape: Of one sample, channels first.
        classes: Number of labels; None where only the data can tell.
        samples: Number of training samples, validation samples included.
        test_samples: Size of the dataset's own test set; 0 if it has none and one is split off.
        about: One line for `ablate list datasets`.
    """

    shape: tuple[int, ...]
    classes: int | None
    samples: int
    test_samples: int
    about: str

    @property
    def features(self) -> int:
        """Numbers in one sample."""
        count = 1
        for size in self.shape:
            count *= size
        return count


def dataset_info(name: str) -> DatasetInfo:
    """Returns the sizes of a dataset, reading no more than the header of an `npz:` file.

    Raises:
        SpecError: No dataset has this name.
        DataError: The file is missing or holds no `x_train` and `y_train`.
    """
    if name.startswith("npz:"):
        return _npz_info(Path(name.removeprefix("npz:")))
    if name not in DATASETS:
        raise SpecError(
            f"--dataset: {name!r} is not one of {', '.join(DATASETS)}, npz:FILE{did_you_mean(name, DATASETS)}"
        )
    return DATASETS[name]


def fingerprint(name: str) -> str:
    """Returns what identifies a dataset's content: the name, or for an `npz:` file a hash of its bytes."""
    if not name.startswith("npz:"):
        return name
    content = blake2b(digest_size=16)
    with Path(name.removeprefix("npz:")).open("rb") as file:
        while block := file.read(1 << 20):
            content.update(block)
    return f"npz:{content.hexdigest()}"


def _npz_info(path: Path) -> DatasetInfo:
    try:
        with zipfile.ZipFile(path) as archive:
            shapes = {
                Path(member).stem: _npy_shape(archive.open(member).read(4096))
                for member in archive.namelist()
            }
    except FileNotFoundError:
        raise DataError(f"--dataset: there is no file {str(path)!r}; npz:FILE needs an existing file") from None
    except (OSError, ValueError, SyntaxError, KeyError, zipfile.BadZipFile) as error:
        raise DataError(f"--dataset: {str(path)!r} is not a readable npz file ({error})") from None
    missing = [name for name in ("x_train", "y_train") if name not in shapes]
    if missing:
        raise DataError(
            f"--dataset: {str(path)!r} holds {', '.join(shapes) or 'no array'}, not {' and '.join(missing)}; "
            "legal arrays are x_train, y_train and optionally x_test, y_test"
        )
    samples, *shape = shapes["x_train"] or (0,)
    test_samples = (shapes.get("x_test") or (0,))[0]
    return DatasetInfo(tuple(shape), None, samples, test_samples, f"the arrays in {path}")


def _npy_shape(head: bytes) -> tuple[int, ...]:
    """Returns the shape in the header of an npy file (numpy's format 1 to 3), so that no array need be read."""
    if head[:6] != b"\x93NUMPY":
        raise ValueError("a member is no npy array")
    start = 10 if head[6] == 1 else 12
    length = int.from_bytes(head[8:start], "little")
    shape: tuple[int, ...] = ast.literal_eval(head[start : start + length].decode("latin1").strip())["shape"]
    return shape


DATASETS: dict[str, DatasetInfo] = {
    "digits": DatasetInfo((1, 8, 8), 10, 1797, 0, "handwritten digits, embedded (scikit-learn)"),
    "mnist": DatasetInfo((1, 28, 28), 10, 60_000, 10_000, "handwritten digits"),
    "fashion_mnist": DatasetInfo((1, 28, 28), 10, 60_000, 10_000, "clothes"),
    "kmnist": DatasetInfo((1, 28, 28), 10, 60_000, 10_000, "cursive Japanese characters"),
    "cifar10": DatasetInfo((3, 32, 32), 10, 50_000, 10_000, "photographs, 10 classes"),
    "cifar100": DatasetInfo((3, 32, 32), 100, 50_000, 10_000, "photographs, 100 classes"),
}
