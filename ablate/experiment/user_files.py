"""Checks of files that a user names: only regular files are opened, and texts have a limited size."""

import errno
import stat
from pathlib import Path

from ablate.experiment.limits import MOST_TEXT_BYTES

_KINDS = {
    stat.S_IFDIR: "it is a folder",
    stat.S_IFIFO: "it is a FIFO",
    stat.S_IFSOCK: "it is a socket",
    stat.S_IFCHR: "it is a device",
    stat.S_IFBLK: "it is a device",
}


def check_is_file(path: Path) -> None:
    """Checks that a path is a regular file or a link to one, so that reading it ends and waits for no other process.

    Raises:
        OSError: The path does not exist, cannot be reached, or is a folder, FIFO, socket or device.
    """
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode):
        kind = _KINDS.get(stat.S_IFMT(mode), "it is not a file")
        raise OSError(errno.EINVAL, f"{kind}; legal are regular files", str(path))


def read_text(path: Path) -> str:
    """Returns the text of a small UTF-8 file, without the byte-order mark that some editors write.

    Raises:
        OSError: The file cannot be read, is not a regular file or is larger than `MOST_TEXT_BYTES`.
        UnicodeDecodeError: The file is not UTF-8.
    """
    check_is_file(path)
    with path.open("rb") as file:
        content = file.read(MOST_TEXT_BYTES + 1)
    if len(content) > MOST_TEXT_BYTES:
        raise OSError(errno.EFBIG, f"it is larger than {MOST_TEXT_BYTES >> 20} MiB", str(path))
    return content.decode("utf-8-sig")
