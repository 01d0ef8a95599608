"""The columns of a results folder: one Arrow schema per table.

A schema states the type of each column and whether its values may be null. The table `runs` has one row per run,
including diverged and failed runs. The table `curves` has one row per run and evaluation; the first evaluation of a run
scores the untrained network. The table `layers` has one row per run, evaluation, layer and quantity.
"""

import pyarrow as pa

from ablate.experiment.roles import stored_type
from ablate.experiment.spec import COST_FACTORS, FACTORS, Experiment

SCHEMA_VERSION = 3

TEXT, WHOLE, REAL, TRUTH = pa.string(), pa.int64(), pa.float64(), pa.bool_()


def _filled(**types: pa.DataType) -> list[pa.Field]:
    """Returns columns that are never null."""
    return [pa.field(name, kind, nullable=False) for name, kind in types.items()]


def _optional(**types: pa.DataType) -> list[pa.Field]:
    """Returns columns whose values may be null. NaN is stored as null."""
    return [pa.field(name, kind) for name, kind in types.items()]


_ARROW = {int: WHOLE, float: REAL, str: TEXT}

# The column types of the levels of factors, in the form that `Run.settings_as_stored` returns.
_TYPES = {name: _ARROW[stored_type(Experiment.model_fields[name])] for name in FACTORS}
SETTINGS = pa.schema(_filled(**_TYPES))

# Scores of one evaluation in eval mode: loss is the mean cross-entropy in nats, accuracy is a share from 0 to 1.
# Training scores are computed on a fixed subset of the training data with the size of the validation set.
SCORES = pa.schema(_optional(train_loss=REAL, train_accuracy=REAL, val_loss=REAL, val_accuracy=REAL))

RUNS = pa.schema(
    [
        *_filled(run_id=TEXT, variant=TEXT),
        *SETTINGS,
        *_filled(seed=WHOLE, dataset=TEXT, model=TEXT, steps=WHOLE),  # planned number of steps
        *_optional(parameters=WHOLE),  # null if failed
        *_filled(status=TEXT),
        *_optional(failed_step=WHOLE),  # step at which a diverged run stopped; null unless diverged
        *_optional(message=TEXT),  # null unless diverged or failed
        *SCORES,  # scores of the last evaluation; all columns from here to aulc are null unless finished
        *_optional(best_val_accuracy=REAL, best_epoch=REAL),
        *_optional(gap_accuracy=REAL, gap_loss=REAL),  # train - val, val - train: positive = overfitting
        *_optional(aulc=REAL),  # mean validation accuracy over the steps
        *_optional(seconds=REAL, device=TEXT),  # the run's share of its stack's time; both null if failed
        *_filled(simulated=TRUTH),  # computed in closed form by `--executor fake`, without training
    ]
)

CURVES = pa.schema(
    [
        *_filled(run_id=TEXT, step=WHOLE, epoch=REAL),
        *_optional(running_loss=REAL),  # mean loss in training mode since the last evaluation
        *SCORES,
    ]
)

LAYERS = pa.schema([*_filled(run_id=TEXT, step=WHOLE, layer=TEXT, quantity=TEXT), *_optional(value=REAL)])

# Step costs: the time of one training step of one run, as median and range over rounds of measurement, measured on a
# stack of runs of a single variant. The table has one row per variant. It is not in `TABLES`, because a step cost
# belongs to settings and not to a run.
STEP_COSTS = pa.schema(
    [
        *(SETTINGS.field(name) for name in COST_FACTORS),
        *_filled(runs=WHOLE),  # number of runs in the stack
        *_filled(rounds=WHOLE, step_seconds=REAL, step_seconds_low=REAL, step_seconds_high=REAL, device=TEXT),
    ]
)

TABLES = {"runs": RUNS, "curves": CURVES, "layers": LAYERS}

# The key columns of each table. The key columns identify a row, and rows are sorted by the key columns.
KEYS = {"runs": ("run_id",), "curves": ("run_id", "step"), "layers": ("run_id", "step", "layer", "quantity")}

# Keys of the metadata of stored runs: `DATA` holds the values that all runs of a grid share (`Run.data`), and
# `EXPERIMENT` holds the experiment as TOML.
DATA, EXPERIMENT = "data", "experiment"
