"""Folders and files with names that are not text, of other systems or gone, and a byte-order mark."""

import os
import subprocess
import sys

import numpy as np
import pytest

from ablate.cli.shared.running import folder_name
from tests.cli.grids import FAKE

NOT_UTF_8 = os.fsdecode(b"r\xff\xfe")


@pytest.mark.parametrize(
    ("dataset", "name"),
    [
        ("mnist", "mnist"),
        ("moving-digits:digit", "moving-digits-digit"),
        ("npz:/data/mine.v2.npz", "mine.v2"),
        ("npz:..npz", "npz"),
        ("npz:.hidden.npz", "hidden"),
        ("npz:a:b?.npz", "a-b"),
        ("npz:größe.npz", "größe"),
    ],
)
def test_a_default_folder_has_a_name_that_is_legal_everywhere(dataset, name):
    assert folder_name(dataset) == name


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_names_that_are_not_utf_8_work_as_any_other(tmp_path):
    for command in (
        ["run", *FAKE, "-o", NOT_UTF_8],
        ["baseline", NOT_UTF_8, "-o", f"{NOT_UTF_8}.parquet"],
    ):
        done = subprocess.run(
            [sys.executable, "-m", "ablate", *command], cwd=tmp_path, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
    assert r"Wrote r\udcff\udcfe.parquet" in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_a_dataset_whose_name_is_not_utf_8_is_told(ablate, tmp_path):
    np.savez(tmp_path / f"{NOT_UTF_8}.npz", x_train=np.zeros((40, 4), "float32"), y_train=np.arange(40) % 2)
    code, out, err = ablate("run", *FAKE, "--dataset", f"npz:{NOT_UTF_8}.npz")
    assert (code, out) == (2, "")
    assert (
        err
        == r"ablate: --dataset: 'npz:r\udcff\udcfe.npz' is not UTF-8, in which results are stored; rename the file"
        "\n"
    )


@pytest.mark.skipif(sys.platform == "win32", reason="a folder in use cannot be deleted")
def test_a_deleted_current_folder_is_told(tmp_path):
    leave = "os.mkdir('gone'); os.chdir('gone'); os.rmdir('../gone')"
    code = f"import os, sys; {leave}; os.execv(sys.executable, sys.argv[1:])"
    for command, expected in (("--version", 0), ("plan", 2), ("run", 2), ("plan --activation mine:own", 2)):
        ablate = [sys.executable, "-m", "ablate", *command.split()]
        done = subprocess.run(
            [sys.executable, "-c", code, *ablate], cwd=tmp_path, capture_output=True, text=True
        )
        assert done.returncode == expected
        told = "ablate: the current folder has been deleted; change to one that exists, as with `cd`\n"
        assert done.stderr == (told if expected else "")


def test_a_byte_order_mark_is_no_part_of_an_experiment(ablate, tmp_path):
    (tmp_path / "grid.toml").write_text('activation = "relu"\nseeds = 4\n', encoding="utf-8-sig")
    code, out, err = ablate("run", "grid.toml", "--executor", "fake", "-o", "x")
    assert code == 0, err
    stored = tmp_path / "x" / "experiment.toml"
    stored.write_text(stored.read_text(), encoding="utf-8-sig")
    assert ablate("gate", "x", "x")[0] == 0
    stored.write_bytes(b"\xff")
    for command in (["gate", "x", "x"], ["report", "x", "--html", "page.html"]):
        code, out, err = ablate(*command)
        assert (code, out) == (2, "")
        assert err.startswith(
            "ablate: 'x/experiment.toml' cannot be read ('utf-8' codec can't decode byte 0xff"
        )
