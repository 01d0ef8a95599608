import os
import zipfile

import numpy as np
import pytest

from ablate.errors import DataError
from ablate.experiment import npz_header
from ablate.experiment.spec import build


@pytest.mark.parametrize("content", [None, b"", b"not a zip", b"PK\x03\x04 torn"])
def test_an_unreadable_npz_file_is_named(tmp_path, content):
    path = tmp_path / "data.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=r"--dataset: .*data\.npz"):
        build({"dataset": f"npz:{path}"})


def test_the_sizes_of_an_npz_file_are_read_from_its_headers(tmp_path):
    np.savez_compressed(tmp_path / "d.npz", x_train=np.zeros((200, 3, 4)), y_train=np.zeros(200, dtype=int))
    assert build({"dataset": f"npz:{tmp_path}/d.npz"}).split_sizes == (128, 32, 40)
    np.savez(
        tmp_path / "t.npz",
        x_train=np.zeros((200, 5)),
        y_train=np.zeros(200),
        x_test=np.zeros((50, 5)),
        y_test=np.zeros(50),
    )
    assert build({"dataset": f"npz:{tmp_path}/t.npz"}).split_sizes == (160, 40, 50)
    np.savez(tmp_path / "wrong.npz", x=np.zeros((200, 5)))
    with pytest.raises(DataError, match="holds x, not x_train and y_train"):
        build({"dataset": f"npz:{tmp_path}/wrong.npz"})


def npy(shape, kind="<f8", data=b"", version=1):
    """Returns an npy file with a header that need not fit its data."""
    header = f"{{'descr': {kind!r}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    length = len(header).to_bytes(2 if version == 1 else 4, "little")
    return b"\x93NUMPY" + bytes((version, 0)) + length + header + data


LABELS = npy("(200,)", "|u1", bytes(200))
HOSTILE = {
    "a number as shape": npy("200", data=bytes(1600)),
    "a list as shape": npy("[200, 1]", data=bytes(1600)),
    "a negative length": npy("(-200, 8)", data=bytes(1600)),
    "a truth value as length": npy("(200, True)", data=bytes(1600)),
    "a trillion samples": npy("(1000000000000, 8)", data=bytes(1600)),
    "a length of hundreds of digits": npy(f"({'9' * 900}, 8)", data=bytes(1600)),
    "fewer values than announced": npy("(200, 8)", data=bytes(1600)),
    "more values than announced": npy("(200, 1)", data=bytes(1601)),
    "objects": npy("(200,)", "|O", data=bytes(1600)),
    "a structured type": npy("(200,)", [("a", "<f8")], data=bytes(1600)),
    "a header beyond the array": b"\x93NUMPY\x02\x00\xff\xff\xff\x7f{}",
    "nested parentheses": npy("(" * 3000 + ")" * 3000),
    "an unknown version": npy("(200, 1)", data=bytes(1600), version=9),
    "code in the header": npy("__import__('os').abort()", data=bytes(1600)),
}


@pytest.mark.parametrize("x_train", HOSTILE.values(), ids=HOSTILE)
def test_a_header_that_lies_is_refused_by_one_sentence(tmp_path, x_train):
    with zipfile.ZipFile(tmp_path / "data.npz", "w") as archive:
        archive.writestr("x_train.npy", x_train)
        archive.writestr("y_train.npy", LABELS)
    with pytest.raises(DataError, match=r"--dataset: .*data\.npz") as error:
        build({"dataset": f"npz:{tmp_path}/data.npz"})
    assert len(str(error.value)) < 500


def test_a_small_file_that_unpacks_to_gigabytes_is_refused_unread(tmp_path, monkeypatch):
    monkeypatch.setattr(npz_header, "_MOST_UNPACKED", 1 << 20)
    with zipfile.ZipFile(tmp_path / "data.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x_train.npy", npy("(200, 5300)", "|u1", bytes(200 * 5300)))
        archive.writestr("y_train.npy", LABELS)
    with pytest.raises(DataError, match=r"unpack to 1,06\d,\d\d\d; legal are 100 times .* np\.savez"):
        build({"dataset": f"npz:{tmp_path}/data.npz"})


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_arrays_of_one_name_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "data.npz", "w") as archive:
        for x_train in (npy("(200, 1)", data=bytes(1600)), npy("(200, 2)", data=bytes(3200))):
            archive.writestr("x_train.npy", x_train)
        archive.writestr("y_train.npy", LABELS)
    with pytest.raises(DataError, match=r"x_train\.npy is in it twice"):
        build({"dataset": f"npz:{tmp_path}/data.npz"})


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no FIFOs")
def test_a_fifo_or_a_folder_is_no_npz_file(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    for path, says in ((tmp_path / "fifo", "it is a FIFO"), (tmp_path, "it is a folder")):
        with pytest.raises(DataError, match=says):
            build({"dataset": f"npz:{path}"})
