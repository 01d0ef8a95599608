"""The normalizations by name: one kernel and one plain twin for each, and what they do to a sample."""

import pytest
import torch

from ablate.experiment.norms import NORM_LEVELS, NORMS, OFF, group_count, is_after_activation
from ablate.nn.conv.norms import CONV_NORMS
from ablate.nn.members import Member
from ablate.nn.mlp import MLP
from ablate.nn.norms import STACKED_NORMS
from ablate.nn.reference import NORM_MODULES
from ablate.nn.stacked import StackedNetwork


def test_every_name_has_its_kernels_and_a_plain_twin():
    assert set(NORMS) == set(STACKED_NORMS) == set(CONV_NORMS) == set(NORM_MODULES)


@pytest.mark.parametrize("name", NORMS)
def test_a_kernel_declares_the_parameters_and_statistics_of_its_plain_twin(name):
    state = NORM_MODULES[name](6, 0).state_dict()
    declared = STACKED_NORMS[name].parameters | STACKED_NORMS[name].statistics
    assert list(declared) == [key for key in state if key != "num_batches_tracked"]
    for key, value in declared.items():
        assert state[key].tolist() == [value] * 6


@pytest.mark.parametrize(
    ("units", "groups"),
    [(1, 1), (2, 1), (3, 1), (4, 2), (7, 1), (16, 8), (50, 5), (100, 5), (128, 8), (22, 2)],
)
def test_groups_are_as_many_as_divide_the_units_up_to_eight_of_two_at_least(units, groups):
    assert group_count(units) == groups


@pytest.mark.parametrize("norm", NORM_LEVELS)
def test_only_batch_norm_before_the_activation_replaces_the_bias(norm):
    names = {spec.name for spec in MLP(4, (3,), 2, norm).specs("torch")}
    assert ("linear.0.bias" in names) == (norm != "batch")
    assert "linear.1.bias" in names


@pytest.mark.parametrize("norm", [level for level in NORM_LEVELS if "batch" not in level and level != OFF])
def test_a_sample_is_normalized_alike_in_any_batch_in_training_and_at_inference(norm):
    generator = torch.Generator().manual_seed(2)
    x, y = torch.randn(1, 8, 4, generator=generator), torch.zeros(1, 8, dtype=torch.int64)
    network = StackedNetwork(MLP(4, (6,), 2, norm), [Member("tanh", (0.0,), 0)])
    network.train_step(x, y)
    z = network.linears[-1].buffers.z
    torch.testing.assert_close(network.logits(x), z)
    torch.testing.assert_close(network.logits(x[:, :3]), z[..., :3])
    assert is_after_activation(norm) == norm.endswith("-post")
