"""Construction of the stacked network that trains several runs together, for every kind of model."""

from collections.abc import Sequence

import torch

from ablate.experiment.grid import Run
from ablate.nn.conv.network import ConvNet
from ablate.nn.members import Member
from ablate.nn.mlp import MLP
from ablate.nn.stacked import StackedNetwork


def architecture_of(run: Run, sample: Sequence[int], classes: int) -> MLP | ConvNet:
    """Returns the architecture that all runs of a stack share, given any one of these runs.

    `sample` is the shape of one sample, with the channels first.
    """
    if run.model == "mlp":
        return MLP(torch.Size(sample).numel(), run.hidden, classes, run.norm)
    return ConvNet(run.model, tuple(sample), run.channels, run.hidden, classes, run.norm)


def member_of(run: Run) -> Member:
    """Returns the properties in which a run may differ from the other runs of its stack."""
    return Member(run.activation, run.dropout, run.seed)


def build_network(
    runs: Sequence[Run],
    sample: Sequence[int],
    classes: int,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
) -> StackedNetwork:
    """Returns an untrained stacked network for runs that differ only in activation, dropout and seed.

    Runs with the same activation must be adjacent. `sample` is the shape of one sample, with the channels first.
    """
    architecture, members = architecture_of(runs[0], sample, classes), [member_of(run) for run in runs]
    return StackedNetwork(architecture, members, dtype, device, runs[0].init, runs[0].precision)
