"""The table `step_costs` of a results folder: a Parquet file with the measured time of a training step of each variant.

Variants without a measurement have no row.
"""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pyarrow as pa

from ablate.experiment.spec import COST_FACTORS
from ablate.store import files
from ablate.store.atomic import explained, only_writer, replace_files
from ablate.store.parquet import ResultsFolder
from ablate.store.parts import to_pandas
from ablate.store.schema import STEP_COSTS

_FILE = "step_costs.parquet"
_REMEDY = "delete it and measure again with `ablate bench --per-variant`"


def read_step_costs(folder: Path) -> pd.DataFrame | None:
    """Returns the stored step costs, or None if no step costs were measured.

    The function raises the errors of `files.read`.
    """
    try:
        return to_pandas(files.read(folder / _FILE, STEP_COSTS, _REMEDY))
    except FileNotFoundError:
        return None


def write_step_costs(folder: Path, costs: pd.DataFrame, metadata: Mapping[str, str], data: str) -> None:
    """Stores step costs in an existing results folder. Either all step costs are stored or none.

    `costs` has the columns of `STEP_COSTS` and one row per variant. Each row replaces the stored row of its variant, if
    any. `metadata` describes the environment of this measurement and replaces the metadata of earlier measurements.
    `data` is the value of the attribute `Run.data` of the measured runs.

    Raises:
        ValueError: A column is missing or has another type, or two rows have the same variant.
        StoreError: Another command is writing to the folder, its runs have other data, or a file cannot be written or
            read.
    """
    keys = list(COST_FACTORS)
    if costs.duplicated(keys).any():
        raise ValueError("step_costs: two rows of the same variant")
    with explained(folder / _FILE), only_writer(folder):
        ResultsFolder(folder).ensure_same_data(data)
        if (stored := read_step_costs(folder)) is not None:
            costs = pd.concat([stored, costs]).drop_duplicates(keys, keep="last")
        try:
            table = pa.Table.from_pandas(costs[STEP_COSTS.names], schema=STEP_COSTS, preserve_index=False)
        except (KeyError, pa.ArrowException) as error:
            raise ValueError(f"step_costs: {error}") from error
        table = table.sort_by([(key, "ascending") for key in keys])
        replace_files({folder / _FILE: files.encode(files.with_metadata(table, metadata))})
