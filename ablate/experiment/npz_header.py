"""The shapes of the arrays in an npz file, read from the file headers without loading any array."""

import ast
import zlib
from pathlib import Path
from zipfile import BadZipFile, ZipFile

from ablate.errors import DataError

# The arrays that an npz file may contain. The arrays `x_test` and `y_test` must occur together.
ARRAYS = ("x_train", "y_train", "x_test", "y_test")

# Exceptions of Python's zip and literal parsers for files that are damaged, encrypted or of another format.
_BAD_ZIP = (OSError, EOFError, RuntimeError, BadZipFile, zlib.error)
_BAD_HEADER = (LookupError, SyntaxError, TypeError, ValueError)


def npz_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Returns the shapes of the arrays x_train, y_train and, if the npz file has a test set, x_test and y_test.

    Raises:
        DataError: The file is missing, is not an npz file, or contains arrays with wrong names or shapes.
    """
    try:
        with ZipFile(path) as archive:
            names = [member.removesuffix(".npy") for member in archive.namelist()]
            shapes = {name: _npy_shape(archive, f"{name}.npy") for name in ARRAYS if name in names}
    except FileNotFoundError:
        raise _unfit(f"there is no file {str(path)!r}; npz:FILE needs an existing file") from None
    except (*_BAD_ZIP, *_BAD_HEADER) as error:
        raise _unfit(f"{str(path)!r} is not a readable npz file ({error})") from None
    missing = [name for name in ARRAYS if name not in shapes]
    if missing not in ([], ["x_test", "y_test"]):
        raise _unfit(
            f"{str(path)!r} holds {', '.join(names) or 'no array'}, not {' and '.join(missing)}; "
            "legal are x_train and y_train, or these with x_test and y_test"
        )
    sample = shapes["x_train"][1:]
    for part in ("train",) if missing else ("train", "test"):
        x, y = shapes[f"x_{part}"], shapes[f"y_{part}"]
        if len(x) < 2 or 0 in x or x[1:] != sample:
            legal = "(samples, ...) with no axis of length 0" if part == "train" else f"(samples, *{sample})"
            raise _unfit(f"{str(path)!r} has x_{part} of shape {x}; legal is {legal}")
        if y != x[:1]:
            problem = f"has y_{part} of shape {y} for the {x[0]} samples of x_{part}"
            raise _unfit(f"{str(path)!r} {problem}; legal is {x[:1]}")
    return shapes


def _npy_shape(archive: ZipFile, member: str) -> tuple[int, ...]:
    """Returns the shape that the header of an npy file (format version 1 to 3) states."""
    with archive.open(member) as file:
        head = file.read(4096)
    if head[:6] != b"\x93NUMPY":
        raise ValueError("a member is no npy array")
    start = 10 if head[6] == 1 else 12
    length = int.from_bytes(head[8:start], "little")
    shape: tuple[int, ...] = ast.literal_eval(head[start : start + length].decode("latin1").strip())["shape"]
    return shape


def _unfit(message: str) -> DataError:
    return DataError(f"--dataset: {message}")
