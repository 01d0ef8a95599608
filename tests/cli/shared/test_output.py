"""Files that options name."""

import pytest

from ablate.cli.shared.output import write
from ablate.errors import StoreError


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
