"""The shapes of the arrays in an npz file, read from the file headers without loading any array.

The sizes that the headers state must agree with those of the archive, so that a small file cannot ask for much memory.
"""

import ast
import lzma
import re
import struct
import zlib
from math import prod
from pathlib import Path
from zipfile import BadZipFile, ZipFile

from ablate.errors import DataError, shown
from ablate.experiment.user_files import check_is_file

# The arrays that an npz file may contain. The arrays `x_test` and `y_test` must occur together.
ARRAYS = ("x_train", "y_train", "x_test", "y_test")

# Exceptions of Python's zip and literal parsers for files that are damaged, encrypted or of another format.
_BAD_ZIP = (OSError, EOFError, RuntimeError, BadZipFile, zlib.error, lzma.LZMAError, struct.error)
_BAD_HEADER = (LookupError, SyntaxError, TypeError, ValueError, MemoryError)
UNREADABLE = (*_BAD_ZIP, *_BAD_HEADER)

_NUMBERS = re.compile(r"[<>|=]?[buif]([0-9]{1,2})")
_MOST_HEADER = 4096  # bytes
# The arrays may unpack to `_MOST_RATIO` times the size of the file or, if this is more, to `_MOST_UNPACKED` bytes.
_MOST_RATIO, _MOST_UNPACKED = 100, 1 << 30


def npz_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Returns the shapes of the arrays x_train, y_train and, if the npz file has a test set, x_test and y_test.

    Raises:
        DataError: The file is missing, is not an npz file, or contains arrays with wrong names or shapes.
    """
    try:
        check_is_file(path)
        with ZipFile(path) as archive:
            _check_unpacked_size(archive, path.stat().st_size)
            names = [member.removesuffix(".npy") for member in archive.namelist()]
            shapes = {name: _npy_shape(archive, f"{name}.npy") for name in ARRAYS if name in names}
    except FileNotFoundError:
        raise _unfit(f"there is no file {str(path)!r}; npz:FILE needs an existing file") from None
    except UNREADABLE as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise _unfit(f"{str(path)!r} is not a readable npz file ({reason})") from None
    missing = [name for name in ARRAYS if name not in shapes]
    if missing not in ([], ["x_test", "y_test"]):
        raise _unfit(
            f"{str(path)!r} holds {', '.join(names[:9]) or 'no array'}, not {' and '.join(missing)}; "
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


def _check_unpacked_size(archive: ZipFile, size: int) -> None:
    unpacked = sum(member.file_size for member in archive.infolist())
    if unpacked > max(_MOST_UNPACKED, _MOST_RATIO * size):
        raise ValueError(
            f"its {size:,} bytes unpack to {unpacked:,}; legal are {_MOST_RATIO} times the size of the file, or 1 GiB; "
            "write it with np.savez, which does not compress"
        )


def _npy_shape(archive: ZipFile, member: str) -> tuple[int, ...]:
    """Returns the shape that the header of an npy file (format version 1 to 3) states.

    Raises:
        ValueError: The array does not consist of numbers, or its size is not the one that the archive states.
    """
    if archive.namelist().count(member) > 1:
        raise ValueError(f"{member} is in it twice")
    with archive.open(member) as file:
        head = file.read(_MOST_HEADER)
    if head[:6] != b"\x93NUMPY" or head[6] not in (1, 2, 3):
        raise ValueError("a member is no npy array")
    start = 10 if head[6] == 1 else 12
    stop = start + int.from_bytes(head[8:start], "little")
    if stop > len(head):
        raise ValueError(f"the header of {member} is longer than the array or {_MOST_HEADER} bytes")
    header = ast.literal_eval(head[start:stop].decode("latin1").strip())
    shape, kind = header["shape"], header["descr"]
    if not isinstance(shape, tuple) or not all(type(length) is int and length >= 0 for length in shape):
        raise ValueError(f"{member} has the shape {shown(shape)}")
    numbers = _NUMBERS.fullmatch(kind) if isinstance(kind, str) else None
    if numbers is None:
        raise ValueError(f"{member} has the type {shown(kind)}; legal are real numbers and truth values")
    announced, held = stop + prod(shape) * int(numbers[1]), archive.getinfo(member).file_size
    if announced != held:
        raise ValueError(f"{member} has {held:,} bytes where its header announces {shown(announced)}")
    return shape


def _unfit(message: str) -> DataError:
    return DataError(f"--dataset: {message}")
