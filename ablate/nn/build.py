"""The stacked network of runs, for every model."""

from collections.abc import Sequence

import torch

from ablate.experiment.grid import Run
from ablate.experiment.spec import Init, Precision
from ablate.nn.conv.network import ConvNet
from ablate.nn.members import Member
from ablate.nn.mlp import MLP
from ablate.nn.parameters import StackParameters
from ablate.nn.stacked import Architecture, StackedNetwork


def architecture_of(run: Run, sample: Sequence[int], classes: int) -> MLP | ConvNet:
    """Returns what all runs of a stack share.

    Args:
        run: Any of them.
        sample: Shape of one sample, channels first.
        classes: Number of outputs.
    """
    if run.model == "mlp":
        return MLP(torch.Size(sample).numel(), run.hidden, classes, run.norm)
    return ConvNet(run.model, tuple(sample), run.channels, run.hidden, classes, run.norm)


def member_of(run: Run) -> Member:
    """Returns what distinguishes a run from the others of its stack."""
    return Member(run.activation, run.dropout, run.seed)


def stacked(
    architecture: Architecture,
    members: Sequence[Member],
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
    init: Init = "torch",
    precision: Precision = "fp32",
) -> StackedNetwork:
    """Returns an untrained network.

    Args:
        architecture: What the members share.
        members: One per run; members of equal activation must be adjacent.
        dtype: Of parameters and samples: float32, or float64 for a comparison with the reference.
        device: Where everything lives.
        init: How initial weights are scaled, see `initial.weight_specs`.
        precision: Of products and convolutions, see `linear.multiplication`.
    """
    parameters = StackParameters(architecture.specs(init), members, dtype, device)
    return StackedNetwork(architecture, parameters, precision)


def build_network(
    runs: Sequence[Run],
    sample: Sequence[int],
    classes: int,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
) -> StackedNetwork:
    """Returns the untrained network of runs that differ in activation, dropout and seed only.

    Args:
        runs: Equal activations adjacent.
        sample: Shape of one sample, channels first.
        classes: Number of outputs.
        dtype: Of parameters and samples.
        device: Where everything lives.
    """
    architecture, members = architecture_of(runs[0], sample, classes), [member_of(run) for run in runs]
    return stacked(architecture, members, dtype, device, runs[0].init, runs[0].precision)
