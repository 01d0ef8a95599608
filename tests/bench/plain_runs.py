"""Runs without dropout that the rivals train on the batches of the engine, so that both must score the same."""

import numpy as np

from ablate.bench.plain_data import PlainData
from ablate.data.order import epoch_order
from ablate.experiment.grid import expand
from ablate.experiment.spec import build

SEED = 0
EPOCHS, EVALS_PER_EPOCH = 2, 2
SETTINGS = [
    {"activation": "relu", "norm": "batch"},
    {"activation": "prelu", "norm": "off", "optimizer": "adam", "learning_rate": 0.01},
    {"activation": "mish", "norm": "batch-post", "momentum": 0.9, "schedule": "cosine"},
    {"activation": "tanh", "norm": "off", "optimizer": "adamw", "learning_rate": 0.01},
    {"activation": "relu", "norm": "batch", "model": "cnn", "channels": "4"},
]


class DataInEngineOrder(PlainData):
    """Data with the order of samples that the engine gives a run of this seed."""

    def order(self, epoch):
        return epoch_order(SEED, epoch, len(self.y))


def run_of(**settings):
    (run,) = expand(build({"dropout": 0, "seeds": 1, "epochs": EPOCHS} | settings))
    return run


def engine_order(run, dataset, device="cpu"):
    return DataInEngineOrder.of(dataset, run, EVALS_PER_EPOCH, device)


def assert_same_scores(scores, expected):
    """Compares tables with a row per evaluation and the columns loss, accuracy, loss, accuracy."""
    scores, expected = np.array(scores), np.array(expected)
    assert scores.shape == expected.shape == (1 + EPOCHS * EVALS_PER_EPOCH, 4)
    losses, accuracies = np.s_[:, ::2], np.s_[:, 1::2]
    np.testing.assert_allclose(scores[losses], expected[losses], rtol=2e-3)
    np.testing.assert_allclose(scores[accuracies], expected[accuracies], atol=0.011)
