"""The same look into the blocks of a convolutional network, and on into its hidden layers."""

import torch
from torch import Tensor

from ablate.data.dataset import Dataset
from ablate.nn.batch_norm import StackedBatchNorm
from ablate.nn.conv import convolution_gradients, convolve
from ablate.nn.conv_batch_norm import ConvBatchNorm
from ablate.nn.conv_block import ConvBlock
from ablate.nn.convolutional import StackedConvNet
from ablate.nn.network import StackedMLP
from ablate.nn.pooling import MaxPool
from ablate.training.diagnostics import Diagnostics, Pass, Row, norm_of


def diagnostics_for(network: StackedMLP | StackedConvNet, dataset: Dataset) -> Diagnostics:
    """Returns the diagnostics of a network, of whichever model."""
    return (
        Diagnostics(network, dataset)
        if isinstance(network, StackedMLP)
        else ConvDiagnostics(network, dataset)
    )


class ConvDiagnostics(Diagnostics):
    """The quantities of `Diagnostics` for blocks too, which are called `conv.0` and so on.

    A unit is a channel, and it is seen at every position of every sample: a dead one passes no gradient anywhere. What
    is looked at is the activation's output before the pooling, where all of it is computed.

    Args:
        network: It is read and never changed.
        dataset: Its fixed training subset holds the probe.
    """

    def __init__(self, network: StackedConvNet, dataset: Dataset) -> None:
        super().__init__(network.tail, dataset)
        self.convolutional = network
        self.samples = network.arrange(self.samples)
        self.passed: list[list[BlockPass]] = []

    def _enter(self, row: Row) -> Tensor:
        shape = self.convolutional.shape
        self.passed, features = [], []
        for blocks in self.convolutional.blocks:
            x, passed = self.samples, list[BlockPass]()
            for block, window in zip(blocks, shape.windows, strict=True):
                passed.append(BlockPass(block, x, window))
                x = passed[-1].y
            self.passed.append(passed)
            features.append(x.flatten(1).T)
        for index in range(len(shape.channels)):
            found = [passed[index].layer.quantities for passed in self.passed]
            row |= {(f"conv.{index}", name): torch.cat([each[name] for each in found]) for name in found[0]}
        return torch.stack(features)

    def _leave(self, grad: Tensor, row: Row) -> None:
        shape = self.convolutional.shape
        norms: dict[int, list[Tensor]] = {index: [] for index in range(len(shape.channels))}
        for passed, features in zip(self.passed, grad, strict=True):
            grads = features.T.reshape(-1, *shape.sizes[-1], shape.channels[-1])
            for index, block in reversed(list(enumerate(passed))):
                grads, weight_grad = block.backward(grads, needs_input_grad=index > 0)
                norms[index].append(norm_of(weight_grad.unsqueeze(0)))
        row |= {(f"conv.{index}", "gradient_norm"): torch.cat(found) for index, found in norms.items()}
        self.passed = []

    def _weights(self) -> dict[str, Tensor]:
        values = self.convolutional.parameters.values
        blocks = range(len(self.convolutional.shape.channels))
        return {f"conv.{index}": values[f"conv.{index}.weight"] for index in blocks} | super()._weights()


class BlockPass:
    """One block of one run passed by the probe.

    Attributes:
        layer: Its activation and batch norm, as a layer of one run, a unit for each channel.
        y: Output, shape (samples, *spatial, channels).
    """

    def __init__(self, block: ConvBlock, x: Tensor, window: tuple[int, ...]) -> None:
        self.weight, self.pool = block.convolution.weight, MaxPool(window)
        z = convolve(x, self.weight, block.convolution.bias)
        norm = block.before or block.after
        place: str = "batch" if block.before else "batch-post"
        self.layer = Pass(x, _by_channel(z), _as_stack(norm) if norm else None, block.activation, place)
        self.y = self.pool.forward(_by_position(self.layer.y, z))

    def backward(self, grad: Tensor, *, needs_input_grad: bool) -> tuple[Tensor, Tensor]:
        """Returns the gradients of the input (empty where it is not needed) and of the kernel."""
        dense = self.pool.backward(grad)
        grad = _by_position(self.layer.backward(_by_channel(dense)), dense)
        return convolution_gradients(grad, self.layer.x, self.weight, needs_input_grad)


def _as_stack(layer: ConvBatchNorm) -> StackedBatchNorm:
    """Returns a batch norm of channels as that of a stack of one run."""
    parts = (layer.weight, layer.bias, layer.weight_grad, layer.bias_grad)
    stacked = StackedBatchNorm(*(part.unsqueeze(0) for part in parts))
    stacked.running_mean.copy_(layer.running_mean)
    stacked.running_var.copy_(layer.running_var)
    return stacked


def _by_channel(z: Tensor) -> Tensor:
    """Returns (samples, *spatial, channels) as (1, channels, samples * positions), in memory of its own."""
    return z.reshape(-1, z.shape[-1]).T.contiguous().unsqueeze(0)


def _by_position(z: Tensor, like: Tensor) -> Tensor:
    """Returns (1, channels, samples * positions) in the shape that it had."""
    return z[0].T.reshape(like.shape)
