import math
from dataclasses import replace

import numpy as np
import pytest

from ablate.execution.fake import FakeExecutor
from ablate.execution.retry import train_stacks
from ablate.execution.rows import RowContext, failed_tables, trained_tables
from ablate.experiment.grid import expand, varied
from ablate.experiment.plan import make_plan, sizes_of
from ablate.experiment.spec import build
from ablate.store.schema import CURVES, LAYERS, RUNS
from ablate.training.result import Divergence, LayerValues

EXPERIMENT = build(
    {"activation": "relu,tanh", "dropout": "0.2/0.5", "norm": "batch", "seeds": 2, "epochs": 3}
)
CONTEXT = RowContext("digits", "mlp", varied(EXPERIMENT), EXPERIMENT.split_sizes[0])


@pytest.fixture
def trained():
    plan = make_plan(expand(EXPERIMENT), sizes_of(EXPERIMENT), 1)
    ((stack, result),) = train_stacks(FakeExecutor(sizes_of(EXPERIMENT)), plan.stacks, lambda steps: None)
    return stack, result


def test_a_trained_stack_has_one_row_a_run_and_one_a_run_and_evaluation(trained):
    tables = trained_tables(*trained, CONTEXT)
    assert list(tables["runs"].columns) == RUNS.names
    assert list(tables["curves"].columns) == CURVES.names
    assert len(tables["runs"]) == 4
    assert len(tables["curves"]) == 4 * 4
    assert set(tables["runs"]["variant"]) == {
        "relu norm=batch dropout=0.2/0.5",
        "tanh norm=batch dropout=0.2/0.5",
    }
    assert set(tables["runs"]["steps"]) == {3 * 17}


def test_scores_are_those_of_the_last_and_the_best_evaluation(trained):
    stack, result = trained
    val = np.array([0.1, 0.6, 0.9, 0.8])
    known = {"val_accuracy": np.tile(val[:, None], 4), "train_accuracy": np.full((4, 4), 0.95)}
    result = replace(result, curves={**result.curves, **known})
    rows = trained_tables(stack, result, CONTEXT)["runs"]
    assert rows["val_accuracy"].tolist() == [0.8] * 4
    assert rows["best_val_accuracy"].tolist() == [0.9] * 4
    assert rows["best_epoch"].tolist() == [2.0] * 4
    assert rows["gap_accuracy"].tolist() == pytest.approx([0.15] * 4)
    assert rows["aulc"].tolist() == pytest.approx([(0.35 + 0.75 + 0.85) / 3] * 4)
    np.testing.assert_allclose(
        rows["gap_loss"], result.curves["val_loss"][-1] - result.curves["train_loss"][-1]
    )


def test_a_diverged_run_has_no_scores_and_its_curve_ends_before(trained):
    stack, result = trained
    result = replace(result, divergences=(None, Divergence(34, "training loss nan at step 34"), None, None))
    tables = trained_tables(stack, result, CONTEXT)
    row = tables["runs"].iloc[1]
    assert row["status"] == "diverged"
    assert row["failed_step"] == 34
    assert math.isnan(row["val_accuracy"])
    assert math.isnan(row["aulc"])
    steps = tables["curves"].loc[tables["curves"]["run_id"] == row["run_id"], "step"]
    assert steps.tolist() == [0, 17]
    assert len(tables["curves"]) == 3 * 4 + 2


NAMES = (("hidden.0", "dead_share"), ("hidden.0", "update_ratio"), ("output", "update_ratio"))


def test_layers_have_a_row_a_run_evaluation_layer_and_quantity_and_none_where_there_is_no_value(trained):
    stack, result = trained
    values = np.arange(4 * 3 * 4, dtype=float).reshape(4, 3, 4)
    values[0, 1:] = np.nan  # no step before the first evaluation
    divergences = (None, Divergence(34, "training loss nan at step 34"), None, None)
    layers = trained_tables(
        stack, replace(result, layers=LayerValues(NAMES, values), divergences=divergences), CONTEXT
    )["layers"]
    assert list(layers.columns) == LAYERS.names
    assert len(layers) == 3 * (1 + 3 * 3) + (1 + 3)
    third = layers[layers["run_id"] == stack.runs[2].run_id]
    row = third[(third["step"] == 34) & (third["layer"] == "output")]
    assert row["quantity"].tolist() == ["update_ratio"]
    assert row["value"].tolist() == [values[2, 2, 2]]
    diverged = layers[layers["run_id"] == stack.runs[1].run_id]
    assert set(diverged["step"]) == {0, 17}


def test_without_diagnostics_there_is_no_table_of_layers(trained):
    assert trained_tables(*trained, CONTEXT).keys() == {"runs", "curves"}


def test_a_failed_stack_keeps_its_rows(trained):
    tables = failed_tables(trained[0], "the worker died", CONTEXT)
    assert tables["runs"]["status"].tolist() == ["failed"] * 4
    assert tables["runs"]["message"].tolist() == ["the worker died"] * 4
    assert tables["runs"]["val_accuracy"].isna().all()
    assert tables["curves"].empty


def test_the_share_of_seconds_of_all_runs_is_that_of_the_stack(trained):
    stack, result = trained
    tables = trained_tables(stack, replace(result, seconds=8.0), CONTEXT)
    assert tables["runs"]["seconds"].sum() == pytest.approx(8.0)
