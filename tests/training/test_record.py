"""What is recorded of a stack in training, against the columns that are stored."""

from ablate.data.dataset import load
from ablate.experiment.grid import expand
from ablate.experiment.plan import Stack
from ablate.experiment.spec import build
from ablate.store.schema import CURVES
from ablate.training.train import train_stack


def test_each_score_of_an_evaluation_is_a_column_of_curves_and_no_column_is_missing():
    experiment = build({"activation": "relu", "norm": "off", "dropout": 0, "seeds": 2, "epochs": 1})
    result = train_stack(Stack(expand(experiment), 1), load(experiment))
    assert {"run_id", "step", "epoch", *result.curves} == set(CURVES.names)
    assert {curve.shape for curve in result.curves.values()} == {(2, 2)}
