"""Diagnostics of the layers of a stack at every evaluation: activations, gradients and changes of the weights.

The probe is the fixed batch of samples on which diagnostics are computed, the same for all runs. The probe consists of
at most 128 of the training samples on which training scores are computed. The samples of the probe are evenly spaced,
because a file may be sorted by class. Diagnostics come from a training step on the probe, without an update of the
weights. In this step, batch norm uses the statistics of the probe, as it uses those of the batch in training. The step
uses no dropout, so that the diagnostics depend on the network alone and not on a dropout mask.

Diagnostics do not change any result. A copy of the network computes the step on the probe; the copy shares only the
values of the parameters with the network. The step on the probe uses no random generator.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from ablate.data.dataset import Dataset
from ablate.nn.batch_norm import EPS, BatchNorm
from ablate.nn.gains import largest_derivative
from ablate.nn.layers import Block
from ablate.nn.stacked import StackedNetwork
from ablate.training.result import LayerValues

SAMPLES = 128
# A unit is dead if the absolute value of its activation's derivative is below this limit for every sample of the probe.
DEAD = 1e-6
# A unit is saturated at a sample if |f'(z)| is below this share of the largest |f'| of the activation function f.
SATURATED = 0.05

Quantities = dict[str, Tensor]
Row = dict[tuple[str, str], Tensor]


class Diagnostics:
    """Diagnostic quantities of every layer of a network at each evaluation.

    For each run, and for each of its hidden layers and convolutional blocks, the following quantities are computed over
    the units of the layer and the samples of the probe (a fixed batch). In their definitions, f is the activation
    function and z is its input.

    - activation_mean, activation_std: mean and standard deviation of f(z).
    - dead_share: share of units that pass on no gradient, because |f'(z)| < 1e-6 for every sample.
    - saturated_share: share of all values |f'(z)| that are below 5 % of the largest |f'| of the function; about a half
      for relu.
    - running_mean_shift: root mean square over units of (batch mean - running mean) / sqrt(running variance + eps).
    - running_std_ratio: mean over units of sqrt((batch variance + eps) / (running variance + eps)), where both
      variances are unbiased.

    running_mean_shift and running_std_ratio exist only for normalizations with running statistics. The units of a
    convolutional block are its channels. Channels are observed at every position of every sample, before max pooling.

    For each hidden layer, each convolutional block and the output layer, two more quantities are computed:

    - gradient_norm: Euclidean norm of the gradient of the mean loss with respect to the layer's weights.
    - update_ratio: norm of the change of the weights in the last step, divided by the norm of the weights before that
      step; undefined at the first evaluation.

    Args:
        network: Network to observe, which diagnostics never change.
        dataset: Dataset that contains the probe.
    """

    def __init__(self, network: StackedNetwork, dataset: Dataset) -> None:
        self.network, self.twin = network, network.twin()
        probe = _evenly_spaced(dataset.train_probe, SAMPLES)
        self.x = network.arrange(dataset.x_train[probe]).unsqueeze(0)
        self.y = dataset.y_train[probe].unsqueeze(0)
        largest = [largest_derivative(member.activation) for member in network.members]
        self.limits = SATURATED * torch.tensor(largest, dtype=self.x.dtype, device=self.x.device)
        self.before: Tensor | None = None
        self.rows: list[Row] = []

    def before_last_step(self) -> None:
        """Copies the weights for update_ratio. Call this method before the last step that precedes an evaluation."""
        self.before = self.network.parameters.flat.clone()

    def evaluate(self) -> None:
        """Computes and stores the diagnostic quantities of the network in its current state."""
        row: Row = {}
        self.twin.train_step(self.x, self.y)
        for name, blocks in self.network.blocks.items():
            parts = self._of_blocks(self.twin.blocks[name], blocks)
            row |= {(name, quantity): value for quantity, value in parts.items()}
        for name, weight in self.network.weights.items():
            row[name, "gradient_norm"] = _norms(self.twin.parameters.grads[weight])
        if self.before is not None:
            row |= self._update_ratios(self.before)
        self.rows.append(row)

    @property
    def names(self) -> tuple[tuple[str, str], ...]:
        """Pairs of layer and quantity, in the order of their first occurrence."""
        return tuple(dict.fromkeys(name for row in self.rows for name in row))

    def values(self) -> Tensor:
        """Returns the quantities of all evaluations, float64 of shape (evaluations, names, runs); NaN if undefined."""
        names = self.names
        absent = self.network.parameters.flat.new_full((len(self.network.members),), torch.nan)
        rows = [torch.stack([row.get(name, absent).double() for name in names]) for row in self.rows]
        return torch.stack(rows)

    def restore(self, names: Sequence[tuple[str, str]], values: Tensor) -> None:
        """Replaces the quantities of all evaluations by those that another process has computed."""
        values = values.to(self.network.parameters.flat.device)
        self.rows = [dict(zip(names, row.unbind(), strict=True)) for row in values]

    def result(self) -> LayerValues:
        """Returns all diagnostic quantities of all evaluations as arrays."""
        return LayerValues(self.names, self.values().cpu().numpy())

    def _of_blocks(self, seen: list[Block], trained: list[Block]) -> Quantities:
        """Returns the diagnostic quantities of one layer for all runs.

        `seen` holds the blocks of the copy that has computed the step on the probe, and `trained` holds the same blocks
        of the network itself. Both lists hold one block for all runs if the layer is a hidden layer, and one block for
        each run if the layer is a convolutional block.
        """
        parts, limits = [], torch.split(self.limits, len(self.limits) // len(seen))
        for twin, block, limit in zip(seen, trained, limits, strict=True):
            part = _activation_quantities(*twin.activation.observed(), limit)
            if isinstance(twin.norm, BatchNorm) and isinstance(block.norm, BatchNorm):
                part |= _running_quantities(twin.norm, block.norm, len(limit))
            parts.append(part)
        return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}

    def _update_ratios(self, before: Tensor) -> Row:
        row = {}
        for name, parameter in self.network.weights.items():
            weight = self.network.parameters.values[parameter]
            # The weight is a view of the flat parameters. The same view of `before`, their copy, is the old weight.
            old = before.as_strided(weight.shape, weight.stride(), weight.storage_offset())
            row[name, "update_ratio"] = _norms(weight - old) / _norms(old)
        return row


def _evenly_spaced(indices: Tensor, count: int) -> Tensor:
    count = min(count, len(indices))
    return indices[torch.arange(count, device=indices.device) * len(indices) // count]


def _activation_quantities(y: Tensor, derivative: Tensor, limits: Tensor) -> Quantities:
    """Returns the diagnostic quantities of y = f(z) and its derivative f'(z), each of shape (runs, units, samples).

    A value of |f'(z)| below the run's entry in `limits` counts as saturated.
    """
    mean = y.mean((1, 2), keepdim=True)
    size = derivative.abs_()
    dead_share = (size.amax(2) < DEAD).double().mean(1)
    is_flat = torch.lt(
        size, limits.view(-1, 1, 1), out=size
    )  # as numbers, which are summed faster than booleans
    return {
        "activation_mean": mean.flatten(),
        "activation_std": _norms(y - mean) / math.sqrt(y[0].numel()),
        "dead_share": dead_share,
        "saturated_share": is_flat.mean((1, 2)),
    }


def _running_quantities(seen: BatchNorm, trained: BatchNorm, runs: int) -> Quantities:
    """Returns running_mean_shift and running_std_ratio of each run."""
    mean, var = (part.view(runs, -1) for part in seen.batch_statistics())
    running_mean, running_var = (part.view(runs, -1) for part in (trained.running_mean, trained.running_var))
    denominator = running_var + EPS
    return {
        "running_mean_shift": (mean - running_mean).square_().div_(denominator).mean(1).sqrt_(),
        "running_std_ratio": ((var + EPS) / denominator).sqrt_().mean(1),
    }


def _norms(x: Tensor) -> Tensor:
    """Returns the Euclidean norm of each run's part of x, a tensor of shape (runs, ...)."""
    norms: Tensor = torch.linalg.vector_norm(x.flatten(1), dim=1)
    return norms
