import numpy as np
import pytest
import torch

from ablate.data.dataset import load
from ablate.experiment.plan import Stack
from ablate.experiment.spec import build
from ablate.training.train import train_stack
from tests.bench.plain_runs import EVALS_PER_EPOCH, SETTINGS, run_of


@pytest.fixture(scope="session")
def digits():
    return load(build({}))


@pytest.fixture
def gradients():
    with torch.enable_grad():
        yield


@pytest.fixture(
    scope="session",
    params=SETTINGS,
    ids=lambda settings: f"{settings.get('model', 'mlp')} {settings['activation']}",
)
def trained_by_the_engine(request, digits):
    """A run and the engine's scores of it, in the layout of `loop.score`."""
    run = run_of(**request.param)
    with torch.no_grad():
        result = train_stack(Stack((run,), EVALS_PER_EPOCH), digits)
    names = ("train_loss", "train_accuracy", "val_loss", "val_accuracy")
    return run, np.stack([result.curves[name][:, 0] for name in names], axis=1)
