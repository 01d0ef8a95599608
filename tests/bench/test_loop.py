import pytest
import torch
from torch import nn

from ablate.bench.loop import TORCH_OPTIMIZERS, optimizer_of, score, train
from ablate.bench.plain import plain_module
from ablate.experiment.optimizers import OPTIMIZERS
from tests.bench.plain_runs import engine_order, run_of


def test_every_batch_is_a_step_and_scores_are_taken_before_the_first_and_at_each_due_step(digits):
    run = run_of(activation="relu", norm="off")
    data = engine_order(run, digits)  # 17 full batches in an epoch, evaluated twice
    steps = []

    def batches(epoch):
        return [(epoch, index) for index in range(17)]

    optimizer = optimizer_of(run, [torch.zeros(1)], fused=None)
    scores = train(run, data, optimizer, batches, steps.append, lambda: [float(len(steps))])
    assert steps == batches(0) + batches(1)
    assert scores == [[0.0], [8.0], [17.0], [25.0], [34.0]]


@pytest.mark.parametrize("as_tensor", [False, True])
def test_the_learning_rate_of_each_step_follows_the_schedule(digits, as_tensor):
    run = run_of(activation="relu", norm="off", schedule="cosine", learning_rate=0.1)
    data = engine_order(run, digits)
    optimizer = optimizer_of(run, [torch.zeros(1)], fused=None)
    (group,) = optimizer.param_groups
    if as_tensor:  # as a CUDA graph reads it
        group["lr"] = rate = torch.tensor(0.0)
    rates = []
    train(run, data, optimizer, lambda epoch: range(17), lambda batch: rates.append(float(group["lr"])), list)
    steps = torch.arange(34, dtype=torch.float64)
    assert rates == pytest.approx((0.05 * (1 + torch.cos(torch.pi * steps / 34))).tolist(), rel=1e-6)
    if as_tensor:
        assert group["lr"] is rate


def test_there_is_an_optimizer_of_torch_for_every_name():
    assert set(TORCH_OPTIMIZERS) == set(OPTIMIZERS)


def test_scores_are_means_over_all_samples_in_eval_mode(digits):
    run = run_of(activation="relu", norm="batch", dropout=0.5)
    data = engine_order(run, digits)
    network = plain_module(run, data)
    expected = []
    for x, y in data.sets:
        with torch.no_grad():
            logits = network.eval()(x)
        expected += [
            float(nn.functional.cross_entropy(logits, y)),
            float((logits.argmax(1) == y).double().mean()),
        ]
    assert score(network.train(), data, chunk=100) == pytest.approx(expected, rel=1e-5)
    assert network.training


def test_scores_of_an_ensemble_are_means_over_its_members(digits):
    run = run_of(activation="relu", norm="off")
    data = engine_order(run, digits)
    first, second = (plain_module(run_of(activation=name, norm="off"), data) for name in ("relu", "tanh"))
    both = score(first, data, infer=lambda x: torch.stack([first(x), second(x)]))
    means = [(one + other) / 2 for one, other in zip(score(first, data), score(second, data), strict=True)]
    assert both == pytest.approx(means, rel=1e-5)
