"""Files that options name."""

import os
import subprocess
from pathlib import Path

import pytest

from ablate.cli.shared.output import write
from ablate.errors import StoreError
from tests.store.full_disk import files_of_at_most


def test_a_file_is_written_anew_or_appended_to(tmp_path):
    path = tmp_path / "file"
    for _ in range(2):
        assert write(path, "one ä\n", "--file") == path
    assert path.read_bytes() == "one ä\n".encode()
    write(path, b"two\n", "--file", append=True)
    assert path.read_text(encoding="utf-8") == "one ä\ntwo\n"


def test_the_folder_of_a_file_is_made_only_if_asked(tmp_path):
    path = tmp_path / "new" / "file"
    with pytest.raises(
        StoreError, match=r"--file: '.*new/file' cannot be written \(No such .*; choose another file"
    ):
        write(path, "one", "--file")
    write(path, "one", "--file", make_folder=True)
    assert path.read_text() == "one"


@pytest.mark.parametrize("append", [False, True])
def test_on_a_full_disk_the_old_file_stays_whole(tmp_path, append):
    path = tmp_path / "page.html"
    path.write_text("old")
    with (
        files_of_at_most(1000),
        pytest.raises(StoreError, match=r"--html: '.*' cannot be written \(File too large"),
    ):
        write(path, "new" * 1000, "--html", append=append)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_target_of_a_link_is_written_and_the_link_stays(tmp_path):
    link = tmp_path / "link"
    link.symlink_to("file")
    write(link, "one ", "--file")
    write(link, "two", "--file", append=True)
    assert link.is_symlink()
    assert (tmp_path / "file").read_text() == "one two"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs POSIX")
def test_a_pipe_is_written_through_and_one_that_nobody_reads_any_more_is_no_error(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = subprocess.Popen(["head", "-c", "3", str(pipe)], stdout=subprocess.PIPE)
    write(pipe, "one" * 100_000, "--html")
    assert reader.communicate()[0] == b"one"
    assert pipe.is_fifo()
    write(Path(os.devnull), "one", "--html", append=True)
    assert Path(os.devnull).is_char_device()


def test_a_file_at_a_remote_address_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        StoreError, match=r"--html: 's3:/bucket/x' is no local path, and only results can be on a "
    ):
        write(Path("s3://bucket/x"), "page", "--html", make_folder=True)
    assert not list(tmp_path.iterdir())
