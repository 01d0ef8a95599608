"""Local copies of remote results, on a store that is a dict."""

import sys

import pytest

from ablate.errors import StoreError
from ablate.store import objects, remote
from ablate.store.atomic import only_writer, replace_files
from ablate.store.remote import Remote, local_copy, with_addresses


class Dict(dict):
    """A store that can ignore the condition of a request, and that can change after it was listed."""

    changes, ignores_condition = (), False

    def versions(self):
        found = {name: str(content) for name, content in self.items()}
        for name, content in self.changes[:1]:
            self.changes = self.changes[1:]
            self.put(name, content)
        return found

    def read(self, name):
        try:
            return self[name]
        except KeyError:
            raise FileNotFoundError from None

    def put(self, name, content):
        self[name] = content

    def put_new(self, name, content):
        is_new = name not in self or self.ignores_condition
        if is_new:
            self[name] = content
        return is_new

    def delete(self, name):
        self.pop(name, None)


@pytest.fixture
def store(monkeypatch):
    store = Dict({"experiment.toml": b"1"})
    monkeypatch.setattr(remote, "objects_at", lambda address: store)
    return store


def test_a_copy_is_of_one_moment_although_a_command_writes(store, tmp_path):
    store.changes = (("runs/part-a.parquet", b"2"), ("experiment.toml", b"3"))
    path = local_copy(Remote("s3://b/grid"), tmp_path, None)
    assert (path / "experiment.toml").read_bytes() == b"3"
    assert (path / "runs/part-a.parquet").read_bytes() == b"2"


def test_a_copy_to_read_changes_nothing_there_and_a_copy_to_write_does(store, tmp_path):
    for name, tell, wanted in (("read", None, b"1"), ("write", print, b"new")):
        (tmp_path / name).mkdir()
        path = local_copy(Remote("s3://b/grid"), tmp_path / name, tell)
        with only_writer(path):
            replace_files({path / "experiment.toml": b"new"})
            assert (".lock" in store) == (tell is not None)
        assert store == {"experiment.toml": wanted}
    assert with_addresses(f"at {path}/x") == "at s3://b/grid/x"


def test_what_another_command_wrote_since_the_copy_is_not_overwritten(store, tmp_path):
    path = local_copy(Remote("s3://b/grid"), tmp_path, print)
    store["runs/part-a.parquet"] = b"2"
    with (
        pytest.raises(StoreError, match=r"another command has written 's3://b/grid' since"),
        only_writer(path),
    ):
        pass
    assert ".lock" not in store


def test_a_store_that_ignores_the_condition_is_said_to_have_no_lock(store, tmp_path):
    store.ignores_condition = True
    told = []
    path = local_copy(Remote("s3://b/grid"), tmp_path, told.append)
    with only_writer(path):
        assert ".lock" not in store
    assert told == ["s3://b/grid cannot be locked: make sure that no other command writes it"]


def test_a_lock_whose_first_answer_was_lost_is_ones_own(store, tmp_path, monkeypatch):
    path = local_copy(Remote("s3://b/grid"), tmp_path, print)
    monkeypatch.setattr(store, "put_new", lambda name, content: store.put(name, content) or False)
    with only_writer(path):
        assert ".lock" in store
    assert ".lock" not in store


def test_s3_without_boto3_is_a_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(StoreError, match=r"'s3://b/grid' needs boto3: pip install 'ablate-grid\[s3\]'"):
        objects.objects_at("s3://b/grid")
