"""The table `step_costs` of a results folder: one Parquet file, one row per variant whose step has been measured."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pyarrow as pa

from ablate.experiment.spec import COST_FACTORS
from ablate.store import files
from ablate.store.atomic import explained, only_writer, replace_files
from ablate.store.parts import to_pandas
from ablate.store.schema import STEP_COSTS

_FILE = "step_costs.parquet"
_REMEDY = "delete it and measure again with `ablate bench --per-variant`"


def read_step_costs(folder: Path) -> pd.DataFrame | None:
    """Returns the step costs stored in a results folder, None if none were measured; raises as `files.read`."""
    try:
        return to_pandas(files.read(folder / _FILE, STEP_COSTS, _REMEDY))
    except FileNotFoundError:
        return None


def write_step_costs(folder: Path, costs: pd.DataFrame, metadata: Mapping[str, str]) -> None:
    """Stores step costs in an existing results folder, all or none.

    `costs` has the columns of `STEP_COSTS` and one row per variant, which replaces the row stored for that variant. The
    metadata, the environment of this measurement, replace those of earlier ones.

    Raises:
        ValueError: A column is missing or of another type, or two rows are of the same variant.
        StoreError: Another command is writing the folder, it cannot be written, or the stored file cannot be read.
    """
    keys = list(COST_FACTORS)
    if costs.duplicated(keys).any():
        raise ValueError("step_costs: two rows of the same variant")
    with explained(folder / _FILE), only_writer(folder):
        if (stored := read_step_costs(folder)) is not None:
            costs = pd.concat([stored, costs]).drop_duplicates(keys, keep="last")
        try:
            table = pa.Table.from_pandas(costs[STEP_COSTS.names], schema=STEP_COSTS, preserve_index=False)
        except (KeyError, pa.ArrowException) as error:
            raise ValueError(f"step_costs: {error}") from error
        table = table.sort_by([(key, "ascending") for key in keys])
        replace_files({folder / _FILE: files.encode(files.with_metadata(table, metadata))})
