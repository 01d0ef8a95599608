"""Batch normalization of a stack in one call, in which every unit of every run is a channel."""

from collections.abc import Mapping

import torch
from torch import Tensor

from ablate.nn.constants import constant
from ablate.nn.parameters import Parameter
from ablate.nn.views import Cached

aten = torch.ops.aten

# Defaults of torch.nn.BatchNorm1d, 2d and 3d.
MOMENTUM = 0.1
EPS = 1e-5


class BatchNorm:
    """Base class of the batch normalizations after linear layers and after convolutions.

    Args:
        owned: Tensors of the layer by name: weight (gamma), bias (beta), running_mean and running_var, all of the same
            shape.
    """

    def __init__(self, owned: Mapping[str, Parameter]) -> None:
        self.weight, self.bias = owned["weight"], owned["bias"]
        self.running_mean, self.running_var = owned["running_mean"].value, owned["running_var"].value
        self.batch_mean = self.batch_rstd = torch.empty(0)
        self.samples = 0

    def inference_line(self) -> tuple[Tensor, Tensor]:
        """Returns the slope and the offset with which batch norm computes y = slope * z + offset at inference.

        The slope and the offset have the shape of gamma.
        """
        slope = self.weight.value / torch.sqrt(self.running_var + EPS)
        return slope, self.bias.value - self.running_mean * slope

    def batch_statistics(self) -> tuple[Tensor, Tensor]:
        """Returns the mean and the unbiased variance of the last training batch, both in the shape of gamma."""
        mean, rstd = (tensor.view_as(self.running_mean) for tensor in (self.batch_mean, self.batch_rstd))
        return mean, (rstd.square().reciprocal_() - EPS) * (self.samples / (self.samples - 1))


class StackedBatchNorm(BatchNorm):
    """Computes y = gamma * (z - mean) / sqrt(var + eps) + beta for z of shape (runs, features, batch).

    In training, mean and var (the biased variance) are those of the batch, and the layer updates running averages of
    the mean and of the unbiased variance. At inference, mean and var are the running averages (Ioffe and Szegedy,
    2015). The layer computes the same as `torch.nn.BatchNorm1d`.

    Args:
        owned: Tensors of the layer by the names given in `BatchNorm`, each of shape (runs, features).
    """

    def __init__(self, owned: Mapping[str, Parameter]) -> None:
        super().__init__(owned)
        tensors = (self.weight.value, self.bias.value, self.running_mean, self.running_var)
        self.columns = tuple(tensor.unsqueeze(2) for tensor in tensors)
        self.flat_weight = self.weight.value.view(-1)
        self.flat_grads = self.weight.grad.view(-1), self.bias.grad.view(-1)
        self.views_of = Cached(lambda z: (_channels(z), torch.empty_like(z)))

    def forward(self, z: Tensor) -> Tensor:
        """Returns the normalized batch, updates the running averages, and keeps the input z for `backward`.

        The computation makes five passes over the data with vectorized kernels. torch's own forward kernel takes twice
        as long, because it computes the batch statistics in scalar code.
        """
        self.samples = z.shape[2]
        _, y = self.views_of(z)
        weight, bias, running_mean, running_var = self.columns
        self.batch_mean = z.mean(2, keepdim=True)
        centred = torch.sub(z, self.batch_mean, out=y)
        squares = torch.linalg.vector_norm(centred, dim=2, keepdim=True).square_()
        var = torch.mul(squares, constant(1 / self.samples, z.dtype))
        self.batch_rstd = var.add_(constant(EPS, z.dtype)).rsqrt_()
        running_mean.lerp_(self.batch_mean, MOMENTUM)
        running_var.lerp_(squares.mul_(constant(1 / (self.samples - 1), z.dtype)), MOMENTUM)
        return centred.mul_(weight * self.batch_rstd).add_(bias)

    def backward(self, grad: Tensor) -> Tensor:
        """Writes the gradients of gamma and beta and returns the gradient of the input z."""
        channels, _ = self.views_of.value
        z_grad, *grads = aten.native_batch_norm_backward(
            _channels(grad),
            channels,
            self.flat_weight,
            None,
            None,
            self.batch_mean.view(-1),
            self.batch_rstd.view(-1),
            True,
            EPS,
            [True, True, True],
        )
        for flat, values in zip(self.flat_grads, grads, strict=True):
            flat.copy_(values)
        result: Tensor = z_grad.view_as(grad)
        return result

    def infer(self, z: Tensor) -> Tensor:
        """Returns y at inference, computed with the running averages and written into the memory of z."""
        slope, offset = self.inference_line()
        return z.mul_(slope.unsqueeze(2)).add_(offset.unsqueeze(2))


def _channels(z: Tensor) -> Tensor:
    """Returns a view of z, shape (runs, features, batch), as one sample with runs * features channels.

    The view has the shape (1, runs * features, batch). Its last axis takes the place of the positions of a picture.
    """
    return z.view(1, -1, z.shape[-1])
