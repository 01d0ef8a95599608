"""Batch norm of a stack against torch.nn.BatchNorm1d, run by run."""

import torch

from ablate.nn.batch_norm import StackedBatchNorm
from tests.nn.one_layer import parameter, plain_step, random, step
from tests.tolerances import ORACLE

RUNS, FEATURES, BATCH = 3, 4, 6
NAMES = ("weight", "bias", "running_mean", "running_var")


def _pair():
    """Returns a layer and one plain twin per run, with the same values."""
    values = {name: random(RUNS, FEATURES, seed=seed) for seed, name in enumerate(NAMES)}
    values["running_var"].abs_()
    twins = []
    for run in range(RUNS):
        twins.append(torch.nn.BatchNorm1d(FEATURES, dtype=torch.float64))
        twins[-1].load_state_dict({name: value[run] for name, value in values.items()}, strict=False)
    owned = {name: parameter(value) for name, value in values.items()}
    return StackedBatchNorm(owned), owned, twins


def _assert_close(actual, expected):
    torch.testing.assert_close(actual, expected, rtol=0, atol=ORACLE)


def test_training_equals_the_plain_layer_in_values_gradients_and_running_statistics():
    layer, owned, twins = _pair()
    for seed in (10, 20):
        z = 3 + 2 * random(RUNS, FEATURES, BATCH, seed=seed)
        grad = random(RUNS, FEATURES, BATCH, seed=seed + 1)
        y, z_grad = step(layer, z, grad)
        mean, variance = layer.batch_statistics()
        for run, twin in enumerate(twins):
            twin.zero_grad()
            plain_y, plain_grad = plain_step(twin, z[run].T, grad[run].T)
            _assert_close(y[run], plain_y.T)
            _assert_close(z_grad[run], plain_grad.T)
            _assert_close(owned["weight"].grad[run], twin.weight.grad)
            _assert_close(owned["bias"].grad[run], twin.bias.grad)
            _assert_close(owned["running_mean"].value[run], twin.running_mean)
            _assert_close(owned["running_var"].value[run], twin.running_var)
            _assert_close(mean[run], z[run].mean(1))
            _assert_close(variance[run], z[run].var(1))


def test_inference_uses_the_running_averages_and_leaves_them_unchanged():
    layer, owned, twins = _pair()
    before = owned["running_mean"].value.clone(), owned["running_var"].value.clone()
    z = random(RUNS, FEATURES, BATCH, seed=3)
    y = layer.infer(z.clone())
    for run, twin in enumerate(twins):
        _assert_close(y[run], twin.eval()(z[run].T).detach().T)
    assert torch.equal(owned["running_mean"].value, before[0])
    assert torch.equal(owned["running_var"].value, before[1])
