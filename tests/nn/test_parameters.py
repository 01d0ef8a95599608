"""Declared tensors in one flat buffer: who owns them, in which layout, with which values at the start."""

import pytest
import torch

from ablate.nn.conv.network import ConvNet
from ablate.nn.members import Member
from ablate.nn.mlp import MLP
from ablate.nn.parameters import ALIGNMENT, StackParameters, constant_spec, initial_values
from ablate.nn.stacked import StackedNetwork

MLP_SHAPE = MLP(12, (9, 7), 4, "batch")
NET = ConvNet("cnn", (2, 7, 6), (3, 4), (5,), 3, "batch-post")
MEMBERS = [Member(name, (0.0,) * 3, seed) for name in ("relu", "prelu", "tanh") for seed in (0, 1)]


def test_a_parameter_of_some_runs_has_a_slice_for_each_of_them_and_for_no_other():
    specs = [constant_spec("slope.0", (1,), 0.25, activation="prelu"), constant_spec("scale.0", (3,), 1.0)]
    parameters = StackParameters(specs, MEMBERS, torch.float32, "cpu")
    assert parameters.values["slope.0"].shape == (2, 1)
    assert parameters.values["scale.0"].shape == (6, 3)
    assert [parameters.count(run) for run in range(6)] == [3, 3, 4, 4, 3, 3]
    parameters.values["slope.0"][1] = 7.0
    assert parameters.member_state(3)["slope.0"].tolist() == [7.0]
    assert "slope.0" not in parameters.member_state(4)
    assert StackParameters(specs, MEMBERS[:2], torch.float32, "cpu").values.keys() == {"scale.0"}


@pytest.mark.parametrize("architecture", [MLP_SHAPE, NET])
def test_every_member_starts_with_its_initial_values(architecture):
    parameters = StackedNetwork(architecture, MEMBERS, torch.float64, init="auto-gain").parameters
    for run, member in enumerate(MEMBERS):
        state = parameters.member_state(run)
        for name, value in initial_values(architecture.specs("auto-gain"), member, torch.float64).items():
            assert torch.equal(state[name], value), name


@pytest.mark.parametrize("architecture", [MLP_SHAPE, NET])
def test_every_parameter_is_aligned_and_those_with_a_fused_update_come_first(architecture):
    parameters = StackedNetwork(architecture, MEMBERS).parameters
    starts = {
        name: value.storage_offset() for name, value in parameters.values.items() if name in parameters.grads
    }
    assert all(start % ALIGNMENT == 0 for start in starts.values())
    fused = {name for name, start in starts.items() if start < parameters.fused.stop}
    assert fused == {name for name in starts if name.startswith("linear") and name.endswith("weight")}


def test_a_twin_shares_the_values_and_nothing_else():
    network = StackedNetwork(MLP_SHAPE, MEMBERS)
    twin = network.parameters.twin()
    network.parameters.flat.fill_(3.0)
    assert bool((twin.values["linear.0.weight"] == 3).all())
    twin.grads["linear.0.weight"].fill_(5.0)
    twin.values["norm.0.running_mean"].fill_(5.0)
    assert not network.parameters.flat_grad.any()
    assert not network.parameters.values["norm.0.running_mean"].any()


def test_variants_of_one_seed_start_from_the_same_weights_and_seeds_from_others():
    members = [Member("relu", (0.0, 0.0), 0), Member("tanh", (0.5, 0.5), 0), Member("tanh", (0.5, 0.5), 1)]
    parameters = StackedNetwork(MLP(12, (9, 7), 4, "off"), members).parameters
    first, second, third = (parameters.member_state(run) for run in range(3))
    for name in first:
        assert torch.equal(first[name], second[name])
        assert not torch.equal(first[name], third[name])
