import errno
import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from ablate.errors import StoreError
from ablate.store.atomic import (
    explained,
    make_folder,
    only_writer,
    remove_file,
    remove_leftovers,
    replace_files,
)
from tests.store.full_disk import files_of_at_most


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*")}


def test_files_get_their_content_and_replace_what_was_there(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_bytes(b"old and longer than the new one")
    replace_files({first: b"new", second: b""})
    assert first.read_bytes() == b"new"
    assert second.read_bytes() == b""
    assert names(tmp_path) == {"first", "second"}


def test_files_get_their_names_in_the_order_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order = []
    replace = os.replace
    monkeypatch.setattr(os, "replace", lambda old, new: (order.append(new.name), replace(old, new)))
    replace_files({tmp_path / name: b"x" for name in ("z", "a", "m")})
    assert order == ["z", "a", "m"]


def test_a_disk_that_fills_up_at_the_last_file_leaves_the_first_as_it_was(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_bytes(b"old")
    with files_of_at_most(10), pytest.raises(OSError, match="too large"):
        replace_files({first: b"new", second: b"x" * 11})
    assert first.read_bytes() == b"old"
    assert names(tmp_path) == {"first"}


def test_a_file_is_on_the_disk_before_it_gets_its_name_and_its_name_before_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[str] = []
    replace, sync = os.replace, os.fsync

    def synced(descriptor: int) -> None:
        events.append("sync " + Path(os.readlink(f"/proc/self/fd/{descriptor}")).name)
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(
        os, "replace", lambda old, new: (events.append(f"name {new.name}"), replace(old, new))
    )
    replace_files({tmp_path / "a": b"1", tmp_path / "b": b"2"})
    folder = tmp_path.name
    assert events == ["sync .a.tmp", "sync .b.tmp", "name a", f"sync {folder}", "name b", f"sync {folder}"]


@pytest.mark.parametrize(("code", "fails"), [(errno.EINVAL, False), (errno.EIO, True)])
def test_only_a_file_system_that_cannot_sync_folders_is_excused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, fails: bool
) -> None:
    path = tmp_path / "file"
    path.touch()

    def refuse(descriptor: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", refuse)
    if fails:
        with pytest.raises(OSError, match=os.strerror(code)):
            remove_file(path)
    else:
        remove_file(path)
    assert not path.exists()


def test_removing_a_file_that_is_not_there_is_no_error(tmp_path: Path) -> None:
    remove_file(tmp_path / "absent")


def test_leftovers_are_removed_and_nothing_else(tmp_path: Path) -> None:
    for name in (".part.parquet.tmp", ".hidden", "notes.tmp", "part.parquet"):
        (tmp_path / name).touch()
    remove_leftovers(tmp_path)
    assert names(tmp_path) == {".hidden", "notes.tmp", "part.parquet"}


def test_a_folder_that_is_undone_takes_along_the_folders_made_above_it(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    with ExitStack() as undo:
        make_folder(tmp_path / "old" / "new" / "newer", undo)
        assert (tmp_path / "old" / "new" / "newer").is_dir()
    assert names(tmp_path) == {"old"}


def test_a_folder_that_was_there_or_is_no_longer_empty_is_not_undone(tmp_path: Path) -> None:
    with ExitStack() as undo:
        make_folder(tmp_path, undo)
        make_folder(tmp_path / "kept", undo)
        (tmp_path / "kept" / "file").touch()
    assert names(tmp_path) == {"kept", "file"}


def test_no_folder_is_made_in_place_of_a_file_or_below_one(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "below", tmp_path / "file" / "far" / "below"):
        with ExitStack() as undo, pytest.raises((FileExistsError, NotADirectoryError)):
            make_folder(path, undo)
    assert names(tmp_path) == {"file"}


def test_a_lock_is_held_by_one_at_a_time(tmp_path: Path) -> None:
    with only_writer(tmp_path):
        with pytest.raises(StoreError, match="another command"), only_writer(tmp_path):
            pass
        # Trying in vain must not have ended the lock.
        with pytest.raises(StoreError, match="another command"), only_writer(tmp_path):
            pass
    with only_writer(tmp_path):
        pass


def test_a_lock_on_a_file_that_was_deleted_meanwhile_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / ".lock"
    lock = sys.modules["ablate.store.atomic"]._lock

    for replaced in (False, True):

        def too_late(file: object, replaced: bool = replaced) -> None:
            path.unlink()
            if replaced:
                path.touch()
            lock(file)

        monkeypatch.setattr("ablate.store.atomic._lock", too_late)
        with pytest.raises(StoreError, match="another command"), only_writer(tmp_path):
            pass


def test_a_lock_ends_with_a_process_that_is_killed(tmp_path: Path) -> None:
    program = (
        "import sys, pathlib; from ablate.store.atomic import only_writer\n"
        "with only_writer(pathlib.Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(StoreError, match="another command"), only_writer(tmp_path):
            pass
        holder.kill()
        holder.wait()
    with only_writer(tmp_path):
        pass


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "No space left on device"),
        (FileExistsError(errno.EEXIST, "File exists"), "a file is in its place"),
        (OSError("damaged"), "damaged"),
    ],
)
def test_an_error_of_the_system_becomes_a_sentence_with_its_cause_and_the_advice(
    error: OSError, cause: str
) -> None:
    with pytest.raises(StoreError) as caught, explained(Path("x"), "choose another folder"):
        raise error
    assert str(caught.value) == f"-o/--output: 'x' cannot be written ({cause}); choose another folder"
