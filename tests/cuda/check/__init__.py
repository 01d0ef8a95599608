"""Checks of the CUDA path on a real GPU: what it computes, how fast it is, and where the time goes.

From the root of the repository, on a machine with one NVIDIA GPU:

    python -m tests.cuda.check correctness --output DIR
    python -m tests.cuda.check speed --output DIR
    python -m tests.cuda.check profile --output DIR

Each stage takes less than four minutes; `all` runs the three in turn. A check that fails, crashes or takes too long is
reported, and the next one starts. DIR then holds what was printed (STAGE.txt) and the same for programs (STAGE.jsonl,
one finding per line). The exit code is 1 if a check failed.

The packages of pyproject.toml have to be importable; the project itself need not be installed. Where packages are
missing and there is no index, `--wheels FOLDER` installs the wheels of a folder into DIR/site first.

`--dry-run` runs the same code on the CPU at tiny sizes, in seconds. Its times mean nothing; it shows that the checks
still fit the code. Triton kernels then run in Triton's interpreter.
"""
