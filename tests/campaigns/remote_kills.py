"""Kills `ablate run --force` while it writes to S3, gives the command again, and compares what is stored.

`python -m tests.campaigns.remote_kills --count 70` kills the command after each of its first 70 requests to write. One
request in ten fails besides. After each kill, all runs are stored with their bits; after the next command, which is
given when the lock has been deleted, no leftover is there either.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

import boto3
import pandas as pd

from ablate.store.parquet import ResultsFolder
from ablate.store.remote import Remote, local_copy
from ablate.store.schema import TABLES
from tests.cli.faulty_s3 import SETTINGS, FaultyS3
from tests.cli.grids import FAKE, start_run

ADDRESS = "s3://kills/far/grid"
OPTIONS = [*FAKE, "--norm", "off"]


def campaign(server: FaultyS3, counts: Iterable[int]) -> int:
    """Kills the command once after each number of requests, and returns how many commands were killed."""
    client = boto3.client("s3")
    client.create_bucket(Bucket="kills")
    end(start_run(ADDRESS, *OPTIONS))
    wanted, killed = stored(), 0
    for count in counts:
        process = start_run(ADDRESS, *OPTIONS, "--force")
        server.fails = True
        server.kill(process, count)
        _, err = process.communicate()
        server.victim, server.fails = None, False
        assert process.returncode in (0, -9), err
        killed += process.returncode == -9
        assert all(stored()[table].equals(wanted[table]) for table in TABLES), count
        client.delete_object(Bucket="kills", Key="far/grid/.lock")
        end(start_run(ADDRESS, *OPTIONS))
        assert all(stored()[table].equals(wanted[table]) for table in TABLES), count
        assert not [key for key in keys(client) if "/." in key], count
    client.close()
    return killed


def stored() -> dict[str, pd.DataFrame]:
    """Returns the tables of the results on S3."""
    with tempfile.TemporaryDirectory() as folder:
        copy = ResultsFolder(local_copy(Remote(ADDRESS), Path(folder), None))
        return {table: copy.read(table) for table in TABLES}


def keys(client) -> set[str]:
    return {entry["Key"] for entry in client.list_objects_v2(Bucket="kills")["Contents"]}


def end(process: "subprocess.Popen[str]") -> None:
    _, err = process.communicate()
    assert process.returncode == 0, err


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=70)
    parser.add_argument("--first", type=int, default=1)
    arguments = parser.parse_args()
    server = FaultyS3()
    os.environ.update(SETTINGS, AWS_ENDPOINT_URL=server.address)
    counts = range(arguments.first, arguments.first + arguments.count)
    killed = campaign(server, counts)
    server.stop()
    sys.exit(print(f"{killed} of {arguments.count} commands were killed; nothing was lost"))
