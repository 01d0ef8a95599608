"""The largest sizes of a grid. They are checked by arithmetic, before the runs of the grid are listed.

Sizes below these limits can still be too large for the memory or the time that is available.
"""

MOST_RUNS = 1_000_000  # of a grid, and of a search for learning rates
MOST_SEEDS = 1_000_000
MOST_LAYERS = 1_000  # values of one level: hidden layers, blocks or dropout rates
MOST_UNITS = 1_000_000  # units of a hidden layer or channels of a block
MOST_EPOCHS = 100_000
MOST_BATCH = 1_000_000_000  # samples
MOST_EVALUATIONS = 100_000  # of one run
MOST_ROWS = 100_000_000  # evaluations of all runs
MOST_SHARDS = 10_000
MOST_TEXT_BYTES = 1 << 20  # of an experiment.toml

SUMMARY = (
    f"Limits: {MOST_RUNS:,} runs and {MOST_ROWS:,} evaluations per grid, {MOST_SEEDS:,} seeds; {MOST_EPOCHS:,} epochs "
    f"and {MOST_EVALUATIONS:,} evaluations per run; {MOST_LAYERS:,} layers of {MOST_UNITS:,} units or channels; "
    f"{MOST_TEXT_BYTES >> 20} MiB of EXPERIMENT.toml."
)
