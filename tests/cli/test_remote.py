"""Results on S3, on a server of moto that can fail, and on another store that pyarrow reaches."""

import json
from pathlib import Path
from unittest.mock import Mock

import boto3
import pyarrow.fs
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from pyarrow.fs import FSSpecHandler, PyFileSystem

from ablate.cli.shared.places import results_path
from tests.campaigns.remote_kills import campaign
from tests.cli.faulty_s3 import FAULTS, SETTINGS, FaultyS3

FEW = ["--activation", "relu,tanh", "--dropout", "0", "--norm", "off", "--epochs", "2", "--executor", "fake"]
GRID = [*FEW, "--seeds", "2"]


@pytest.fixture(scope="module")
def server():
    server = FaultyS3()
    yield server
    server.stop()


@pytest.fixture
def s3(server, monkeypatch, request):
    """A client of an empty bucket, which is named `bucket`."""
    for name, value in (SETTINGS | {"AWS_ENDPOINT_URL": server.address}).items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3")
    client.create_bucket(Bucket="bucket")
    yield client
    server.fails, server.victim = False, None
    for key in keys(client):
        client.delete_object(Bucket="bucket", Key=key)
    client.delete_bucket(Bucket="bucket")
    client.close()


def keys(s3):
    return {entry["Key"] for entry in s3.list_objects_v2(Bucket="bucket").get("Contents", ())}


def results(folder):
    """The names of the files of a results folder, without its lock."""
    return {path.relative_to(folder).as_posix() for path in Path(folder).rglob("*.*")} - {".lock"}


def test_a_grid_is_trained_resumed_forced_and_judged_on_s3_where_one_request_in_ten_fails(ablate, s3, server):
    server.fails = True
    remote, few = "s3://bucket/far/grid", [*FEW, "--seeds", "1"]
    local = ablate("run", *GRID, "-o", "local")
    assert ablate("run", *few, "-o", remote)[0] == 0
    assert ablate("run", *GRID, "-o", remote)[:2] == local[:2]
    code, _, err = ablate("run", *GRID, "-o", remote)
    assert (code, err.count(f"Nothing to train: {remote} holds all of this grid, 4 runs.")) == (0, 1)
    assert ablate("run", *GRID, "-o", remote, "--force")[:2] == local[:2]
    assert keys(s3) == {f"far/grid/{name}" for name in results("local")}
    assert ablate("plan", *GRID, "-o", remote)[1] == ablate("plan", *GRID, "-o", "local")[1].replace(
        "local", remote
    )
    assert ablate("merge", remote, "-o", "s3://bucket/all")[0] == 0
    assert ablate("report", "s3://bucket/all") == ablate("report", "local")
    assert server.failed > 2 * len(FAULTS)


def test_a_baseline_on_s3_is_made_and_found(ablate, s3):
    ablate("run", *FEW, "--seeds", "6", "-o", "s3://bucket/grid")
    base = "s3://bucket/base.parquet"
    code, _, err = ablate("gate", base, "s3://bucket/grid")
    assert (code, err.count(base), err.count("s3://bucket/grid")) == (5, 2, 1)
    assert ablate("gate", base, "s3://bucket/grid", "--missing-baseline", "create")[0] == 0
    code, _, err = ablate("baseline", "s3://bucket/grid", "-o", "s3://bucket/other.parquet")
    assert (code, err.count("Wrote s3://bucket/other.parquet")) == (0, 1)
    assert {"base.parquet", "other.parquet"} < keys(s3)
    assert ablate("gate", base, "s3://bucket/grid")[0] == 0


def test_what_is_made_of_results_on_s3_has_their_name(s3):
    s3.put_object(Bucket="bucket", Key="far/grid/experiment.toml", Body=b"")
    for address in ("s3://bucket/far/grid", "s3://bucket/far/grid/"):
        assert results_path(address).name == "grid"


def test_one_of_two_writers_is_refused_and_told_how_a_lock_is_removed(ablate, s3):
    held = json.dumps({"holder": "node7:42", "time": 0, "token": "x"}).encode()
    s3.put_object(Bucket="bucket", Key="grid/.lock", Body=held)
    code, _, err = ablate("run", *GRID, "-o", "s3://bucket/grid")
    assert code == 2
    assert "another command (node7:42, which last gave a sign of life" in err
    assert "delete 's3://bucket/grid/.lock' if it has been killed" in err
    assert keys(s3) == {"grid/.lock"}
    s3.put_object(Bucket="bucket", Key="grid/.lock", Body=b"torn")
    assert "another command (unknown) is writing" in ablate("run", *GRID, "-o", "s3://bucket/grid")[2]
    s3.delete_object(Bucket="bucket", Key="grid/.lock")
    assert ablate("run", *GRID, "-o", "s3://bucket/grid")[0] == 0
    assert "grid/.lock" not in keys(s3)
    code, _, err = ablate("run", *GRID, "--split-seed", "1", "-o", "s3://bucket/grid")
    assert code == 2
    assert "'s3://bucket/grid' holds runs of split_seed 0 and not 1" in err


def test_a_killed_command_loses_nothing_on_s3(s3, server):
    assert campaign(server, [12]) == 1


def test_only_results_are_copied_from_a_bucket(ablate, s3):
    for key in ("/etc/x", "../x", "runs/../../x", "runs/..", "a/b", "runs/", "big.bin"):
        s3.put_object(Bucket="bucket", Key=f"grid/{key}", Body=b"foreign")
    code, _, err = ablate("report", "s3://bucket/grid")
    assert (code, err.count("\n")) == (5, 1)
    assert "holds no runs" in err or "there is nothing" in err
    assert ablate("run", *GRID, "-o", "s3://bucket/grid")[0] == 0
    assert s3.get_object(Bucket="bucket", Key="grid/big.bin")["Body"].read() == b"foreign"


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("s4://x/y", "is not an address that results can have; give a local path, s3://BUCKET/NAME"),
        ("s3://", "is not an address"),
        ("s3://x/\x1b[31m", "'s3://x/\\x1b[31m' is not an address"),
        ("s3://bucket/../x", "is not an address"),
        ("file:///tmp/x", "is not an address"),
        ("s3://no-such-bucket/x", "cannot be reached or used (An error occurred (NoSuchBucket)"),
        ("s3://No Bucket/x", "cannot be reached or used (Parameter validation failed"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused_by_a_sentence(ablate, s3, address, says):
    for command in (["report", address], ["run", *GRID, "-o", address], ["gate", address, "x"]):
        code, _, err = ablate(*command)
        assert (code, err.count("\n")) == (2, 1)
        assert says in err
    assert not any(Path().iterdir())


def test_another_store_of_pyarrow_holds_results_without_a_lock(ablate, monkeypatch):
    memory = MemoryFileSystem()
    store = PyFileSystem(FSSpecHandler(memory))
    monkeypatch.setattr(
        pyarrow.fs, "FileSystem", Mock(from_uri=lambda uri: (store, uri[4:].partition("?")[0]))
    )
    code, out, err = ablate("run", *GRID, "-o", "gs://b/grid")
    assert code == 0
    assert err.count("gs://b/grid cannot be locked: make sure that no other command writes it") == 1
    names = set(memory.find("/b/grid"))
    assert len(names) == 4
    assert ablate("run", *GRID, "-o", "gs://b/grid", "--force")[:2] == (0, out)
    assert "nothing to train" in ablate("plan", *GRID, "-o", "gs://b/grid")[1]
    assert set(memory.find("/b/grid")) == names


def test_a_store_that_pyarrow_was_built_without_is_a_sentence(ablate, monkeypatch):
    def refuse(uri):
        raise pyarrow.ArrowNotImplementedError("Got GCS URI but Arrow compiled without GCS support")

    monkeypatch.setattr(pyarrow.fs, "FileSystem", Mock(from_uri=refuse))
    code, _, err = ablate("report", "gs://b/grid")
    assert (code, err.count("\n")) == (2, 1)
    assert "'gs://b/grid' cannot be reached or used (Got GCS URI but" in err
