"""Writers of small folders in torchvision's formats, byte by byte as the originals are."""

import struct
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest

from ablate.errors import DataError

Sets = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
Write = Callable[..., Sets]


def idx_bytes(array: np.ndarray) -> bytes:
    return (
        struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.astype(np.uint8).tobytes()
    )


def _text(value: str | bytes) -> bytes:
    raw = value.encode() if isinstance(value, str) else value
    return b"T" + struct.pack("<i", len(raw)) + raw


def _whole(value: int) -> bytes:
    return b"J" + struct.pack("<i", value)


def python2_pickle(entries: dict[str, np.ndarray | list[int]]) -> bytes:
    """A dictionary as Python 2 with numpy 1 pickled it (protocol 2), as the CIFAR files are."""

    def array(data: np.ndarray) -> bytes:
        empty = (
            b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n"
            + _whole(0)
            + b"\x85"
            + _text("b")
            + b"tR"
        )
        dtype = b"cnumpy\ndtype\n" + _text("u1") + _whole(0) + _whole(1) + b"\x87R"
        dtype += b"(" + _whole(3) + _text("|") + b"NNN" + _whole(-1) + _whole(-1) + _whole(0) + b"tb"
        shape = b"(" + b"".join(map(_whole, data.shape)) + b"t"
        return empty + b"(" + _whole(1) + shape + dtype + b"\x89" + _text(data.tobytes()) + b"tb"

    def whole_list(values: list[int]) -> bytes:
        return b"](" + b"".join(map(_whole, values)) + b"e"

    items = b"".join(
        _text(key) + (array(value) if isinstance(value, np.ndarray) else whole_list(value))
        for key, value in entries.items()
    )
    return b"\x80\x02}(" + items + b"u."


@pytest.fixture
def write_mnist() -> Write:
    def write(root: Path, kind: str = "MNIST", samples: int = 60, test_samples: int = 30) -> Sets:
        rng = np.random.default_rng(5)
        raw = root / kind / "raw"
        raw.mkdir(parents=True)
        arrays = []
        for part, count in (("train", samples), ("t10k", test_samples)):
            x = rng.integers(0, 256, (count, 28, 28), dtype=np.uint8)
            y = np.arange(count, dtype=np.uint8) % 10
            (raw / f"{part}-images-idx3-ubyte").write_bytes(idx_bytes(x))
            (raw / f"{part}-labels-idx1-ubyte").write_bytes(idx_bytes(y))
            arrays += [x[:, np.newaxis], y]
        return tuple(arrays)

    return write


@pytest.fixture
def write_cifar() -> Write:
    def write(root: Path, classes: int, samples: int, test_samples: int) -> Sets:
        rng = np.random.default_rng(6)
        folder = root / ("cifar-10-batches-py" if classes == 10 else "cifar-100-python")
        folder.mkdir(parents=True)
        key = "labels" if classes == 10 else "fine_labels"
        train_files = [f"data_batch_{i}" for i in range(1, 6)] if classes == 10 else ["train"]
        test_file = "test_batch" if classes == 10 else "test"
        arrays = []
        for files, count in ((train_files, samples), ([test_file], test_samples)):
            x = rng.integers(0, 256, (count, 3, 32, 32), dtype=np.uint8)
            y = np.arange(count) % classes
            for file, part in zip(files, np.array_split(np.arange(count), len(files)), strict=True):
                batch = {"data": x[part].reshape(len(part), -1), key: [int(label) for label in y[part]]}
                (folder / file).write_bytes(python2_pickle(batch))
            arrays += [x, y]
        return tuple(arrays)

    return write


@pytest.fixture(autouse=True)
def unpickles_written_files(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets files be unpickled that are not the originals, except in tests of that check."""
    if "original" not in request.node.name:
        monkeypatch.setattr("ablate.data.cifar.check_known", lambda path, content: None)


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Refuses every download; holds the addresses that were asked for."""
    asked: list[str] = []

    def refuse(request: object, *args: object, **kwargs: object) -> None:
        asked.append(getattr(request, "full_url", str(request)))
        raise URLError("the network is closed")

    monkeypatch.setattr("urllib.request.urlopen", refuse)
    return asked


@pytest.fixture
def refusal() -> Callable[..., AbstractContextManager[None]]:
    """Expects one sentence for the user that begins with the flag and has all the parts."""

    @contextmanager
    def expect(flag: str, *parts: str) -> Iterator[None]:
        with pytest.raises(DataError) as caught:
            yield
        message = str(caught.value)
        assert message.startswith(f"{flag}: "), message
        assert "\n" not in message
        assert not message.endswith(".")
        for part in parts:
            assert part in message, (part, message)

    return expect
