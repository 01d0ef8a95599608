import pytest
import torch

from ablate.data.dataset import load
from ablate.experiment.spec import build
from ablate.training.backend import prepare_process


@pytest.fixture
def as_in_a_worker():
    prepare_process()
    yield
    torch.set_flush_denormal(False)
    torch.set_grad_enabled(True)


@pytest.fixture(scope="session")
def digits():
    return load(build({}))
