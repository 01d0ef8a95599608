"""Every run sees the samples that its seed's order of an epoch names."""

import torch

from ablate.data.order import epoch_order
from ablate.nn.members import Member
from ablate.nn.mlp import MLP
from ablate.nn.stacked import StackedNetwork
from ablate.training.batches import Batches


def _batches(digits, seeds):
    members = [Member("relu", (0.0,), seed) for seed in seeds]
    return Batches(StackedNetwork(MLP(64, (3,), 10, "off"), members), digits, 50)


def test_a_run_sees_the_order_of_its_seed_epoch_by_epoch(digits):
    batches = _batches(digits, (4, 1, 4))
    for step in (0, 1, batches.per_epoch - 1, batches.per_epoch + 2):
        batches.prepare(step)
        x, y = batches.gather()
        epoch, batch = divmod(step, batches.per_epoch)
        for run, seed in enumerate((4, 1, 4)):
            order = epoch_order(seed, epoch, len(digits.y_train))[50 * batch : 50 * (batch + 1)]
            assert torch.equal(x[run], digits.x_train[order].flatten(1))
            assert torch.equal(y[run], digits.y_train[order])


def test_runs_of_one_seed_share_a_batch(digits):
    batches = _batches(digits, (4, 4))
    batches.prepare(0)
    x, y = batches.gather()
    assert (len(x), len(y)) == (1, 1)
