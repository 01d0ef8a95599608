"""A stack trained on small data: scores, padding, divergence, and agreement with an independent loop of plain torch."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats

from ablate.data.order import epoch_order
from ablate.experiment.grid import Run, expand
from ablate.experiment.plan import Stack, make_plan, sizes_of
from ablate.experiment.spec import build
from ablate.nn.members import Member
from ablate.nn.mlp import MLP
from ablate.nn.reference import plain_network
from ablate.training.train import train_stack
from tests.training.curves import assert_same_bits, curves, full_stack

SETTINGS = {"activation": "sigmoid,relu,prelu,mish,gelu", "dropout": "0,0.5", "seeds": "0,5", "epochs": 2}
pytestmark = pytest.mark.usefixtures("as_in_a_worker")


def test_copies_that_fill_a_stack_up_change_nothing_and_are_not_returned(digits):
    experiment = build(SETTINGS | {"norm": "batch", "diagnostics": True})
    full = full_stack(experiment, expand(experiment))
    padded, plain = (train_stack(replace(full, padding=padding), digits) for padding in (12, 0))
    for name, curve in plain.curves.items():
        np.testing.assert_array_equal(padded.curves[name], curve)
    assert padded.parameters == plain.parameters
    assert padded.layers.names == plain.layers.names
    np.testing.assert_array_equal(padded.layers.values, plain.layers.values)


def test_bf16_has_other_bits_and_nearly_the_same_scores(digits):
    experiment = build(SETTINGS | {"norm": "batch", "epochs": 3})
    rounded = build(SETTINGS | {"norm": "batch", "epochs": 3, "precision": "bf16"})
    exact, result = (
        train_stack(full_stack(settings, expand(settings)), digits) for settings in (experiment, rounded)
    )
    difference = np.abs(exact.curves["val_loss"] - result.curves["val_loss"])
    assert 1e-4 < difference.max() < 0.2
    assert np.abs(exact.curves["val_accuracy"][-1] - result.curves["val_accuracy"][-1]).mean() < 0.05
    assert {run.run_id for run in expand(experiment)}.isdisjoint(run.run_id for run in expand(rounded))


def test_a_function_with_tensors_of_its_own_trains(digits, tmp_path, monkeypatch):
    (tmp_path / "swish_of_its_own.py").write_text(
        "import torch\nBETA = torch.tensor(1.0)\ndef swish(z): return z * torch.sigmoid(BETA * z)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    own, ours = (
        train_stack(Stack((_run(activation=name),), 1), digits) for name in ("swish_of_its_own:swish", "silu")
    )
    np.testing.assert_allclose(own.curves["val_loss"], ours.curves["val_loss"], rtol=1e-4)


def _run(**changes) -> Run:
    (run,) = expand(build({"activation": "relu", "norm": "off", "dropout": 0, "seeds": "3-3", "epochs": 3}))
    return run.with_settings(**changes)


def test_a_diverging_run_is_frozen_and_leaves_its_companions_bits_alone(digits):
    healthy = [_run(seed=seed) for seed in (1, 2, 4)]
    # Its twin of the same seed, with another activation, is a sane run of the same stack.
    wild = _run(activation="tests.training.test_train:overflowing", seed=2)
    stack = Stack((*healthy, wild), 1)
    result = train_stack(stack, digits)
    assert result.divergences[:3] == (None, None, None)
    divergence = result.divergences[3]
    assert divergence is not None
    assert 1 <= divergence.step <= result.steps[-1]
    expected = curves(healthy, digits)
    for place, run in enumerate(healthy):
        for name, curve in result.curves.items():
            np.testing.assert_array_equal(curve[:, place], expected[run.run_id][name])


def overflowing(z):
    return 3 * z + 3 * z**5


def test_divergence_is_found_at_the_step_where_the_plain_network_diverges(digits):
    run = _run(activation="tests.training.test_train:overflowing")
    result = train_stack(Stack((run,), 1), digits)
    divergence = result.divergences[0]
    assert divergence is not None
    assert divergence.step == _first_exploded_step(run, digits)
    # With its last run gone a stack stops, at the evaluation that found out.
    assert result.steps[-1] - (len(digits.y_train) // 64) < divergence.step <= result.steps[-1]


def _first_exploded_step(run, digits) -> int:
    """Returns the first step, from 1, whose loss is no number or beyond 1000 ln 10, of plain torch in float32."""
    shape = MLP(64, run.hidden, 10, "off")
    plain = plain_network(shape, Member("identity", (0.0, 0.0), run.seed))
    layers = [layer for layer in plain if isinstance(layer, torch.nn.Linear)]
    optimizer = torch.optim.SGD(plain.parameters(), lr=0.1)
    per_epoch = len(digits.y_train) // 64
    with torch.enable_grad():
        for step in range(3 * per_epoch):
            epoch, batch = divmod(step, per_epoch)
            chosen = epoch_order(run.seed, epoch, len(digits.y_train))[64 * batch : 64 * (batch + 1)]
            hidden = overflowing(layers[1](overflowing(layers[0](digits.x_train[chosen].flatten(1)))))
            loss = torch.nn.functional.cross_entropy(layers[2](hidden), digits.y_train[chosen])
            if not loss.item() <= 1000 * math.log(10):
                return step + 1
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    raise AssertionError("plain torch did not diverge")


def test_scores_are_those_of_the_plain_network_in_eval_mode(digits):
    """Trains the plain network on the same batches and scores it with torch.nn, independent of the stack's scoring."""
    run = _run(norm="batch", dropout=(0.2, 0.5), epochs=1)
    result = train_stack(Stack((run, replace(run, seed=9)), 1), digits)
    with torch.enable_grad():
        network = plain_network(MLP(64, run.hidden, 10, "batch"), Member("relu", run.dropout, run.seed))
        optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
        criterion = torch.nn.CrossEntropyLoss()
        losses = []
        for chosen in epoch_order(run.seed, 0, len(digits.y_train)).split(64):
            if len(chosen) == 64:
                optimizer.zero_grad()
                loss = criterion(network(digits.x_train[chosen].flatten(1)), digits.y_train[chosen])
                loss.backward()
                optimizer.step()
                losses.append(loss.item())
    network.eval()
    probe = digits.train_probe
    for prefix, x, y in [
        ("train", digits.x_train[probe], digits.y_train[probe]),
        ("val", digits.x_val, digits.y_val),
    ]:
        logits = network(x.flatten(1))
        assert result.curves[f"{prefix}_loss"][-1, 0] == pytest.approx(float(criterion(logits, y)), rel=1e-4)
        accuracy = float((logits.argmax(1) == y).double().mean())
        assert result.curves[f"{prefix}_accuracy"][-1, 0] == pytest.approx(accuracy, abs=1.5 / len(y))
    assert result.curves["running_loss"][-1, 0] == pytest.approx(float(np.mean(losses)), rel=1e-4)
    assert math.isnan(result.curves["running_loss"][0, 0])


def test_the_first_evaluation_is_the_untrained_network_and_there_can_be_several_an_epoch(digits):
    result = train_stack(Stack((_run(epochs=2),), 3), digits)
    per_epoch = len(digits.y_train) // 64
    assert result.steps[0] == 0
    assert len(result.steps) == 7
    assert result.steps[-1] == 2 * per_epoch
    assert result.epochs[3] == 1.0
    accuracy = result.curves["val_accuracy"]
    assert accuracy[0, 0] < 0.3 < 0.6 < accuracy[-1, 0]


def test_progress_reports_every_step_once(digits):
    seen = []
    result = train_stack(Stack((_run(),), 2), digits, seen.append)
    assert sum(seen) == result.steps[-1]


def test_the_global_generator_is_neither_read_nor_written(digits):
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = curves([_run(dropout=(0.5, 0.5))], digits)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    assert_same_bits(curves([_run(dropout=(0.5, 0.5))], digits), first)


# Statistical agreement: another loop with other seeds, weights and batches reaches the same scores.
EPOCHS, SEEDS, RATE = 12, 10, 0.5
FUNCTIONS = {"relu": torch.nn.ReLU, "sigmoid": torch.nn.Sigmoid}


@pytest.fixture(scope="module")
def ours(digits):
    """Final validation accuracies of ten seeds, by activation and batch norm."""
    experiment = build(
        {
            "activation": list(FUNCTIONS),
            "dropout": 0,
            "norm": "off,batch",
            "seeds": SEEDS,
            "epochs": EPOCHS,
            "learning_rate": RATE,
        }
    )
    accuracies = {}
    for stack in make_plan(expand(experiment), sizes_of(experiment), 1).stacks:
        result = train_stack(stack, digits)
        for run, accuracy in zip(stack.runs, result.curves["val_accuracy"][-1], strict=True):
            accuracies.setdefault((run.activation, run.norm), []).append(accuracy)
    return accuracies


def _plain_accuracy(function, norm, seed, digits):
    """Trains a network the way a textbook does and returns its validation accuracy."""
    torch.manual_seed(1000 + seed)
    layers = []
    for inputs, outputs in ((64, 100), (100, 50)):
        layers.append(torch.nn.Linear(inputs, outputs))
        if norm:
            layers.append(torch.nn.BatchNorm1d(outputs))
        layers.append(function())
    network = torch.nn.Sequential(*layers, torch.nn.Linear(50, 10))
    optimizer = torch.optim.SGD(network.parameters(), lr=RATE)
    x, y = digits.x_train.flatten(1), digits.y_train
    for _ in range(EPOCHS):
        for chosen in torch.randperm(len(y)).split(64):
            if len(chosen) == 64:
                optimizer.zero_grad()
                torch.nn.functional.cross_entropy(network(x[chosen]), y[chosen]).backward()
                optimizer.step()
    network.eval()
    return float((network(digits.x_val.flatten(1)).argmax(1) == digits.y_val).double().mean())


@pytest.mark.parametrize("norm", ["off", "batch"])
@pytest.mark.parametrize("activation", list(FUNCTIONS))
def test_mean_validation_accuracy_agrees_with_an_independent_loop(ours, digits, activation, norm):
    with torch.enable_grad():
        plain = [
            _plain_accuracy(FUNCTIONS[activation], norm == "batch", seed, digits) for seed in range(SEEDS)
        ]
    assert len(ours[activation, norm]) == SEEDS
    interval = stats.ttest_ind(ours[activation, norm], plain, equal_var=False).confidence_interval(0.99)
    assert interval.low <= 0 <= interval.high
    # An interval that could hold anything would prove nothing.
    assert interval.high - interval.low < 0.06
