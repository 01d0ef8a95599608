"""Tables of made-up runs: what a run holds follows from its id and its version, so any stored part can be checked.

The version of a run is the letters after its first: `a`, `a'` and `a''` are the same run, trained again twice.
"""

from collections.abc import Iterable
from zlib import crc32

import numpy as np
import pandas as pd
import pytest

from ablate.errors import NothingToShow
from ablate.store.parquet import ResultsFolder
from ablate.store.schema import RUNS, SCORES, TABLES
from ablate.store.status import FINISHED
from tests.made_up import DEFAULT_SETTINGS

METADATA = {"torch": "2.11.0", "device": "cpu"}


def number(*parts: object) -> float:
    """Returns a number from 0 to 1 that belongs to these parts alone."""
    return crc32("/".join(map(str, parts)).encode()) / 2**32


def plain(run_id: str) -> str:
    """Returns the id of a run without its version."""
    return run_id.rstrip("'")


def run_row(run_id: str, status: str = FINISHED) -> dict[str, object]:
    names = (*SCORES.names, "best_val_accuracy", "gap_accuracy", "gap_loss", "aulc")
    finished = status == FINISHED
    scores = {name: number(run_id, name) if finished else None for name in names}
    row = DEFAULT_SETTINGS | {
        "run_id": plain(run_id),
        "variant": f"relu norm=off dropout={number(run_id):.1f}",
        "dropout": f"{number(run_id):.1f}",
        "seed": crc32(run_id.encode()),
        "dataset": "digits",
        "model": "mlp",
        "steps": 54,
        "parameters": 12_060,
        "status": status,
        "failed_step": None if finished else 7,
        "message": None if finished else f"loss of {run_id} is not finite",
        **scores,
        "best_epoch": 2.0 if finished else None,
        "seconds": number(run_id, "seconds"),
        "device": "cpu",
        "simulated": False,
    }
    return {name: row[name] for name in RUNS.names}


def curve_rows(run_id: str, evaluations: int = 4) -> list[dict[str, object]]:
    return [
        {
            "run_id": plain(run_id),
            "step": 18 * k,
            "epoch": float(k),
            "running_loss": number(run_id, k) if k else None,
        }
        | {name: number(run_id, k, name) for name in SCORES.names}
        for k in range(evaluations)
    ]


def layer_rows(run_id: str) -> list[dict[str, object]]:
    return [
        {
            "run_id": plain(run_id),
            "step": step,
            "layer": layer,
            "quantity": quantity,
            "value": number(run_id, step, layer),
        }
        for step in (0, 54)
        for layer in ("hidden.0", "hidden.1")
        for quantity in ("dead_share", "gradient_norm")
    ]


def versions(folder: ResultsFolder, legal: Iterable[str] = ("", "'", "''")) -> list[str]:
    """Returns the stored runs with their versions, after a check that each is there once, with just its own rows."""
    stored = list(folder.statuses())
    if not stored:
        for table in TABLES:
            with pytest.raises(NothingToShow):
                folder.read(table)
        return []
    found = rows(folder.read("runs"))
    named = [run_id + age for run_id in stored for age in legal if run_row(run_id + age) in found]
    for table in TABLES:
        assert rows(folder.read(table)) == expected(table, named)
    return named


def tables(run_ids: Iterable[str], status: str = FINISHED) -> dict[str, pd.DataFrame]:
    run_ids = list(run_ids)
    return {
        "runs": pd.DataFrame([run_row(run_id, status) for run_id in run_ids]).astype(
            {"failed_step": "Int64"}
        ),
        "curves": pd.DataFrame([row for run_id in run_ids for row in curve_rows(run_id)]),
        "layers": pd.DataFrame([row for run_id in run_ids for row in layer_rows(run_id)]),
    }


def rows(frame: pd.DataFrame) -> list[dict[str, object]]:
    """Returns the cells of a frame as plain Python values, every kind of missing value as None."""
    filled = [
        {name: None if pd.isna(cell) else cell for name, cell in row.items()}
        for row in frame.to_dict("records")
    ]
    return [
        {name: cell.item() if isinstance(cell, np.generic) else cell for name, cell in row.items()}
        for row in filled
    ]


def expected(table: str, run_ids: Iterable[str], status: str = FINISHED) -> list[dict[str, object]]:
    """Returns the rows that a folder with these runs holds, in the order they are read."""
    make = {"runs": lambda run_id: [run_row(run_id, status)], "curves": curve_rows, "layers": layer_rows}[
        table
    ]
    return [row for run_id in sorted(run_ids) for row in make(run_id)]
