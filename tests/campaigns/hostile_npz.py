"""Generated npz files, most of them hostile: each is refused by a sentence or read rightly, within limits."""

import io
import random
import resource
import tempfile
import time
import traceback
import zipfile
from pathlib import Path

import numpy as np

from ablate.data.arrays import prepare
from ablate.errors import AblateError
from ablate.experiment.spec import build

SECONDS, MEBIBYTES = 5.0, 1500
SHAPES = [
    "200", "(200,)", "(200, 8)", "(8, 200)", "(-200, 8)", "(200, -8)", "(10**12, 8)", "(1000000000000, 8)", "[200, 8]",
    "(200, 8.0)", "(200, True)", "()", "None", "'200'", "(200, 8, 0)", "(" + "1, " * 70 + ")", "(True, 8)",
    "(200, 99999999999999999999)", "{200, 8}", "(200, 8, 1, 1)",
]  # fmt: skip
KINDS = [
    "'<f8'", "'<f4'", "'|u1'", "'>i2'", "'|O'", "'<U9'", "'<c16'", "'<M8[ns]'", "[('a', '<f8')]", "'<f16'", "'f'",
    "'V8'", "8", "None", "'<f8, <f8'", "'<f99'", "'|b1'", "'<f2'", "'<i8'",
]  # fmt: skip


def _npy(rng: random.Random, array: np.ndarray, badness: float) -> bytes:
    """Returns an array as an npy file whose header may lie."""
    shape, kind = repr(array.shape), repr(array.dtype.str)
    if rng.random() < badness:
        shape = rng.choice(SHAPES)
    if rng.random() < badness:
        kind = rng.choice(KINDS)
    order = rng.choice(["False", "True", "1", "None"]) if rng.random() < badness else "False"
    header = f"{{'descr': {kind}, 'fortran_order': {order}, 'shape': {shape}, }}"
    if rng.random() < badness / 3:
        header = rng.choice(
            [
                "",
                "{}",
                "(" * 500,
                header[:-4],
                header * 40,
                "__import__('os').abort()",
                " " * 9000 + header,
                "\xff",
            ]
        )
    content = header.encode("latin1")
    version = rng.choice([1, 1, 1, 2, 3, 0, 9]) if rng.random() < badness else 1
    length = len(content) if rng.random() > badness / 3 else rng.choice([0, 7, 65535])
    data = array.tobytes()
    if rng.random() < badness / 3:
        data = data[: rng.randrange(len(data) + 1)] + bytes(rng.choice([0, 1, 10_000_000]))
    return (
        b"\x93NUMPY"
        + bytes((version, 0))
        + length.to_bytes(2 if version == 1 else 4, "little")
        + content
        + data
    )


def _arrays(rng: random.Random) -> dict[str, np.ndarray]:
    numbers = np.random.default_rng(rng.randrange(1 << 30))
    count, test = rng.choice([60, 200, 5]), rng.choice([0, 0, 9])
    x, y = numbers.normal(size=(count, 8)), np.arange(count) % 3
    changes = [
        lambda: x.__setitem__((0, 0), rng.choice([np.nan, np.inf, 1e39, -1e300, 5e-324])),
        lambda: y.__setitem__(0, rng.choice([-1, 2**62, 99])),
        lambda: y.__setitem__(slice(None), 7),
        lambda: None,
        lambda: None,
    ]
    rng.choice(changes)()
    kind = rng.choice(
        [np.float64, np.float64, np.float32, np.uint8, np.int64, np.float16, np.longdouble, np.bool_]
    )
    with np.errstate(all="ignore"):
        arrays = {
            "x_train": x.astype(kind),
            "y_train": y.astype(rng.choice([np.int64, np.float64, np.uint64, np.int8]), casting="unsafe"),
        }
    if test:
        arrays |= {"x_test": arrays["x_train"][:test], "y_test": arrays["y_train"][:test]}
    if rng.random() < 0.1:
        arrays.pop(rng.choice(sorted(arrays)))
    return arrays


def hostile_file(seed: int) -> bytes:
    """Returns the content of the npz file of a seed."""
    rng = random.Random(seed)
    badness, out = rng.choice([0.0, 0.15, 0.5]), io.BytesIO()
    method = rng.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, array in _arrays(rng).items():
            content = _npy(rng, array, badness)
            if rng.random() < badness / 8:  # gigabytes of zeros in a few megabytes
                header = (
                    f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({len(array)}, 9000000), }}".encode()
                )
                with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                    member.write(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
                    for _ in range(len(array) * 9 if method == zipfile.ZIP_DEFLATED else 3):
                        member.write(bytes(1_000_000))
                continue
            prefix = rng.choice(["", "", "", "/", "../", "a/"]) if rng.random() < badness else ""
            for _ in range(2 if rng.random() < badness / 4 else 1):
                archive.writestr(f"{prefix}{name}{'.npy' if rng.random() > badness / 4 else ''}", content)
    content = bytearray(out.getvalue())
    if rng.random() < badness:
        for _ in range(rng.choice([1, 3, 30])):
            content[rng.randrange(len(content))] = rng.randrange(256)
    if rng.random() < badness / 2:
        del content[rng.randrange(len(content)) :]
    if rng.random() < badness / 4:  # the flag of encryption, in the local and the central header
        for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
            at = content.find(mark)
            if at >= 0 and at + offset < len(content):
                content[at + offset] |= 1
    return bytes(content)


def fault_of(path: Path) -> tuple[bool, str]:
    """Reads a file. Returns whether it was refused, and what is wrong; empty if nothing is."""
    start, before, refused = time.process_time(), _peak(), False
    try:
        experiment = build({"dataset": f"npz:{path}", "batch_size": 2, "epochs": 1})
        arrays = prepare(experiment)
        train, val, test = experiment.split_sizes
        right = [len(arrays.x_train), len(arrays.x_val), len(arrays.x_test)] == [train, val, test]
        finite = all(np.isfinite(part).all() for part in (arrays.x_train, arrays.x_val, arrays.x_test))
        labels = all(
            ((y >= 0) & (y < arrays.classes)).all() for y in (arrays.y_train, arrays.y_val, arrays.y_test)
        )
        if not (right and finite and labels):
            return False, f"wrong data: sizes right {right}, finite {finite}, labels {labels}"
    except AblateError as error:
        refused = True
        if len(str(error)) > 1000:
            return True, f"a message of {len(str(error))} characters"
    except BaseException:
        return False, traceback.format_exc()[-1500:]
    # In a process that has done other work, only a rise of the peak is due to the file.
    seconds, size = time.process_time() - start, _peak() - before
    if seconds > SECONDS or size > MEBIBYTES:
        return refused, f"{seconds:.1f} s, {size:.0f} MiB"
    return refused, ""


def _peak() -> float:
    """Returns the largest memory that this process has had, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def read_hostile(seeds: range) -> tuple[int, int, list[str]]:
    """Reads the files of these seeds. Returns the numbers of files read and refused, and the faults."""
    read = refusals = 0
    faults: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        for seed in seeds:
            path = Path(folder) / "data.npz"
            path.write_bytes(hostile_file(seed))
            refused, fault = fault_of(path)
            refusals, read = refusals + refused, read + (not refused)
            if fault:
                faults.append(f"npz seed {seed}: {fault}")
    return read, refusals, faults
