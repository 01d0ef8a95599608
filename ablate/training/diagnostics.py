"""A look into the layers of a stack at every evaluation: how they are centred, dead, saturated, and what they learn.

The probe is one fixed batch, the same for all runs: at most 128 samples, evenly spaced in the fixed training subset,
since a file may be sorted by class. It is passed forward and backward as in training, with the statistics of the batch
where there is batch norm, but without dropout: what is seen changes with the network alone, not with a mask.

Nothing here changes a result: layers are only read, into buffers of this module's own, and no generator is touched.
"""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from ablate.data.dataset import Dataset
from ablate.nn.activation import StackedActivation
from ablate.nn.activations import value_and_derivative
from ablate.nn.batch_norm import EPS, StackedBatchNorm
from ablate.nn.gains import largest_derivative
from ablate.nn.linear import StackedLinear
from ablate.nn.loss import cross_entropy
from ablate.nn.network import StackedMLP
from ablate.training.result import LayerValues

SAMPLES = 128
# A unit is dead if no sample of the probe gives its activation a derivative of at least this size.
DEAD = 1e-6
# A unit is saturated at a sample if the derivative there is below this share of the largest one of its function.
SATURATED = 0.05

Quantities = dict[str, Tensor]
Row = dict[tuple[str, str], Tensor]


class Diagnostics:
    """The quantities of every layer of a network, one row an evaluation.

    Of a hidden layer, over its units and the samples of the probe, per run:

    - activation_mean, activation_std: mean and standard deviation of f(z).
    - dead_share: share of units with |f'(z)| < 1e-6 for every sample, so that no gradient passes.
    - saturated_share: share of all |f'(z)| below 5 % of the largest |f'| of the function; about a half for relu.
    - running_mean_shift: root mean square over units of (batch mean - running mean) / sqrt(running variance + eps).
    - running_std_ratio: mean over units of sqrt((batch variance + eps) / (running variance + eps)), both unbiased.

    Of every layer, the output included:

    - gradient_norm: Euclidean norm of the gradient of the mean loss with respect to the layer's weights.
    - update_ratio: norm of what the last step has changed the weights by, over the norm of the weights before it; there
      is none at the first evaluation.

    Args:
        network: It is read and never changed.
        dataset: Its fixed training subset holds the probe.
    """

    def __init__(self, network: StackedMLP, dataset: Dataset) -> None:
        self.network = network
        self.samples, labels = probe_of(dataset)
        self.y = labels.unsqueeze(0)
        self.before: Tensor | None = None
        self.rows: list[dict[tuple[str, str], Tensor]] = []

    def before_last_step(self) -> None:
        """Keeps the weights as they are before the step that the next evaluation follows."""
        self.before = self.network.parameters.flat.clone()

    def evaluate(self) -> None:
        """Adds the quantities of the network as it is now."""
        row: Row = {}
        x = self._enter(row)
        passes = []
        for index, layer in enumerate(self.network.hidden):
            z = _linear(layer.linear, x)
            passes.append(Pass(x, z, layer.norm, layer.activation, self.network.shape.norm))
            row |= {(f"hidden.{index}", name): value for name, value in passes[-1].quantities.items()}
            x = passes[-1].y
        output = self.network.output
        _, grad = cross_entropy(_linear(output, x), self.y)
        row["output", "gradient_norm"] = norm_of(torch.bmm(grad, x.transpose(1, 2)))
        grad = torch.bmm(output.weight.transpose(1, 2), grad)
        for index, layer in reversed(list(enumerate(self.network.hidden))):
            grad = passes[index].backward(grad)
            row[f"hidden.{index}", "gradient_norm"] = norm_of(
                torch.bmm(grad, passes[index].x.transpose(1, 2))
            )
            if index or self.network.needs_input_grad:
                grad = torch.bmm(layer.linear.weight.transpose(1, 2), grad)
        self._leave(grad, row)
        self.rows.append(row | dict(self._update_ratios()))

    def _enter(self, row: Row) -> Tensor:
        """Returns the probe as the first hidden layer gets it, (runs, features, samples)."""
        return self.samples.flatten(1).T.expand(len(self.network.members), -1, -1)

    def _leave(self, grad: Tensor, row: Row) -> None:
        """Goes on with the gradient of what `_enter` has returned, where layers lie before."""

    def result(self) -> LayerValues:
        """Returns all quantities as arrays."""
        names = tuple(dict.fromkeys(name for row in self.rows for name in row))
        absent = self.network.parameters.flat.new_full((len(self.network.members),), torch.nan)
        rows = [torch.stack([row.get(name, absent).double() for name in names]) for row in self.rows]
        return LayerValues(names, torch.stack(rows).cpu().numpy())

    def _update_ratios(self) -> Iterator[tuple[tuple[str, str], Tensor]]:
        if self.before is None:
            return
        for name, weight in self._weights().items():
            # The same place in the copy as in the flat parameters that the weight is a view of.
            old = self.before.as_strided(weight.shape, weight.stride(), weight.storage_offset())
            yield (name, "update_ratio"), norm_of(weight - old) / norm_of(old)

    def _weights(self) -> dict[str, Tensor]:
        """Returns the weights of each layer by its name, (runs, ...)."""
        weights = {f"hidden.{index}": layer.linear.weight for index, layer in enumerate(self.network.hidden)}
        return weights | {"output": self.network.output.weight}


def probe_of(dataset: Dataset) -> tuple[Tensor, Tensor]:
    """Returns the samples that are looked at, and their labels."""
    chosen = _evenly_spaced(dataset.train_probe, SAMPLES)
    return dataset.x_train[chosen], dataset.y_train[chosen]


def _evenly_spaced(indices: Tensor, count: int) -> Tensor:
    count = min(count, len(indices))
    return indices[torch.arange(count, device=indices.device) * len(indices) // count]


class Pass:
    """One layer passed by the probe: its output, its quantities, and the way back to its products.

    Attributes:
        x: Input of the layer.
        y: Output, shape (runs, features, samples).
        quantities: By name, each of shape (runs,).
    """

    def __init__(
        self,
        x: Tensor,
        z: Tensor,
        norm: StackedBatchNorm | None,
        activation: StackedActivation,
        place: str,
    ) -> None:
        self.x = x
        self.before = self.after = None
        if norm and place == "batch":
            self.before = Normalized(norm, z)
            z = self.before.y
        self.y, self.derivative, self.quantities = _activate(activation, z)
        if norm and place == "batch-post":
            self.after = Normalized(norm, self.y)
            self.y = self.after.y
        for normalized in (self.before, self.after):
            if normalized:
                self.quantities |= normalized.quantities

    def backward(self, grad: Tensor) -> Tensor:
        """Returns the gradient behind the linear layer, for that of the output, which is overwritten."""
        if self.after:
            grad = self.after.backward(grad)
        grad = grad.mul_(self.derivative)
        return self.before.backward(grad) if self.before else grad


class Normalized:
    """Batch norm in training, without its running statistics being moved; they are compared with the batch's.

    Attributes:
        y: Output, shape (runs, features, samples).
        quantities: By name, each of shape (runs,).
    """

    def __init__(self, layer: StackedBatchNorm, z: Tensor) -> None:
        samples = z.shape[2]
        mean = z.mean(2)
        self.x = z - mean.unsqueeze(2)
        var = torch.linalg.vector_norm(self.x, dim=2).square_().div_(samples)
        rstd = torch.rsqrt(var + EPS)
        self.x.mul_(rstd.unsqueeze(2))
        self.slope = (layer.weight * rstd).unsqueeze(2)
        self.y = (self.x * layer.weight.unsqueeze(2)).add_(layer.bias.unsqueeze(2))
        running = layer.running_var + EPS
        shift = (mean - layer.running_mean).square_().div_(running)
        self.quantities = {
            "running_mean_shift": shift.mean(1).sqrt_(),
            "running_std_ratio": ((var * (samples / (samples - 1)) + EPS) / running).sqrt_().mean(1),
        }

    def backward(self, grad: Tensor) -> Tensor:
        """Returns the gradient of z, for that of y, which is overwritten (Ioffe and Szegedy, 2015)."""
        along = (grad * self.x).mean(2, keepdim=True)
        return grad.sub_(grad.mean(2, keepdim=True)).sub_(self.x * along).mul_(self.slope)


def _linear(linear: StackedLinear, x: Tensor) -> Tensor:
    return linear.affine(x, x.new_empty((*linear.weight.shape[:2], x.shape[2])))


def _activate(layer: StackedActivation, z: Tensor) -> tuple[Tensor, Tensor, Quantities]:
    """Returns f(z), f'(z), and what they say of each run."""
    y, derivative, found = torch.empty_like(z), torch.empty_like(z), []
    names = {start: part.activation for part, _ in layer.functions for start in range(part.start, part.stop)}
    for function, runs in layer.applications(z):
        y[runs], derivative[runs] = value_and_derivative(function, z[runs])
        limit = SATURATED * largest_derivative(names[runs.start])
        found.append(_activation_quantities(y[runs], derivative[runs], limit))
    return y, derivative, {name: torch.cat([each[name] for each in found]) for name in found[0]}


def _activation_quantities(y: Tensor, derivative: Tensor, limit: float) -> Quantities:
    values = y.view(len(y), -1)
    mean = values.mean(1)
    size = derivative.abs()
    dead_share = (size.amax(2) < DEAD).double().mean(1)
    is_flat = torch.lt(size, limit, out=size)  # as numbers, which are summed faster than truth values
    return {
        "activation_mean": mean,
        "activation_std": norm_of(values - mean.unsqueeze(1)) / math.sqrt(values.shape[1]),
        "dead_share": dead_share,
        "saturated_share": is_flat.view(len(y), -1).mean(1),
    }


def norm_of(x: Tensor) -> Tensor:
    """Returns the Euclidean norm of each run's part, shape (runs,)."""
    norm: Tensor = torch.linalg.vector_norm(x.reshape(len(x), -1), dim=1)
    return norm
