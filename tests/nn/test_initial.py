"""Initial weights: torch's pinned, kaiming and auto-gain by value, all scaled from the same uniforms."""

import math
from hashlib import blake2b

import pytest
import torch

from ablate.experiment.norms import NORM_LEVELS, OFF, is_after_activation
from ablate.nn.gains import gain
from ablate.nn.members import Member
from ablate.nn.mlp import MLP
from ablate.nn.parameters import initial_values
from ablate.nn.stacked import StackedNetwork

SHAPE = MLP(40, (30, 20), 5, "off")


def _values(init="torch", activation="relu", shape=SHAPE, seed=0):
    return initial_values(shape.specs(init), Member(activation, (), seed), torch.float64)


def test_torchs_initial_weights_are_pinned():
    """To change them is to change every result."""
    content = b"".join(value.numpy().tobytes() for value in _values().values())
    assert blake2b(content, digest_size=8).hexdigest() == PINNED


PINNED = "9eb3f54002903bb1"


def test_weights_are_the_same_uniforms_scaled_and_biases_zero():
    plain, kaiming, auto = _values(), _values("kaiming", "sigmoid"), _values("auto-gain", "sigmoid")
    for layer in range(3):
        weight, bias = f"linear.{layer}.weight", f"linear.{layer}.bias"
        torch.testing.assert_close(kaiming[weight], plain[weight] * math.sqrt(6), rtol=1e-12, atol=1e-15)
        scale = math.sqrt(3) * (gain("sigmoid") if layer else 1)
        torch.testing.assert_close(auto[weight], plain[weight] * scale, rtol=1e-12, atol=1e-15)
        assert not kaiming[bias].any()
        assert not auto[bias].any()
        assert plain[bias].all()


def test_initial_weights_are_distributed_as_in_torch():
    ours = _values(shape=MLP(400, (300,), 10, "off"))["linear.0.weight"]
    bound = 1 / 400**0.5
    assert float(ours.abs().max()) <= bound
    assert float(ours.std()) == pytest.approx(bound / 3**0.5, rel=0.01)
    assert float(torch.nn.Linear(400, 300).weight.detach().std()) == pytest.approx(
        float(ours.std()), rel=0.01
    )


def test_kaiming_is_torchs_kaiming_uniform_in_distribution():
    ours = _values("kaiming", shape=MLP(400, (300,), 10, "off"))["linear.0.weight"]
    theirs = torch.empty(300, 400)
    torch.nn.init.kaiming_uniform_(theirs, nonlinearity="relu", generator=torch.Generator().manual_seed(0))
    assert float(ours.std()) == pytest.approx(float(theirs.std()), rel=0.01)
    assert float(ours.abs().max()) == pytest.approx(math.sqrt(6 / 400), rel=0.001)


@pytest.mark.parametrize("activation", ["sigmoid", "relu", "gelu", "softsign", "elu"])
@pytest.mark.parametrize(
    "norm", [level for level in NORM_LEVELS if level == OFF or is_after_activation(level)]
)
def test_auto_gain_keeps_pre_activations_at_a_variance_of_one_in_every_layer(activation, norm):
    shape = MLP(500, (500,) * 6, 10, norm)
    members = [Member(activation, (0.0,) * 6, 0)]
    network = StackedNetwork(shape, members, torch.float64, init="auto-gain")
    x = torch.randn(1, 400, 500, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    network.train_step(x, torch.zeros(1, 400, dtype=torch.int64))
    for linear in network.linears[:-1]:
        bias = 0.0 if linear.bias is None else linear.bias.value.unsqueeze(2)
        z = linear.weight.value @ linear.buffers.x + bias
        assert float(z.square().mean()) == pytest.approx(1, rel=0.2)


def test_a_stack_gives_each_member_its_own_gain():
    members = [Member(name, (0.0, 0.0), 0) for name in ("sigmoid", "relu")]
    network = StackedNetwork(SHAPE, members, torch.float64, init="auto-gain")
    for run, member in enumerate(members):
        expected = _values("auto-gain", member.activation)
        for name, value in network.parameters.member_state(run).items():
            assert torch.equal(value, expected[name])
