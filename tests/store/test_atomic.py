import errno
import os
import stat
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
    write_file,
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
    names = {}

    def named(old: Path, new: Path) -> None:
        names[old.name] = new.name
        events.append(f"name {new.name}")
        replace(old, new)

    monkeypatch.setattr(os, "replace", named)
    replace_files({tmp_path / "a": b"1", tmp_path / "b": b"2"})
    assert [f"sync {names[event.removeprefix('sync ')]}" for event in events[:2]] == ["sync a", "sync b"]
    folder = tmp_path.name
    assert events[2:] == ["name a", f"sync {folder}", "name b", f"sync {folder}"]


def test_the_target_of_a_link_is_written_in_its_own_folder_and_the_link_stays(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    target, link, outer = tmp_path / "far" / "target", tmp_path / "link", tmp_path / "outer"
    link.symlink_to("far/target")
    outer.symlink_to(link)
    for content in (b"made by a dangling link", b"replaced"):
        write_file(outer, content)
        assert target.read_bytes() == content
        assert not target.is_symlink()
    assert (os.readlink(link), os.readlink(outer)) == ("far/target", str(link))
    assert names(tmp_path) == {"far", "target", "link", "outer"}


def test_links_that_lead_nowhere_are_an_error_with_a_reason(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "gone").symlink_to("no/such/folder")
    with pytest.raises(OSError, match="Too many levels of symbolic links"):
        write_file(tmp_path / "loop", b"x")
    with pytest.raises(OSError, match="No such file or directory"):
        write_file(tmp_path / "gone", b"x")
    assert names(tmp_path) == {"loop", "gone"}


def test_a_folder_and_a_write_protected_file_are_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(IsADirectoryError):
        write_file(tmp_path, b"x")
    (tmp_path / "kept").write_bytes(b"mine")
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write to any file
    with pytest.raises(PermissionError, match="Permission denied"):
        write_file(tmp_path / "kept", b"x")
    assert (tmp_path / "kept").read_bytes() == b"mine"
    assert names(tmp_path) == {"kept"}


@pytest.mark.parametrize("linked", [False, True])
def test_a_pipe_receives_the_content_and_stays_a_pipe(tmp_path: Path, linked: bool) -> None:
    pipe, path = tmp_path / "pipe", tmp_path / "path"
    os.mkfifo(pipe)
    path.symlink_to(pipe)
    with subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE) as reader:
        write_file(path if linked else pipe, b"x" * 100_000)
        assert reader.communicate(timeout=60)[0] == b"x" * 100_000
    assert stat.S_ISFIFO(pipe.lstat().st_mode)
    assert path.is_symlink()
    assert names(tmp_path) == {"pipe", "path"}


def test_no_pipe_inside_a_results_folder_is_replaced_or_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="it is a pipe, socket or device"):
        replace_files({tmp_path / "pipe": b"x"})
    assert names(tmp_path) == {"pipe"}


@pytest.mark.parametrize("path", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
def test_standard_output_continues_after_what_was_written_to_it_as_a_file(tmp_path: Path, path: str) -> None:
    program = (
        "import sys, pathlib; from ablate.store.atomic import write_file\n"
        "print('before', flush=True); write_file(pathlib.Path(sys.argv[1]), b'content\\n'); print('after')"
    )
    with (tmp_path / "out").open("wb") as out:
        subprocess.run([sys.executable, "-c", program, path], stdout=out, check=True)
    assert (tmp_path / "out").read_text() == "before\ncontent\nafter\n"
    piped = subprocess.run([sys.executable, "-c", program, path], capture_output=True, check=True)
    assert piped.stdout == b"before\ncontent\nafter\n"


def test_a_replaced_file_keeps_its_permissions_and_a_new_one_follows_the_umask(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.touch()
    old.chmod(0o604)
    before = os.umask(0o027)
    try:
        write_file(old, b"x")
        write_file(new, b"x")
    finally:
        os.umask(before)
    assert [stat.S_IMODE(path.stat().st_mode) for path in (old, new)] == [0o604, 0o640]


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
    lock = sys.modules["ablate.store.atomic"].lock_file

    for replaced in (False, True):

        def too_late(file: object, replaced: bool = replaced) -> None:
            path.unlink()
            if replaced:
                path.touch()
            lock(file)

        monkeypatch.setattr("ablate.store.atomic.lock_file", too_late)
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
