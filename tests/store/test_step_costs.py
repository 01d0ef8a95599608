import pandas as pd
import pyarrow.parquet as pq
import pytest

from ablate.errors import StoreError
from ablate.store.atomic import only_writer
from ablate.store.schema import STEP_COSTS
from ablate.store.step_costs import read_step_costs, write_step_costs
from tests.made_up import DEFAULT_SETTINGS

METADATA = {"torch": "2.15.0"}


def costs(*rows):
    """Returns the costs of variants given as activation, dropout and seconds."""
    shared = DEFAULT_SETTINGS | {"runs": 5, "rounds": 3, "device": "cpu"}
    return pd.DataFrame(
        [
            shared
            | {"activation": activation, "dropout": dropout, "variant": f"{activation} {dropout}"}
            | {"step_seconds": seconds, "step_seconds_low": seconds / 2, "step_seconds_high": seconds * 2}
            for activation, dropout, seconds in rows
        ]
    )


def test_costs_come_back_as_they_were_stored(tmp_path):
    given = costs(("relu", "0", 1e-5), ("mish", "0.2/0.5", 3e-5))
    write_step_costs(tmp_path, given, METADATA, "{}")
    back = read_step_costs(tmp_path)
    expected = given[STEP_COSTS.names].iloc[[1, 0]].reset_index(drop=True)
    pd.testing.assert_frame_equal(back, expected, check_dtype=False)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", "step_costs.parquet"]
    assert pq.read_schema(tmp_path / "step_costs.parquet").metadata[b"ablate.torch"] == b"2.15.0"


def test_a_variant_measured_again_replaces_what_was_and_leaves_the_others(tmp_path):
    write_step_costs(tmp_path, costs(("relu", "0", 1.0), ("mish", "0", 2.0)), METADATA, "{}")
    write_step_costs(tmp_path, costs(("mish", "0", 5.0), ("tanh", "0", 3.0)), METADATA, "{}")
    found = read_step_costs(tmp_path)
    assert dict(zip(found["activation"], found["step_seconds"], strict=True)) == {
        "mish": 5,
        "relu": 1,
        "tanh": 3,
    }


def test_nothing_was_measured_where_there_is_no_file(tmp_path):
    assert read_step_costs(tmp_path) is None
    assert read_step_costs(tmp_path / "nowhere") is None


def test_the_same_variant_twice_or_a_missing_column_is_a_mistake_and_stores_nothing(tmp_path):
    with pytest.raises(ValueError, match="two rows of the same variant"):
        write_step_costs(tmp_path, costs(("relu", "0", 1.0), ("relu", "0", 2.0)), METADATA, "{}")
    with pytest.raises(ValueError, match="runs"):
        write_step_costs(tmp_path, costs(("relu", "0", 1.0)).drop(columns="runs"), METADATA, "{}")
    assert read_step_costs(tmp_path) is None


def test_a_torn_or_foreign_file_is_explained(tmp_path):
    write_step_costs(tmp_path, costs(("relu", "0", 1.0)), METADATA, "{}")
    path = tmp_path / "step_costs.parquet"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(StoreError, match="measure again with `ablate bench --per-variant`"):
        read_step_costs(tmp_path)
    pd.DataFrame({"a": [1]}).to_parquet(path)
    with pytest.raises(StoreError, match=r"was not written by ablate; delete it and measure again"):
        read_step_costs(tmp_path)


def test_a_folder_has_one_writer(tmp_path):
    with only_writer(tmp_path), pytest.raises(StoreError, match="another command is writing"):
        write_step_costs(tmp_path, costs(("relu", "0", 1.0)), METADATA, "{}")
    with pytest.raises(StoreError, match="cannot be written"):
        write_step_costs(tmp_path / "nowhere", costs(("relu", "0", 1.0)), METADATA, "{}")
