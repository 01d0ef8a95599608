"""Training that is interrupted and goes on from its checkpoint gives the bits of undisturbed training."""

from itertools import islice

import numpy as np
import pytest

from ablate.experiment.grid import expand
from ablate.experiment.plan import Stack
from ablate.experiment.spec import build
from ablate.store.checkpoints import Checkpoint
from ablate.training.checkpoint import Checkpointing, identity
from ablate.training.train import finish, train_stack, training

CASES = {
    "sgd, batch norm, dropout": {"norm": "batch", "dropout": "0.2,0.5"},
    "momentum and decay": {"momentum": "0.9", "weight_decay": "0.01"},
    "adam, cosine": {"optimizer": "adam", "schedule": "cosine"},
    "adamw, bfloat16, parameters of activations": {
        "optimizer": "adamw",
        "precision": "bf16",
        "activation": "prelu,relu",
    },
    "layer norm, several evaluations per epoch": {"norm": "layer", "evals_per_epoch": 3},
    "diagnostics": {"norm": "batch", "diagnostics": True},
    "a run that diverges": {"activation": "relu,sigmoid", "learning_rate": "300"},
    "convolutions": {
        "model": "cnn",
        "norm": "batch",
        "dropout": "0.2",
        "channels": "2/4",
        "epochs": 3,
        "batch_size": 256,
    },
}


def _stack(settings):
    experiment = build(
        {"activation": "relu,gelu", "norm": "off", "dropout": "0", "seeds": 2, "epochs": 4} | settings
    )
    return Stack(expand(experiment), experiment.evals_per_epoch, padding=1)


def _interrupted(stack, digits, folder, evaluations):
    """Trains a stack until so many evaluations have passed, with a checkpoint after each."""
    checkpoint = Checkpoint.of(folder, [run.run_id for run in stack.runs])
    begun = training(stack, digits, Checkpointing(checkpoint, identity(stack, "cpu", "mkl"), seconds=-1.0))
    assert len(list(islice(begun, evaluations + 2))) == evaluations + 2  # the start, and the one after it
    begun.close()
    return checkpoint


def _assert_same(found, wanted):
    assert found.divergences == wanted.divergences
    np.testing.assert_array_equal(found.steps, wanted.steps)
    for name, curve in wanted.curves.items():
        np.testing.assert_array_equal(found.curves[name], curve)
    if wanted.layers:
        assert found.layers.names == wanted.layers.names
        np.testing.assert_array_equal(found.layers.values, wanted.layers.values)


@pytest.mark.parametrize("settings", CASES.values(), ids=CASES)
def test_a_stack_that_goes_on_from_its_checkpoint_has_the_same_bits(settings, digits, tmp_path):
    stack = _stack(settings)
    wanted = train_stack(stack, digits)
    checkpoint = _interrupted(stack, digits, tmp_path, 1)
    steps = []
    going_on = Checkpointing(checkpoint, identity(stack, "cpu", "mkl"))
    _assert_same(finish(training(stack, digits, going_on), steps.append), wanted)
    assert steps[0] == wanted.steps[1]
    assert sum(steps) == wanted.steps[-1]


def _going_on(stack, digits, checkpoint, **other):
    """Returns the number of steps that a stack need not train again."""
    known = identity(stack, "cpu", "mkl") | other
    return next(training(stack, digits, Checkpointing(checkpoint, known)))


def test_a_checkpoint_of_other_settings_or_of_other_data_is_not_used(digits, tmp_path):
    stack = _stack({})
    checkpoint = _interrupted(stack, digits, tmp_path, 1)
    assert _going_on(stack, digits, checkpoint) > 0
    assert _going_on(stack, digits, checkpoint, torch="2.0") == 0
    arrays, facts = checkpoint.read()
    arrays["score val_loss"][0] += 1e-9  # of the untrained network
    checkpoint.write(arrays, facts)
    assert _going_on(stack, digits, checkpoint) == 0


@pytest.mark.parametrize("change", ["shape", "type", "missing", "more", "steps"])
def test_a_checkpoint_with_other_tensors_is_not_used(change, digits, tmp_path):
    stack = _stack({})
    checkpoint = _interrupted(stack, digits, tmp_path, 1)
    arrays, facts = checkpoint.read()
    match change:
        case "shape":
            arrays["parameters"] = arrays["parameters"][:-1]
        case "type":
            arrays["parameters"] = arrays["parameters"].astype(np.float64)
        case "missing":
            del arrays["score val_loss"]
        case "more":
            arrays["optimizer means"] = arrays["parameters"]
        case "steps":
            facts["steps"][-1] += 1
    checkpoint.write(arrays, facts)
    assert _going_on(stack, digits, checkpoint) == 0


def test_a_damaged_checkpoint_is_not_used(digits, tmp_path):
    stack = _stack({})
    checkpoint = _interrupted(stack, digits, tmp_path, 1)
    content = bytearray(checkpoint.path.read_bytes())
    content[-100] ^= 1
    checkpoint.path.write_bytes(content)
    assert _going_on(stack, digits, checkpoint) == 0


def test_training_goes_on_without_a_checkpoint_if_none_can_be_written(digits, tmp_path):
    stack = _stack({})
    (tmp_path / "file").write_text("")
    checkpointing = Checkpointing(Checkpoint(tmp_path / "file" / "x"), identity(stack, "cpu", "mkl"), -1.0)
    _assert_same(
        finish(training(stack, digits, checkpointing), lambda steps: None), train_stack(stack, digits)
    )
