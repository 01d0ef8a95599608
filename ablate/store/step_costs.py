"""The table `step_costs` of a results folder: one Parquet file, one row a variant whose step has been measured."""

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from ablate.errors import StoreError
from ablate.experiment.spec import COST_FACTORS
from ablate.store import parts
from ablate.store.atomic import exclusive, replace_files
from ablate.store.schema import SCHEMA_VERSION, STEP_COSTS

_FILE, _LOCK = "step_costs.parquet", ".lock"
_VERSION = "schema_version"
_AGAIN = "delete it and measure again with `ablate bench --per-variant`"


def read_step_costs(folder: Path) -> pd.DataFrame | None:
    """Returns the step costs stored in a results folder, None where none were measured.

    Raises:
        StoreError: The file cannot be read, is torn or foreign, or of another schema version.
    """
    path = folder / _FILE
    try:
        with path.open("rb") as file, pq.ParquetFile(file, page_checksum_verification=True) as parquet:
            table = parquet.read(use_threads=False)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        # Arrow reports damaged pages as an OSError too, but one that bears no errno.
        reason = error.strerror or str(error)
        raise StoreError(f"{str(path)!r} cannot be read ({reason}); {_AGAIN}") from error
    except pa.ArrowException as error:
        raise StoreError(f"{str(path)!r} is torn or no Parquet file ({error}); {_AGAIN}") from error
    if parts.metadata_of(table).get(_VERSION) != str(SCHEMA_VERSION) or not table.schema.equals(STEP_COSTS):
        raise StoreError(f"{str(path)!r} has not the columns of schema version {SCHEMA_VERSION}; {_AGAIN}")
    return parts.to_pandas(table)


def write_step_costs(folder: Path, costs: pd.DataFrame, metadata: Mapping[str, str]) -> None:
    """Stores step costs in a results folder, in place of those it held of the same variants; whole or not at all.

    Args:
        folder: A results folder that is there.
        costs: Columns of `STEP_COSTS`, one row a variant.
        metadata: What they were measured with and on, of the last measurement.

    Raises:
        ValueError: A column is missing or of another kind, or two rows are of the same variant.
        StoreError: The folder is being written by another command, or cannot be written, or what it holds cannot be
            read.
    """
    keys = list(COST_FACTORS)
    if costs.duplicated(keys).any():
        raise ValueError("step_costs: two rows of the same variant")
    try:
        with ExitStack() as held:
            held.enter_context(exclusive(folder / _LOCK))
            before = read_step_costs(folder)
            if before is not None:
                costs = pd.concat([before, costs]).drop_duplicates(keys, keep="last")
            table = pa.Table.from_pandas(costs[STEP_COSTS.names], schema=STEP_COSTS, preserve_index=False)
            table = table.sort_by([(key, "ascending") for key in keys])
            replace_files({folder / _FILE: parts.encode(parts.with_metadata(table, metadata))})
    except BlockingIOError:
        raise StoreError(f"-o/--output: another command is writing {str(folder)!r}; let it end") from None
    except OSError as error:
        raise StoreError(
            f"-o/--output: {str(folder / _FILE)!r} cannot be written ({error.strerror})"
        ) from error
    except (KeyError, pa.ArrowException) as error:
        raise ValueError(f"step_costs: {error}") from error
