"""A stack trained on small data: companions, divergence, scores."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from ablate.data.dataset import load
from ablate.data.order import epoch_order
from ablate.experiment.grid import Run, expand
from ablate.experiment.plan import Stack, make_plan, sizes_of
from ablate.experiment.spec import build
from ablate.nn.members import Member, Shape
from ablate.nn.reference import plain_network
from ablate.training.backend import prepare_process
from ablate.training.gemm import GEMMS, SINGLE_ERROR, error, for_run, use
from ablate.training.train import train_stack

SETTINGS = {"activation": "sigmoid,relu,prelu,mish,gelu", "dropout": "0,0.5", "seeds": "0,5", "epochs": 2}


@pytest.fixture(scope="module", autouse=True)
def _as_in_a_worker():
    prepare_process()
    yield
    torch.set_flush_denormal(False)
    torch.set_grad_enabled(True)


@pytest.fixture(params=[gemm for gemm in GEMMS if error(gemm) < SINGLE_ERROR])
def library(request):
    """Each library that multiplies in float32 here."""
    before = torch.backends.mkldnn.matmul.fp32_precision
    yield request.param
    torch.backends.mkldnn.matmul.fp32_precision = before


@pytest.fixture(scope="module")
def dataset():
    return load(build({}))


def _curves(runs, dataset) -> dict[str, dict[str, np.ndarray]]:
    """Trains runs as one stack and returns the curves of each by its id."""
    result = train_stack(Stack(tuple(runs), 1), dataset)
    return {
        run.run_id: {name: curve[:, place] for name, curve in result.curves.items()} | {"steps": result.steps}
        for place, run in enumerate(runs)
    }


def _assert_same_bits(found, expected):
    for run_id, curves in found.items():
        for name, values in curves.items():
            np.testing.assert_array_equal(values, expected[run_id][name], err_msg=f"{name} of {run_id}")


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("norm", ["off", "batch", "batch-post"])
@pytest.mark.parametrize("batch_size", [64, 50])
def test_a_run_has_the_same_bits_alone_in_a_part_and_in_the_full_stack(
    dataset, library, norm, optimizer, batch_size
):
    use(library)
    experiment = build(SETTINGS | {"norm": norm, "optimizer": optimizer, "batch_size": batch_size})
    (full,) = make_plan(expand(experiment), sizes_of(experiment), 1).stacks
    expected = _curves(full.runs, dataset)
    assert len(expected) == 20
    _assert_same_bits(_curves(full.runs[3:4], dataset), expected)
    _assert_same_bits(_curves(full.runs[-1:], dataset), expected)
    _assert_same_bits(_curves(full.runs[1::3], dataset), expected)
    by_activation = {run.activation: None for run in reversed(full.runs)}
    backwards = [run for name in by_activation for run in reversed(full.runs) if run.activation == name]
    _assert_same_bits(_curves(backwards, dataset), expected)


def test_copies_that_fill_a_stack_up_change_nothing_and_are_not_returned(dataset):
    experiment = build(SETTINGS | {"norm": "batch", "diagnostics": True})
    (full,) = make_plan(expand(experiment), sizes_of(experiment), 1).stacks
    padded, plain = (train_stack(replace(full, padding=padding), dataset) for padding in (12, 0))
    for name, curve in plain.curves.items():
        np.testing.assert_array_equal(padded.curves[name], curve)
    assert padded.parameters == plain.parameters
    assert padded.layers.values.shape == plain.layers.values.shape


def test_bf16_rounds_products_and_trains_all_the_same(dataset):
    experiment = build(SETTINGS | {"norm": "batch", "epochs": 3})
    rounded = build(SETTINGS | {"norm": "batch", "epochs": 3, "precision": "bf16"})
    results = []
    for each in (experiment, rounded):
        (stack,) = make_plan(expand(each), sizes_of(each), 1).stacks
        results.append(train_stack(stack, dataset))
    exact, result = results
    difference = np.abs(exact.curves["val_loss"] - result.curves["val_loss"])
    assert 1e-4 < difference.max() < 0.2
    assert np.abs(exact.curves["val_accuracy"][-1] - result.curves["val_accuracy"][-1]).mean() < 0.05
    assert {run.run_id for run in expand(experiment)}.isdisjoint(run.run_id for run in expand(rounded))


def test_cosine_momentum_and_weight_decay_keep_bits_too(dataset):
    experiment = build(
        SETTINGS | {"schedule": "cosine", "momentum": 0.9, "weight_decay": 0.01, "norm": "batch"}
    )
    (full,) = make_plan(expand(experiment), sizes_of(experiment), 1).stacks
    _assert_same_bits(_curves(full.runs[2:5], dataset), _curves(full.runs, dataset))


@pytest.mark.parametrize("hidden", ["1", "5", "100/1/100"])
def test_narrow_hidden_layers_keep_bits_too(dataset, library, hidden):
    experiment = build(SETTINGS | {"hidden": hidden, "norm": "off", "batch_size": 64, "dropout": 0})
    (full,) = make_plan(expand(experiment), sizes_of(experiment), 1).stacks
    use(for_run(library, full.runs[0], (1, 8, 8), 10))
    _assert_same_bits(_curves(full.runs[4:5], dataset), _curves(full.runs, dataset))


@pytest.mark.parametrize("hidden", ["10/3", "7", "33/17"])
def test_slices_that_begin_anywhere_in_memory_keep_bits_too(dataset, library, hidden):
    experiment = build(SETTINGS | {"hidden": hidden, "norm": "batch-post", "batch_size": 33, "momentum": 0.9})
    (full,) = make_plan(expand(experiment), sizes_of(experiment), 1).stacks
    use(for_run(library, full.runs[0], (1, 8, 8), 10))
    expected = _curves(full.runs, dataset)
    for run in full.runs[::3]:
        _assert_same_bits(_curves([run], dataset), expected)


def test_a_function_with_tensors_of_its_own_trains(dataset, tmp_path, monkeypatch):
    (tmp_path / "swish_of_its_own.py").write_text(
        "import torch\nBETA = torch.tensor(1.0)\ndef swish(z): return z * torch.sigmoid(BETA * z)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    own, ours = (
        train_stack(Stack((_run(activation=name),), 1), dataset)
        for name in ("swish_of_its_own:swish", "silu")
    )
    np.testing.assert_allclose(own.curves["val_loss"], ours.curves["val_loss"], rtol=1e-4)


def _run(**changes) -> Run:
    (run,) = expand(build({"activation": "relu", "norm": "off", "dropout": 0, "seeds": "3-3", "epochs": 3}))
    return run.with_settings(**changes)


def test_a_diverging_run_is_frozen_and_leaves_its_companions_bits_alone(dataset):
    healthy = [_run(seed=seed) for seed in (1, 2, 4)]
    # Its twin of the same seed, with another activation, is a sane run of the same stack.
    wild = _run(activation="tests.training.test_train:overflowing", seed=2)
    stack = Stack((*healthy, wild), 1)
    result = train_stack(stack, dataset)
    assert result.divergences[:3] == (None, None, None)
    divergence = result.divergences[3]
    assert divergence is not None
    assert 1 <= divergence.step <= result.steps[-1]
    expected = _curves(healthy, dataset)
    for place, run in enumerate(healthy):
        for name, curve in result.curves.items():
            np.testing.assert_array_equal(curve[:, place], expected[run.run_id][name])


def overflowing(z):
    return 3 * z + 3 * z**5


def test_divergence_is_found_at_the_step_where_the_plain_network_diverges(dataset):
    run = _run(activation="tests.training.test_train:overflowing")
    result = train_stack(Stack((run,), 1), dataset)
    divergence = result.divergences[0]
    assert divergence is not None
    assert divergence.step == _first_exploded_step(run, dataset)
    # With its last run gone a stack stops, at the evaluation that found out.
    assert result.steps[-1] - (len(dataset.y_train) // 64) < divergence.step <= result.steps[-1]


def _first_exploded_step(run, dataset) -> int:
    """Returns the first step, from 1, whose loss is no number or beyond 1000 ln 10, of plain torch in float32."""
    shape = Shape(64, run.hidden, 10, "off")
    plain = plain_network(shape, Member("identity", (0.0, 0.0), run.seed))
    layers = [layer for layer in plain if isinstance(layer, torch.nn.Linear)]
    optimizer = torch.optim.SGD(plain.parameters(), lr=0.1)
    per_epoch = len(dataset.y_train) // 64
    with torch.enable_grad():
        for step in range(3 * per_epoch):
            epoch, batch = divmod(step, per_epoch)
            chosen = epoch_order(run.seed, epoch, len(dataset.y_train))[64 * batch : 64 * (batch + 1)]
            hidden = overflowing(layers[1](overflowing(layers[0](dataset.x_train[chosen].flatten(1)))))
            loss = torch.nn.functional.cross_entropy(layers[2](hidden), dataset.y_train[chosen])
            if not loss.item() <= 1000 * math.log(10):
                return step + 1
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    raise AssertionError("plain torch did not diverge")


def test_scores_are_those_of_the_plain_network_in_eval_mode(dataset):
    """Trains the plain network on the same batches and scores it with torch.nn, independent of the stack's scoring."""
    run = _run(norm="batch", dropout=(0.2, 0.5), epochs=1)
    result = train_stack(Stack((run, replace(run, seed=9)), 1), dataset)
    with torch.enable_grad():
        network = plain_network(Shape(64, run.hidden, 10, "batch"), Member("relu", run.dropout, run.seed))
        optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
        criterion = torch.nn.CrossEntropyLoss()
        losses = []
        for chosen in epoch_order(run.seed, 0, len(dataset.y_train)).split(64):
            if len(chosen) == 64:
                optimizer.zero_grad()
                loss = criterion(network(dataset.x_train[chosen].flatten(1)), dataset.y_train[chosen])
                loss.backward()
                optimizer.step()
                losses.append(loss.item())
    network.eval()
    probe = dataset.train_probe
    for prefix, x, y in [
        ("train", dataset.x_train[probe], dataset.y_train[probe]),
        ("val", dataset.x_val, dataset.y_val),
    ]:
        logits = network(x.flatten(1))
        assert result.curves[f"{prefix}_loss"][-1, 0] == pytest.approx(float(criterion(logits, y)), rel=1e-4)
        accuracy = float((logits.argmax(1) == y).double().mean())
        assert result.curves[f"{prefix}_accuracy"][-1, 0] == pytest.approx(accuracy, abs=1.5 / len(y))
    assert result.curves["running_loss"][-1, 0] == pytest.approx(float(np.mean(losses)), rel=1e-4)
    assert math.isnan(result.curves["running_loss"][0, 0])


def test_the_first_evaluation_is_the_untrained_network_and_there_can_be_several_an_epoch(dataset):
    result = train_stack(Stack((_run(epochs=2),), 3), dataset)
    per_epoch = len(dataset.y_train) // 64
    assert result.steps[0] == 0
    assert len(result.steps) == 7
    assert result.steps[-1] == 2 * per_epoch
    assert result.epochs[3] == 1.0
    accuracy = result.curves["val_accuracy"]
    assert accuracy[0, 0] < 0.3 < 0.6 < accuracy[-1, 0]


def test_progress_reports_every_step_once(dataset):
    seen = []
    result = train_stack(Stack((_run(),), 2), dataset, seen.append)
    assert sum(seen) == result.steps[-1]


def test_the_global_generator_is_neither_read_nor_written(dataset):
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = _curves([_run(dropout=(0.5, 0.5))], dataset)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    _assert_same_bits(_curves([_run(dropout=(0.5, 0.5))], dataset), first)
