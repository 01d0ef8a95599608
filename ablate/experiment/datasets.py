"""The datasets by name: what is known of each without reading it."""

import ast
import zipfile
import zlib
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from ablate.errors import DataError, SpecError, did_you_mean

# What an npz file may hold; the last two come together or not at all.
ARRAYS = ("x_train", "y_train", "x_test", "y_test")

# What Python's zip and literal readers raise when a file is damaged, encrypted or something else.
_UNREADABLE = (
    OSError,
    EOFError,
    LookupError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    zipfile.BadZipFile,
    zlib.error,
)


# The videos: their name, how many frames they have, and the height and width of one.
MOVING, FRAMES, MOVING_SIZE = "moving-digits", 6, 16


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
        DataError: The file is missing, is no npz file, or holds arrays of other names or shapes.
    """
    if name.startswith("npz:"):
        return _npz_info(Path(name.removeprefix("npz:")))
    if canonical(name) not in DATASETS:
        raise SpecError(
            f"--dataset: {name!r} is not one of {', '.join(DATASETS)}, npz:FILE{did_you_mean(name, DATASETS)}"
        )
    return DATASETS[canonical(name)]


def canonical(name: str) -> str:
    """Returns the one name of a dataset that has two: what moving digits are labelled by may be left out."""
    return name.removesuffix(":direction") if name == f"{MOVING}:direction" else name


def fingerprint(name: str) -> str:
    """Returns what identifies a dataset's content: the name, or for an `npz:` file a hash of its bytes."""
    if not name.startswith("npz:"):
        return canonical(name)
    content = blake2b(digest_size=16)
    with Path(name.removeprefix("npz:")).open("rb") as file:
        while block := file.read(1 << 20):
            content.update(block)
    return f"npz:{content.hexdigest()}"


def _npz_info(path: Path) -> DatasetInfo:
    try:
        with zipfile.ZipFile(path) as archive:
            held = [member.removesuffix(".npy") for member in archive.namelist()]
            shapes = {name: _npy_shape(archive, f"{name}.npy") for name in ARRAYS if name in held}
    except FileNotFoundError:
        raise DataError(
            f"--dataset: there is no file {str(path)!r}; npz:FILE needs an existing file"
        ) from None
    except _UNREADABLE as error:
        raise DataError(f"--dataset: {str(path)!r} is not a readable npz file ({error})") from None
    missing = [name for name in ARRAYS if name not in shapes]
    if missing not in ([], ["x_test", "y_test"]):
        raise DataError(
            f"--dataset: {str(path)!r} holds {', '.join(held) or 'no array'}, not {' and '.join(missing)}; "
            "legal are x_train and y_train, or these with x_test and y_test"
        )
    _check_npz_shapes(path, shapes)
    samples, *shape = shapes["x_train"]
    test_samples = shapes["x_test"][0] if "x_test" in shapes else 0
    return DatasetInfo(tuple(shape), None, samples, test_samples, f"the arrays in {path}")


def _check_npz_shapes(path: Path, shapes: dict[str, tuple[int, ...]]) -> None:
    sample = shapes["x_train"][1:]
    for part in ("train", "test") if "x_test" in shapes else ("train",):
        x, y = shapes[f"x_{part}"], shapes[f"y_{part}"]
        if len(x) < 2 or 0 in x or x[1:] != sample:
            legal = "(samples, ...) with no axis of length 0" if part == "train" else f"(samples, *{sample})"
            raise DataError(f"--dataset: {str(path)!r} has x_{part} of shape {x}; legal is {legal}")
        if y != x[:1]:
            raise DataError(
                f"--dataset: {str(path)!r} has y_{part} of shape {y} for the {x[0]} samples of x_{part}; "
                f"legal is {x[:1]}"
            )


def _npy_shape(archive: zipfile.ZipFile, member: str) -> tuple[int, ...]:
    """Returns the shape in the header of an npy file (numpy's format 1 to 3), so that no array is read."""
    with archive.open(member) as file:
        head = file.read(4096)
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
    MOVING: DatasetInfo(
        (1, FRAMES, MOVING_SIZE, MOVING_SIZE), 8, 1797, 0, "videos of digits, which way they move, embedded"
    ),
    f"{MOVING}:digit": DatasetInfo(
        (1, FRAMES, MOVING_SIZE, MOVING_SIZE), 10, 1797, 0, "the same videos, which digit it is, embedded"
    ),
}
