import numpy as np
import pytest

from ablate.errors import DataError
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
