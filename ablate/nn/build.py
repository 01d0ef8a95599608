"""Construction of the stacked network of runs, for every model."""

from collections.abc import Sequence

import torch

from ablate.experiment.grid import Run
from ablate.nn.conv.network import ConvNet
from ablate.nn.members import Member
from ablate.nn.mlp import MLP
from ablate.nn.stacked import StackedNetwork


def architecture_of(run: Run, sample: Sequence[int], classes: int) -> MLP | ConvNet:
    """Returns the architecture shared by all runs of a stack, given any run and a sample's shape, channels first."""
    if run.model == "mlp":
        return MLP(torch.Size(sample).numel(), run.hidden, classes, run.norm)
    return ConvNet(run.model, tuple(sample), run.channels, run.hidden, classes, run.norm)


def member_of(run: Run) -> Member:
    """Returns the properties of a run that may differ within its stack."""
    return Member(run.activation, run.dropout, run.seed)


def build_network(
    runs: Sequence[Run],
    sample: Sequence[int],
    classes: int,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
) -> StackedNetwork:
    """Returns the untrained network of runs that differ in activation, dropout and seed only.

    Runs with the same activation must be adjacent. The shape of a sample has the channels first.
    """
    architecture, members = architecture_of(runs[0], sample, classes), [member_of(run) for run in runs]
    return StackedNetwork(architecture, members, dtype, device, runs[0].init, runs[0].precision)
