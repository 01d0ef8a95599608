"""Convolutional networks: their parameters and stacked layers, where blocks are computed one run at a time."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import prod

import torch
from torch import Tensor

from ablate.experiment.models import KERNEL, Model, flat_features, sizes_by_block, window
from ablate.experiment.norms import is_after_activation, makes_bias_redundant
from ablate.experiment.spec import Init, Precision
from ablate.nn.batch_norm import BatchNorm
from ablate.nn.conv.block import ChannelDropout, ConvActivation, block_layers
from ablate.nn.conv.convolution import Convolution
from ablate.nn.conv.norms import conv_norm
from ablate.nn.conv.pooling import MaxPool
from ablate.nn.dropout import StackedDropout
from ablate.nn.initial import weight_specs
from ablate.nn.layers import Block, Layer
from ablate.nn.mlp import MLP, Built, stacked_dropout
from ablate.nn.norms import norm_specs
from ablate.nn.parameters import Spec, StackParameters
from ablate.nn.parametric import slope_specs, slopes

# Number of samples of a run that pass through all blocks together at inference, few enough to stay in cache. The number
# is fixed, because the bits of a convolution may depend on the number of samples.
CHUNK = 32


@dataclass(frozen=True)
class ConvNet:
    """The architecture of a convolutional network: convolutional blocks, followed by an MLP.

    A block consists of a convolution, an activation, an optional normalization before or after the activation, optional
    dropout of whole channels, and max pooling.

    Attributes:
        model: Name of the model, `cnn` or `cnn3d`.
        sample: Shape of a sample, (channels, height, width) or (channels, frames, height, width).
        channels: Number of output channels of each block.
        hidden: Widths of the hidden layers of the MLP.
        classes: Number of outputs.
        norm: Level of the factor `norm`, such as `batch` or `off`, for blocks and hidden layers.
    """

    model: Model
    sample: tuple[int, ...]
    channels: tuple[int, ...]
    hidden: tuple[int, ...]
    classes: int
    norm: str

    @property
    def has_bias(self) -> bool:
        """Whether convolutions have a bias: not if the normalization after a convolution would cancel the bias."""
        return not makes_bias_redundant(self.norm)

    @property
    def kernel(self) -> tuple[int, ...]:
        """Size of the convolution kernels along each spatial axis."""
        return (KERNEL,) * (len(self.sample) - 1)

    @property
    def inputs(self) -> tuple[int, ...]:
        """Number of input channels of each block."""
        return (self.sample[0], *self.channels[:-1])

    @property
    def sizes(self) -> tuple[tuple[int, ...], ...]:
        """The spatial sizes of each block's input, followed by the spatial sizes of the last block's output."""
        return sizes_by_block(self.model, self.sample, len(self.channels))

    @property
    def windows(self) -> tuple[tuple[int, ...], ...]:
        """Pooling window of each block."""
        sizes = self.sizes
        return tuple(window(self.model, sizes[block][0], block) for block in range(len(self.channels)))

    @property
    def tail(self) -> MLP:
        """The MLP after the last block, whose input is the flattened output of the last block."""
        features = flat_features(self.model, self.sample, self.channels)
        return MLP(features, self.hidden, self.classes, self.norm, is_standardized=False)

    def specs(self, init: Init) -> list[Spec]:
        """Returns the declarations of all parameters and running statistics of the network."""
        positions, channels = prod(self.sizes[-1]), self.channels[-1]
        # In torch, the flattened output of the last block is ordered by channel, then by position. Here it is ordered
        # by position, then by channel, as convolutions write their output, so that no step has to reorder values.
        first, *others = self.tail.specs(init)
        stored, restored = partial(_turned, rows=channels), partial(_turned, rows=positions)
        specs = [replace(first, stored=stored, restored=restored), *others]
        for block, (inputs, outputs) in enumerate(zip(self.inputs, self.channels, strict=True)):
            weight, *bias = weight_specs(
                f"conv.{block}",
                (outputs, inputs, *self.kernel),
                init,
                has_bias=self.has_bias,
                is_standardized=block == 0 or is_after_activation(self.norm),
            )
            specs += [replace(weight, stored=_channels_last, restored=_channels_first), *bias]
            specs += norm_specs(f"conv_norm.{block}", outputs, self.norm) + slope_specs("conv_", block)
        return specs

    def build(self, parameters: StackParameters, precision: Precision, *, is_observed: bool) -> Built:
        """Returns the stacked layers for inputs of shape (runs, batch, *spatial, channels).

        If all runs share the inputs, their shape is (1, batch, *spatial, channels).
        """
        # Random numbers depend on the number of the layer. Hidden layers are numbered first, then blocks.
        dropouts = [
            stacked_dropout(parameters, block, len(self.hidden) + block, width)
            for block, width in enumerate(self.channels)
        ]
        layers: list[list[Layer]] = [[] for _ in parameters.members]
        blocks: dict[str, list[Block]] = {f"conv.{block}": [] for block in range(len(self.channels))}
        for run, of_run in enumerate(layers):
            for block, (name, dropout) in enumerate(zip(blocks, dropouts, strict=True)):
                convolution, norm, activation = self._block(parameters, precision, run, block)
                of_run += block_layers(
                    self.norm,
                    convolution,
                    norm,
                    activation,
                    ChannelDropout(dropout, run) if dropout else None,
                    MaxPool(self.windows[block]),
                    is_observed=is_observed,
                )
                blocks[name].append(Block(activation, norm))
        used = [dropout for dropout in dropouts if dropout]
        front = _Blocks(layers, used, (*self.sizes[-1], self.channels[-1]))
        tail = self.tail.dense(parameters, precision, needs_input_grad=True)
        weights = {name: f"{name}.weight" for name in blocks}
        return Built(
            [front, *tail.layers], blocks | tail.blocks, weights | tail.weights, [*used, *tail.dropouts]
        )

    @staticmethod
    def arrange(samples: Tensor) -> Tensor:
        """Returns samples of shape (samples, channels, *spatial) with the channels last, the fastest memory layout."""
        return samples.movedim(1, -1).contiguous()

    def _block(
        self, parameters: StackParameters, precision: Precision, run: int, block: int
    ) -> tuple[Convolution, Layer | None, ConvActivation]:
        name, owned = parameters.members[run].activation, parameters.owned(f"conv.{block}", run)
        norm = conv_norm(self.norm, parameters.owned(f"conv_norm.{block}", run))
        convolution = Convolution(
            owned["weight"],
            owned.get("bias"),
            precision,
            needs_input_grad=block > 0,
            folded=norm if isinstance(norm, BatchNorm) and not is_after_activation(self.norm) else None,
        )
        return convolution, norm, ConvActivation(name, slopes(parameters, "conv_", block, run))


class _Blocks:
    """All convolutional blocks of all runs as one layer.

    A single convolution is large enough to keep a processor core busy. The blocks are therefore computed for one run
    after another, so that the data of a run stays in cache. Only the fully connected layers are computed for all runs
    together.

    Args:
        layers: Layers of each run.
        dropouts: Dropout layers of the blocks; each of these layers makes the masks of all runs.
        shape: Shape of the last block's output for one sample, (*spatial, channels).
    """

    def __init__(
        self, layers: Sequence[Sequence[Layer]], dropouts: Sequence[StackedDropout], shape: tuple[int, ...]
    ) -> None:
        self.layers, self.dropouts, self.shape = layers, dropouts, shape
        self.features = self.samples_last = torch.empty(0)

    def forward(self, x: Tensor) -> Tensor:
        """Returns the flattened output of the last block, shape (runs, features, batch).

        The input x has the shape (runs, batch, *spatial, channels), or (1, batch, *spatial, channels) if all runs share
        x.
        """
        if self.features.shape[1:2] != x.shape[1:2]:
            self.features = self._new_features(x)
            self.samples_last = self.features.transpose(1, 2)
        for dropout in self.dropouts:
            dropout.make_masks()
        for run, layers in enumerate(self.layers):
            y = x[run % len(x)]
            for layer in layers:
                y = layer.forward(y)
            self._pictures(self.features[run]).copy_(y)
        return self.samples_last

    def backward(self, grad: Tensor) -> Tensor:
        """Writes the gradients of the parameters and returns an empty tensor, as no layer needs the gradient of x."""
        for layers, features in zip(self.layers, grad.transpose(1, 2), strict=True):
            part = self._pictures(features)
            for layer in reversed(layers):
                part = layer.backward(part)
        return grad.new_empty(0)

    def infer(self, x: Tensor) -> Tensor:
        """Returns the flattened output of the last block at inference, shape (runs, features, batch)."""
        features = self._new_features(x)
        for run, layers in enumerate(self.layers):
            chunks = torch.split(x[run % len(x)], CHUNK), torch.split(features[run], CHUNK)
            for y, out in zip(*chunks, strict=True):
                for layer in layers:
                    y = layer.infer(y)
                self._pictures(out).copy_(y)
        return features.transpose(1, 2)

    def _new_features(self, x: Tensor) -> Tensor:
        return x.new_empty((len(self.layers), x.shape[1], prod(self.shape)))

    def _pictures(self, features: Tensor) -> Tensor:
        """Returns a view of `features`, shape (samples, features), with the shape (samples, *spatial, channels)."""
        return features.view(-1, *self.shape)


def _turned(x: Tensor, rows: int) -> Tensor:
    """Returns x with its last axis, a flattened matrix of `rows` rows, changed from row-major to column-major order."""
    return x.view(*x.shape[:-1], rows, -1).transpose(-1, -2).flatten(-2)


def _channels_last(kernel: Tensor) -> Tensor:
    return kernel.movedim(1, -1)


def _channels_first(kernel: Tensor) -> Tensor:
    return kernel.movedim(-1, 1)
