"""Exit codes of forks of this process: each must be 0, also after the interpreter has exited with all its threads.

`python -m tests.campaigns.exits commands --count 3000` runs a small grid of made-up training in each fork.
`python -m tests.campaigns.exits reads --count 3000` only reads a stored part in each fork and exits at once. Of 400
such forks, 28 ended with SIGABRT when threads of Arrow read the file.
"""

import argparse
import os
import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path

from ablate.store.parquet import ResultsFolder
from tests.campaigns.kills import load_modules

GRID = ["--activation", "relu", "--norm", "off", "--dropout", "0", "--seeds", "2", "--epochs", "2"]


def fork(count: int) -> Counter[int] | None:
    """Returns how many forks ended with each code, or None in a fork."""
    codes = Counter[int]()
    for _ in range(count):
        pid = os.fork()
        if pid == 0:
            for stream in (1, 2):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
            return None
        codes[os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])] += 1
        if codes.total() % 100 == 0:
            print(dict(codes), flush=True)
    return codes


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=["commands", "reads"])
    parser.add_argument("--count", type=int, default=3000)
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp())
    load_modules(folder / "results")
    found = fork(given.count)
    if found is not None:
        shutil.rmtree(folder)
        # With no failure in n forks, the rate is below 3/n at 95 %.
        print(dict(found), f"rate below {3 / given.count:.2%}" if set(found) == {0} else "")
        sys.exit(set(found) != {0})
    if given.kind == "reads":
        ResultsFolder(folder / "results").statuses()
        sys.exit()
    sys.argv = ["ablate", "run", *GRID, "--executor", "fake", "--force", "-o", str(folder / "new")]
    from ablate.cli.main import main

    main()
