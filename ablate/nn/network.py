"""The stacked network: many MLPs trained as one, each equal to the plain network of `reference`."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from ablate.experiment.spec import Init, Precision
from ablate.nn.activation import StackedActivation
from ablate.nn.batch_norm import StackedBatchNorm
from ablate.nn.dropout import StackedDropout
from ablate.nn.initial import initial_values
from ablate.nn.linear import StackedLinear, multiplication
from ablate.nn.loss import cross_entropy
from ablate.nn.members import Member, Segment, Shape, segments
from ablate.nn.parameters import FlatParameters, padded


@dataclass(frozen=True)
class Hidden:
    """A hidden layer: linear, [batch norm], activation, [batch norm], [dropout]."""

    linear: StackedLinear
    norm: StackedBatchNorm | None
    activation: StackedActivation
    dropout: StackedDropout | None


class StackedMLP:
    """An MLP for each member, on inputs of shape (runs or 1, batch, features); layers see (runs, features, batch).

    Training and inference differ in batch norm and dropout. Forward and backward are written out layer by layer, into
    buffers made once: nothing is allocated and no graph is built in a step.

    Args:
        shape: What the members share.
        members: One a run; members of equal activation must stand side by side.
        dtype: float32, or float64 to be compared with the reference.
        device: Where everything lives.
        init: How initial weights are scaled, see `initial_values`.
        precision: Of products, see `multiplication`.
        parameters: Where the values and gradients of `parameter_shapes` live among others; by default by themselves.
        needs_input_grad: Whether a step leaves the gradient of its inputs in `input_grad`.

    Attributes:
        input_grad: As x of `train_step`.
    """

    def __init__(
        self,
        shape: Shape,
        members: Sequence[Member],
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
        init: Init = "torch",
        precision: Precision = "fp32",
        parameters: FlatParameters | None = None,
        needs_input_grad: bool = False,
    ) -> None:
        self.shape = shape
        self.multiply = multiplication(precision)
        self.needs_input_grad = needs_input_grad
        self.members = tuple(members)
        self.parts = segments(members)
        self.parameters = parameters or FlatParameters(
            parameter_shapes(shape, members), dtype, torch.device(device)
        )
        self._set_initial_values(init)
        self.hidden = [self._hidden(layer) for layer in range(len(shape.hidden))]
        self.output = self._linear(len(shape.hidden))
        self.given = self.x = self.input_grad = torch.empty(0)

    @staticmethod
    def arrange(samples: Tensor) -> Tensor:
        """Returns samples, shape (samples, ...), as this network reads them best: (samples, features)."""
        return samples.flatten(1)

    def prepare(self, step: int, batch: int) -> None:
        """Lays ready what `train_step` needs of the host: the dropout uniforms of a step, counted from 0."""
        for layer, width in zip(self.hidden, self.shape.hidden, strict=True):
            if layer.dropout:
                layer.dropout.prepare(step, (width, batch))

    @property
    def weights(self) -> slice:
        """Where the weights of the linear layers are in the flat parameters."""
        last = self.output.weight
        return slice(0, padded(int(last.storage_offset()) + last.numel()))

    def train_step(self, x: Tensor, labels: Tensor, descent: Tensor | None = None) -> Tensor:
        """Returns the loss of each run on one batch, shape (runs,), and fills the gradients; `prepare` comes before.

        Args:
            x: Inputs, shape (runs, batch, features), or (1, batch, features) where all runs see the same.
            labels: Shape (runs, batch) or (1, batch).
            descent: Minus the rate of plain gradient descent, which all gradients are then multiplied by: they are
                steps. The weights take theirs at once instead of having it written (`StackedLinear.backward`).
        """
        if self.given is not x:
            self.given, self.x = x, x.transpose(1, 2)
        x = self.x
        for layer in self.hidden:
            x = layer.linear.forward(x)
            if layer.norm and self.shape.norm == "batch":
                x = layer.norm.forward(x)
            x = layer.activation.forward(x)
            if layer.norm and self.shape.norm == "batch-post":
                x = layer.norm.forward(x)
            if layer.dropout:
                x = layer.dropout.forward(x)
        losses, grad = cross_entropy(self.output.forward(x), labels)
        if descent is not None:
            grad.mul_(descent)
        self._backward(grad, descends=descent is not None)
        return losses

    def _backward(self, grad: Tensor, *, descends: bool) -> None:
        grad = self.output.backward(grad, needs_input_grad=True, descends=descends)
        for index, layer in reversed(list(enumerate(self.hidden))):
            if layer.dropout:
                grad = layer.dropout.backward(grad)
            if layer.norm and self.shape.norm == "batch-post":
                grad = layer.norm.backward(grad)
            grad = layer.activation.backward(grad)
            if layer.norm and self.shape.norm == "batch":
                grad = layer.norm.backward(grad)
            needs_input_grad = index > 0 or self.needs_input_grad
            grad = layer.linear.backward(grad, needs_input_grad=needs_input_grad, descends=descends)
        if self.needs_input_grad:
            self.input_grad = grad.transpose(1, 2)

    def logits(self, x: Tensor) -> Tensor:
        """Returns the outputs at inference, shape (runs, classes, samples), for x of (1 or runs, samples, features)."""
        x = x.transpose(1, 2)
        for layer in self.hidden:
            z = self._evaluated(layer.linear, x)
            if layer.norm and self.shape.norm == "batch":
                _line(z, *layer.norm.inference_line())
            x = layer.activation.apply(z, torch.empty_like(z))
            if layer.norm and self.shape.norm == "batch-post":
                _line(x, *layer.norm.inference_line())
        return self._evaluated(self.output, x)

    def _evaluated(self, linear: StackedLinear, x: Tensor) -> Tensor:
        out = x.new_empty((*linear.weight.shape[:2], x.shape[2]))
        return linear.affine(x, out)

    def member_state(self, run: int) -> dict[str, Tensor]:
        """Returns copies of one run's parameters and running statistics, by name, without the runs axis."""
        state = {}
        for name in parameter_shapes(self.shape, self.members):
            values = self.parameters.values[name]
            if not name.startswith("prelu."):
                state[name] = values[run].clone()
            elif self.members[run].activation == "prelu":
                state[name] = values[run - self._prelu_runs()[0]].clone()
        for layer, hidden in enumerate(self.hidden):
            if hidden.norm:
                state[f"norm.{layer}.running_mean"] = hidden.norm.running_mean[run].clone()
                state[f"norm.{layer}.running_var"] = hidden.norm.running_var[run].clone()
        return state

    def parameter_count(self, run: int) -> int:
        """Returns how many numbers one run trains."""
        return sum(
            self.parameters.values[name][0].numel()
            for name in parameter_shapes(self.shape, self.members)
            if not name.startswith("prelu.") or run in self._prelu_runs()
        )

    def _prelu_runs(self) -> range:
        return prelu_runs(self.parts)

    def _set_initial_values(self, init: Init) -> None:
        dtype = self.parameters.flat.dtype
        drawn: dict[tuple[int, str], dict[str, Tensor]] = {}
        for run, member in enumerate(self.members):
            key = (member.seed, member.activation)
            if key not in drawn:
                drawn[key] = initial_values(self.shape, member.activation, member.seed, dtype, init)
            for name, value in drawn[key].items():
                place = run - self._prelu_runs()[0] if name.startswith("prelu.") else run
                self.parameters.values[name][place] = value

    def _views(self, name: str) -> tuple[Tensor, Tensor] | tuple[None, None]:
        values, grads = self.parameters.values, self.parameters.grads
        return (values[name], grads[name]) if name in values else (None, None)

    def _linear(self, layer: int) -> StackedLinear:
        values, grads = self.parameters.values, self.parameters.grads
        bias, bias_grad = self._views(f"linear.{layer}.bias")
        name = f"linear.{layer}.weight"
        return StackedLinear(values[name], bias, grads[name], bias_grad, self.multiply)

    def _hidden(self, layer: int) -> Hidden:
        values, grads = self.parameters.values, self.parameters.grads
        scale, offset = f"norm.{layer}.weight", f"norm.{layer}.bias"
        has_batch_norm = self.shape.norm != "off"
        has_dropout = any(member.dropout[layer] > 0 for member in self.members)
        return Hidden(
            self._linear(layer),
            StackedBatchNorm(values[scale], values[offset], grads[scale], grads[offset])
            if has_batch_norm
            else None,
            StackedActivation(self.parts, *self._views(f"prelu.{layer}.weight")),
            StackedDropout(self.members, layer, self.parameters.flat) if has_dropout else None,
        )


def parameter_shapes(shape: Shape, members: Sequence[Member]) -> dict[str, tuple[int, ...]]:
    """Returns the names of a stack's parameters with their shapes, (runs, ...), in their order."""
    runs, prelus = len(members), len(prelu_runs(segments(members)))
    shapes: dict[str, tuple[int, ...]] = {}
    # The weights first, so that an optimizer can leave them out.
    for layer, (inputs, outputs) in enumerate(pairwise(shape.widths)):
        shapes[f"linear.{layer}.weight"] = (runs, outputs, inputs)
    for layer, outputs in enumerate(shape.widths[1:]):
        if shape.has_bias(layer):
            shapes[f"linear.{layer}.bias"] = (runs, outputs)
    for layer, width in enumerate(shape.hidden):
        if shape.norm != "off":
            shapes[f"norm.{layer}.weight"] = (runs, width)
            shapes[f"norm.{layer}.bias"] = (runs, width)
        if prelus:
            shapes[f"prelu.{layer}.weight"] = (prelus,)
    return shapes


def prelu_runs(parts: Sequence[Segment]) -> range:
    """Returns the runs with a PReLU, which stand side by side."""
    for part in parts:
        if part.activation == "prelu":
            return range(part.start, part.stop)
    return range(0)


def _line(z: Tensor, slope: Tensor, offset: Tensor) -> None:
    """Replaces z, shape (runs, features, samples), by slope * z + offset."""
    z.mul_(slope.unsqueeze(2)).add_(offset.unsqueeze(2))
