"""Results that the command line names: by a local path, or by an address on a remote store, as `s3://bucket/grid`."""

import tempfile
from pathlib import Path

from ablate.cli.shared.stderr import say
from ablate.execution.scratch import holding, scratch_folder
from ablate.store.objects import is_remote
from ablate.store.remote import Remote, local_copy


def results_path(text: str) -> Path:
    """Returns the path of results to read. Remote results are copied, and changes of the copy are not repeated there.

    Raises:
        StoreError: The remote store cannot be reached.
    """
    return _path(text, is_repeated=False)


def output_path(text: str) -> Path:
    """Returns the path of results to write. Remote results are copied, and each change of the copy is repeated there.

    Raises:
        StoreError: The remote store cannot be reached.
    """
    return _path(text, is_repeated=True)


def _path(text: str, is_repeated: bool) -> Path:
    if not is_remote(text):
        return Path(text)
    remote = Remote(text)
    with holding(remote.address):
        return local_copy(remote, Path(tempfile.mkdtemp(dir=scratch_folder())), say if is_repeated else None)
