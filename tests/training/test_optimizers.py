"""Optimizers by name, and the schedules of their rates; that they equal torch's own is shown in tests/nn."""

import math
from types import SimpleNamespace

import pytest

from ablate.experiment.optimizers import OPTIMIZERS as FACTS
from ablate.nn.members import Member
from ablate.nn.mlp import MLP
from ablate.nn.stacked import StackedNetwork
from ablate.training.optimizers import OPTIMIZERS, PlainSGD, optimizer_for, rate_factor


def test_every_name_has_a_kernel():
    assert set(OPTIMIZERS) == set(FACTS)


@pytest.mark.parametrize(
    ("momentum", "decay", "is_plain"), [(0.0, 0.0, True), (0.9, 0.0, False), (0.0, 0.1, False)]
)
def test_only_sgd_without_momentum_and_decay_fuses_its_update_into_the_backward_pass(
    momentum, decay, is_plain
):
    network = StackedNetwork(MLP(3, (2,), 2, "off"), [Member("relu", (0.0,), 0)])
    run = SimpleNamespace(optimizer="sgd", momentum=momentum, weight_decay=decay)
    optimizer = optimizer_for(run, network.parameters)
    assert isinstance(optimizer, PlainSGD) == is_plain == (optimizer.negative_rate is not None)


def test_cosine_falls_from_one_to_zero_and_constant_stays():
    assert [rate_factor("constant", step, 8) for step in (0, 7)] == [1, 1]
    factors = [rate_factor("cosine", step, 8) for step in range(9)]
    assert factors[0] == 1
    assert factors[4] == pytest.approx(0.5)
    assert factors[8] == pytest.approx(0, abs=1e-12)
    assert factors[2] == pytest.approx((1 + math.cos(math.pi / 4)) / 2)
