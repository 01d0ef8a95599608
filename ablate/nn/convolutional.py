"""The stacked convolutional network: each run's blocks one after another, then the layers of the stacked MLP."""

from collections.abc import Sequence

import torch
from torch import Tensor

from ablate.experiment.spec import Init, Precision
from ablate.nn.activation import StackedActivation
from ablate.nn.conv import Convolution
from ablate.nn.conv_batch_norm import ConvBatchNorm
from ablate.nn.conv_block import ConvBlock
from ablate.nn.conv_initial import initial_conv_values
from ablate.nn.conv_shape import ConvShape
from ablate.nn.dropout import StackedDropout
from ablate.nn.members import Member, Segment, segments
from ablate.nn.network import StackedMLP, parameter_shapes, prelu_runs
from ablate.nn.parameters import FlatParameters

# Samples of a run at inference whose pictures go through all blocks together: few enough to stay in cache. Fixed, since
# the bits of a convolution may depend on it.
CHUNK = 32
# The weight between the blocks and the fully connected layers.
FIRST_LINEAR = "linear.0.weight"


class StackedConvNet:
    """A convolutional network for each member, on samples with the channels last.

    Training and inference differ in batch norm and dropout. Convolutions fill a core by themselves, so runs follow one
    another through their blocks while their numbers are in cache, and only the fully connected layers are stacked.
    Forward and backward are written out; no graph is built, and nothing depends on the value of a tensor.

    Args:
        shape: What the members share.
        members: One a run; members of equal activation must stand side by side.
        dtype: float32, or float64 to be compared with the reference.
        device: Where everything lives.
        init: How initial weights are scaled, see `initial_values`.
        precision: Of products and convolutions, see `multiplication`.
    """

    def __init__(
        self,
        shape: ConvShape,
        members: Sequence[Member],
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
        init: Init = "torch",
        precision: Precision = "fp32",
    ) -> None:
        self.shape, self.members, self.precision = shape, tuple(members), precision
        self.prelus = prelu_runs(segments(members))
        tail_members = [shape.tail_first(member) for member in members]
        self.names = self._parameter_shapes()
        shapes = parameter_shapes(shape.tail, tail_members) | self.names
        self.parameters = FlatParameters(shapes, dtype, torch.device(device))
        self.tail = StackedMLP(
            shape.tail, tail_members, dtype, device, init, precision, self.parameters, needs_input_grad=True
        )
        self._set_initial_values(init)
        flat = self.parameters.flat
        widths = shape.channels if shape.norm != "off" else ()
        self.running_mean = [flat.new_zeros((len(members), width)) for width in widths]
        self.running_var = [flat.new_ones((len(members), width)) for width in widths]
        self.blocks = [
            [self._block(run, block) for block in range(len(shape.channels))] for run in range(len(members))
        ]
        self.dropouts = [self._dropout(tail_members, block) for block in range(len(shape.channels))]
        self.features = torch.empty(0)
        self.ones = [torch.empty(0) for _ in shape.channels]  # what channel dropout makes its masks of

    @staticmethod
    def arrange(samples: Tensor) -> Tensor:
        """Returns samples, shape (samples, channels, *spatial), as this network reads them: channels last."""
        return samples.movedim(1, -1).contiguous()

    @property
    def weights(self) -> slice:
        """Where the weights of the linear layers are in the flat parameters."""
        return self.tail.weights

    def prepare(self, step: int, batch: int) -> None:
        """Lays ready what `train_step` needs of the host: the dropout uniforms of a step, counted from 0."""
        self.tail.prepare(step, batch)
        for dropout, channels in zip(self.dropouts, self.shape.channels, strict=True):
            if dropout:
                dropout.prepare(step, (channels, batch))

    def train_step(self, x: Tensor, labels: Tensor, descent: Tensor | None = None) -> Tensor:
        """Returns the loss of each run on one batch, shape (runs,), and fills the gradients; `prepare` comes before.

        Args:
            x: Inputs, shape (runs or 1, batch, *spatial, channels).
            labels: Shape (runs, batch) or (1, batch).
            descent: As of `StackedMLP.train_step`; of the weights those of the fully connected layers take their steps.
        """
        batch = x.shape[1]
        if self.features.shape[1:2] != (batch,):
            self.features = self._new_features(x)
        masks = [self._mask(block, batch) for block in range(len(self.dropouts))]
        for run, blocks in enumerate(self.blocks):
            y = x[run % len(x)]
            for block, mask in zip(blocks, masks, strict=True):
                y = block.forward(y, None if mask is None else mask[run])
            self._pictures(self.features[run]).copy_(y)
        losses = self.tail.train_step(self.features, labels, descent)
        for blocks, features in zip(self.blocks, self.tail.input_grad, strict=True):
            grad = self._pictures(features)
            for index, block in reversed(list(enumerate(blocks))):
                grad = block.backward(grad, needs_input_grad=index > 0)
        return losses

    def logits(self, x: Tensor) -> Tensor:
        """Returns the outputs at inference, shape (runs, classes, samples), for x as in `train_step`."""
        features = self._new_features(x)
        for run, blocks in enumerate(self.blocks):
            parts = torch.split(x[run % len(x)], CHUNK), torch.split(features[run], CHUNK)
            for y, place in zip(*parts, strict=True):
                for block in blocks:
                    y = block.apply(y)
                self._pictures(place).copy_(y)
        return self.tail.logits(features)

    def member_state(self, run: int) -> dict[str, Tensor]:
        """Returns copies of one run's parameters and running statistics, by name, kernels as torch has them."""
        state = {}
        for name in self._names_of(run):
            value = self.parameters.values[name][self._place(name, run)].clone()
            state[name] = value.movedim(-1, 1).contiguous() if value.ndim > 1 else value
        for block, (mean, var) in enumerate(zip(self.running_mean, self.running_var, strict=True)):
            state[f"conv_norm.{block}.running_mean"] = mean[run].clone()
            state[f"conv_norm.{block}.running_var"] = var[run].clone()
        tail = self.tail.member_state(run)
        return state | tail | {FIRST_LINEAR: self._by_channel(tail[FIRST_LINEAR])}

    def parameter_count(self, run: int) -> int:
        """Returns how many numbers one run trains."""
        own = sum(self.parameters.values[name][0].numel() for name in self._names_of(run))
        return own + self.tail.parameter_count(run)

    def _names_of(self, run: int) -> list[str]:
        return [name for name in self.names if not name.startswith("conv_prelu.") or run in self.prelus]

    def _place(self, name: str, run: int) -> int:
        """Returns where a run stands in a parameter: PReLU's slopes are of the runs that have one alone."""
        return run - self.prelus.start if name.startswith("conv_prelu.") else run

    def _parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        runs, shapes = len(self.members), dict[str, tuple[int, ...]]()
        for block, (inputs, outputs) in enumerate(zip(self.shape.inputs, self.shape.channels, strict=True)):
            shapes[f"conv.{block}.weight"] = (runs, outputs, *self.shape.kernel, inputs)
            if self.shape.has_bias:
                shapes[f"conv.{block}.bias"] = (runs, outputs)
            if self.shape.norm != "off":
                shapes[f"conv_norm.{block}.weight"] = (runs, outputs)
                shapes[f"conv_norm.{block}.bias"] = (runs, outputs)
            if self.prelus:
                shapes[f"conv_prelu.{block}.weight"] = (len(self.prelus),)
        return shapes

    def _set_initial_values(self, init: Init) -> None:
        first = self.parameters.values[FIRST_LINEAR]
        first.copy_(self._by_position(first))
        for run, member in enumerate(self.members):
            drawn = initial_conv_values(
                self.shape, member.activation, member.seed, self.parameters.flat.dtype, init
            )
            for name, value in drawn.items():
                arranged = value.movedim(1, -1) if value.ndim > 1 else value
                self.parameters.values[name][self._place(name, run)] = arranged

    def _block(self, run: int, block: int) -> ConvBlock:
        name = self.members[run].activation
        norm = None
        if self.shape.norm != "off":
            scale, offset = (self._views(f"conv_norm.{block}.{part}", run) for part in ("weight", "bias"))
            norm = ConvBatchNorm(
                scale[0], offset[0], scale[1], offset[1], self.running_mean[block][run], self.running_var[block][run]
            )  # fmt: skip
        weight = self._views(f"conv.{block}.weight", run)
        bias = self._views(f"conv.{block}.bias", run) if self.shape.has_bias else (None, None)
        slope = self._views(f"conv_prelu.{block}.weight", run, length=1) if name == "prelu" else (None, None)
        return ConvBlock(
            Convolution(weight[0], bias[0], weight[1], bias[1], self.precision),
            norm,
            self.shape.norm,
            StackedActivation([Segment(name, 0, 1)], *slope),
            name,
            self.shape.windows[block],
        )

    def _views(self, name: str, run: int, length: int | None = None) -> tuple[Tensor, Tensor]:
        """Returns one run's part of a parameter and of its gradient, or as many runs' from there on."""
        place = self._place(name, run)
        at = place if length is None else slice(place, place + length)
        return self.parameters.values[name][at], self.parameters.grads[name][at]

    def _dropout(self, tail_members: Sequence[Member], block: int) -> StackedDropout | None:
        layer = len(self.shape.hidden) + block
        if not any(member.dropout[layer] > 0 for member in tail_members):
            return None
        return StackedDropout(tail_members, layer, self.parameters.flat)

    def _mask(self, block: int, batch: int) -> Tensor | None:
        """Returns 0 or 1 / (1 - p) for each sample and channel of a block, shape (runs, batch, channels)."""
        dropout = self.dropouts[block]
        if dropout is None:
            return None
        if self.ones[block].shape[2:] != (batch,):
            shape = (len(self.members), self.shape.channels[block], batch)
            self.ones[block] = self.parameters.flat.new_ones(shape)
        return dropout.forward(self.ones[block]).transpose(1, 2).contiguous()

    def _new_features(self, x: Tensor) -> Tensor:
        """Returns room for what the tail gets of x, shape (runs, samples, features)."""
        return x.new_empty((len(self.members), x.shape[1], self.shape.tail.features))

    def _pictures(self, features: Tensor) -> Tensor:
        """Views (samples, features) as (samples, *spatial, channels)."""
        return features.view(-1, *self.shape.sizes[-1], self.shape.channels[-1])

    def _by_position(self, weight: Tensor) -> Tensor:
        """Returns weights of the first linear layer, (..., features), with its features in this network's order.

        torch's counts the positions within each channel; here features stay as the convolutions leave them, channels
        within each position, so that none has to be moved in a step.
        """
        return _turned(weight, self.shape.channels[-1])

    def _by_channel(self, weight: Tensor) -> Tensor:
        """Returns them in torch's order again."""
        return _turned(weight, self.shape.tail.features // self.shape.channels[-1])


def _turned(x: Tensor, rows: int) -> Tensor:
    """Returns x, (..., rows * columns), with the columns before the rows."""
    return x.view(*x.shape[:-1], rows, -1).transpose(-1, -2).flatten(-2)
