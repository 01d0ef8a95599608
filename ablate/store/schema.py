"""The columns of a results folder, stated once: one Arrow schema a table.

`runs` has one row a run, failures included. `curves` has one row a run and evaluation; the first is the
untrained network. `layers` has one row a run, evaluation, layer and quantity.
"""

import pyarrow as pa

from ablate.experiment.roles import stored_type
from ablate.experiment.spec import COST_FACTORS, FACTORS, Experiment

SCHEMA_VERSION = 3

_ARROW = {int: pa.int64(), float: pa.float64(), str: pa.string()}

# The levels of the factors: numbers as such, all others as the text that `experiment.levels.label` writes.
SETTINGS = pa.schema([(name, _ARROW[stored_type(Experiment.model_fields[name])]) for name in FACTORS])

# Scores of one evaluation: mean cross-entropy in nats, accuracy as a share from 0 to 1, both in eval mode;
# the training scores are taken on a fixed subset of the training data as large as the validation set.
SCORES = pa.schema(
    [
        ("train_loss", pa.float64()),
        ("train_accuracy", pa.float64()),
        ("val_loss", pa.float64()),
        ("val_accuracy", pa.float64()),
    ]
)

RUNS = pa.schema(
    [
        ("run_id", pa.string()),
        ("variant", pa.string()),
        *SETTINGS,
        ("seed", pa.int64()),
        ("dataset", pa.string()),
        ("model", pa.string()),
        ("steps", pa.int64()),  # planned; a diverged run stopped at failed_step
        ("parameters", pa.int64()),  # null if failed
        ("status", pa.string()),
        ("failed_step", pa.int64()),  # null unless diverged
        ("message", pa.string()),  # null unless diverged or failed
        *SCORES,  # of the last evaluation; null unless finished, as is all that follows down to aulc
        ("best_val_accuracy", pa.float64()),
        ("best_epoch", pa.float64()),
        ("gap_accuracy", pa.float64()),  # train - val: positive = overfitting
        ("gap_loss", pa.float64()),  # val - train: positive = overfitting
        ("aulc", pa.float64()),  # mean validation accuracy over the steps
        ("seconds", pa.float64()),  # the run's share of its stack; null if failed
        ("device", pa.string()),  # null if failed
        ("simulated", pa.bool_()),  # made up in closed form by `--executor fake`
    ]
)

CURVES = pa.schema(
    [
        ("run_id", pa.string()),
        ("step", pa.int64()),
        ("epoch", pa.float64()),
        ("running_loss", pa.float64()),  # mean over the steps since the last evaluation, in training mode
        *SCORES,
    ]
)

LAYERS = pa.schema(
    [
        ("run_id", pa.string()),
        ("step", pa.int64()),
        ("layer", pa.string()),
        ("quantity", pa.string()),
        ("value", pa.float64()),
    ]
)

# What one step of one run costs, a row a variant measured: in a stack of its runs alone, median and range of the
# rounds. Not of runs but of the settings that a cost depends on, so it is no part of `TABLES`.
STEP_COSTS = pa.schema(
    [
        *(SETTINGS.field(name) for name in COST_FACTORS),
        ("runs", pa.int64()),  # in the stack
        ("rounds", pa.int64()),
        ("step_seconds", pa.float64()),
        ("step_seconds_low", pa.float64()),
        ("step_seconds_high", pa.float64()),
        ("device", pa.string()),
    ]
)

TABLES = {"runs": RUNS, "curves": CURVES, "layers": LAYERS}

# What tells the rows of a table apart, and the order they are kept in.
KEYS = {
    "runs": ("run_id",),
    "curves": ("run_id", "step"),
    "layers": ("run_id", "step", "layer", "quantity"),
}

# The columns that may be null; NaN is stored as null. All others are always filled.
NULLABLE = frozenset(
    (
        "parameters",
        "failed_step",
        "message",
        *SCORES.names,
        "best_val_accuracy",
        "best_epoch",
        "gap_accuracy",
        "gap_loss",
        "aulc",
        "seconds",
        "device",
        "running_loss",
        "value",
    )
)

# Keys of a part's metadata: what the runs of a grid share (`Run.data`), and the resolved experiment as TOML.
DATA, EXPERIMENT = "data", "experiment"

# What two trainings of the same run may differ in.
TIMING_COLUMNS = ("seconds",)
