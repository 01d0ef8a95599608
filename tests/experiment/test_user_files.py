import os

import pytest

from ablate.experiment.user_files import check_is_file, read_text


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no FIFOs")
def test_a_fifo_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(OSError, match="it is a FIFO; legal are regular files"):
        check_is_file(tmp_path / "fifo")


def test_a_folder_and_a_device_are_no_files(tmp_path):
    with pytest.raises(OSError, match="it is a folder"):
        read_text(tmp_path)
    if os.path.exists("/dev/zero"):
        (tmp_path / "link").symlink_to("/dev/zero")
        with pytest.raises(OSError, match="it is a device"):
            read_text(tmp_path / "link")


def test_a_text_is_read_up_to_a_mebibyte(tmp_path):
    (tmp_path / "a").write_text("x" * (1 << 20))
    assert len(read_text(tmp_path / "a")) == 1 << 20
    (tmp_path / "a").write_text("x" * ((1 << 20) + 1))
    with pytest.raises(OSError, match="it is larger than 1 MiB"):
        read_text(tmp_path / "a")
