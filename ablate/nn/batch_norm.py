"""Batch normalization of a stack: every unit of every run is a channel of one batch norm call."""

from typing import NamedTuple

import torch
from torch import Tensor

from ablate.nn.constants import constant

aten = torch.ops.aten

# Defaults of torch.nn.BatchNorm1d.
MOMENTUM = 0.1
EPS = 1e-5


class Columns(NamedTuple):
    """What there is one of for each unit, as columns beside its batch: views of shape (runs, features, 1)."""

    weight: Tensor
    bias: Tensor
    running_mean: Tensor
    running_var: Tensor


class StackedBatchNorm:
    """y = gamma * (z - mean) / sqrt(var + eps) + beta on z of shape (runs, features, batch).

    In training mean and biased variance are the batch's, and running averages of the mean and the unbiased variance are
    kept; at inference the running averages stand in (Ioffe and Szegedy, 2015). Equals `torch.nn.BatchNorm1d`.

    Args:
        weight: gamma, shape (runs, features).
        bias: beta, shape (runs, features).
        weight_grad: Where `backward` writes the gradient of gamma.
        bias_grad: The same for beta.
    """

    def __init__(self, weight: Tensor, bias: Tensor, weight_grad: Tensor, bias_grad: Tensor) -> None:
        self.weight, self.bias = weight, bias
        self.running_mean = torch.zeros_like(weight)
        self.running_var = torch.ones_like(weight)
        # A view costs as much as a small operation, so those of what stays in its place are made once.
        self.columns = Columns(
            *(each.unsqueeze(2) for each in (weight, bias, self.running_mean, self.running_var))
        )
        self.flat_weight, self.flat_grads = weight.view(-1), (weight_grad.view(-1), bias_grad.view(-1))
        self.y = self.z = self.channels = self.batch_mean = self.batch_rstd = torch.empty(0)

    def forward(self, z: Tensor) -> Tensor:
        """Returns y of this batch, moves the running averages, and keeps z for `backward`.

        Five passes of vectorized kernels: torch's own forward gathers its statistics in scalar code, in twice the time.
        """
        batch = z.shape[2]
        if self.z is not z:
            self.z, self.channels = z, _channels(z)
        if self.y.shape != z.shape:
            self.y = torch.empty_like(z)
        weight, bias, running_mean, running_var = self.columns
        self.batch_mean = z.mean(2, keepdim=True)
        centred = torch.sub(z, self.batch_mean, out=self.y)
        squares = torch.linalg.vector_norm(centred, dim=2, keepdim=True).square_()
        var = torch.mul(squares, constant(1 / batch, z.dtype))
        self.batch_rstd = var.add_(constant(EPS, z.dtype)).rsqrt_()
        running_mean.lerp_(self.batch_mean, MOMENTUM)
        running_var.lerp_(squares.mul_(constant(1 / (batch - 1), z.dtype)), MOMENTUM)
        return centred.mul_(weight * self.batch_rstd).add_(bias)

    def backward(self, grad: Tensor) -> Tensor:
        """Writes the gradients of gamma and beta and returns that of z."""
        z_grad, *grads = aten.native_batch_norm_backward(
            _channels(grad),
            self.channels,
            self.flat_weight,
            None,
            None,
            self.batch_mean.view(-1),
            self.batch_rstd.view(-1),
            True,
            EPS,
            [True, True, True],
        )
        for flat, found in zip(self.flat_grads, grads, strict=True):
            flat.copy_(found)
        result: Tensor = z_grad.view_as(grad)
        return result

    def inference_line(self) -> tuple[Tensor, Tensor]:
        """Returns slope and offset, each (runs, features): at inference y = slope * z + offset."""
        slope = self.weight / torch.sqrt(self.running_var + EPS)
        return slope, self.bias - self.running_mean * slope


def _channels(z: Tensor) -> Tensor:
    """Views (runs, features, batch) as one sample of runs * features channels of `batch` positions."""
    return z.view(1, -1, z.shape[-1])
