"""Layer, RMS and group norm of a stack against their modules in torch.nn, run by run."""

import pytest
import torch

from ablate.experiment.norms import group_count
from ablate.nn.norms import STACKED_NORMS
from tests.nn.one_layer import parameter, plain_step, random, step
from tests.tolerances import ORACLE

RUNS, FEATURES, BATCH = 3, 8, 5
PLAIN = {
    "layer": lambda: torch.nn.LayerNorm(FEATURES, dtype=torch.float64),
    "rms": lambda: torch.nn.RMSNorm(FEATURES, dtype=torch.float64),
    "group": lambda: torch.nn.GroupNorm(group_count(FEATURES), FEATURES, dtype=torch.float64),
}


@pytest.mark.parametrize("name", PLAIN)
def test_values_and_gradients_equal_the_plain_layer_and_inference_equals_training(name):
    names = [key for key, _ in PLAIN[name]().named_parameters()]
    values = {key: random(RUNS, FEATURES, seed=seed) for seed, key in enumerate(names)}
    owned = {key: parameter(value) for key, value in values.items()}
    layer = STACKED_NORMS[name].make(owned)
    z, grad = 3 + 2 * random(RUNS, FEATURES, BATCH, seed=5), random(RUNS, FEATURES, BATCH, seed=6)
    y, z_grad = step(layer, z, grad)
    assert torch.equal(layer.infer(z.clone()), y)
    for run in range(RUNS):
        twin = PLAIN[name]()
        twin.load_state_dict({key: value[run] for key, value in values.items()})
        plain_y, plain_grad = plain_step(twin, z[run].T, grad[run].T)
        torch.testing.assert_close(y[run], plain_y.T, rtol=0, atol=ORACLE)
        torch.testing.assert_close(z_grad[run], plain_grad.T, rtol=0, atol=ORACLE)
        for key, value in twin.named_parameters():
            torch.testing.assert_close(owned[key].grad[run], value.grad, rtol=0, atol=ORACLE)
