"""Batch normalization of one run's channels, over the samples of a batch and all positions."""

import torch
from torch import Tensor

from ablate.nn.batch_norm import EPS, MOMENTUM
from ablate.nn.constants import constant

aten = torch.ops.aten


class ConvBatchNorm:
    """y = gamma * (z - mean) / sqrt(var + eps) + beta on z of shape (batch, *spatial, channels).

    In training mean and biased variance are those of the batch and all positions, and running averages of the mean and
    the unbiased variance are kept; at inference the running averages stand in (Ioffe and Szegedy, 2015, section
    3.2). Equals `torch.nn.BatchNorm2d` and `BatchNorm3d`.

    Where max pooling follows at once, half of it can wait for that, and for a quarter of the numbers or an eighth:
    y = |gamma| * u + beta with u = sign(gamma) * (z - mean) / sqrt(var + eps), and the largest y of a window is that of
    the largest u. `normalize` takes the place of z, `scale` comes after the pooling, and backward likewise.

    Args:
        weight: gamma, shape (channels,).
        bias: beta, shape (channels,).
        weight_grad: Where `backward` writes the gradient of gamma.
        bias_grad: The same for beta.
        running_mean: Moved in place by `forward` and `normalize`.
        running_var: The same.
    """

    def __init__(
        self,
        weight: Tensor,
        bias: Tensor,
        weight_grad: Tensor,
        bias_grad: Tensor,
        running_mean: Tensor,
        running_var: Tensor,
    ) -> None:
        self.weight, self.bias = weight, bias
        self.weight_grad, self.bias_grad = weight_grad, bias_grad
        self.running_mean, self.running_var = running_mean, running_var
        self.y = self.z = self.batch_mean = self.batch_rstd = torch.empty(0)
        self.u = self.pooled = self.sign = self.slope = torch.empty(0)
        self.constant = self.along_u = torch.empty(0)

    def forward(self, z: Tensor) -> Tensor:
        """Returns y of this batch, moves the running averages, and keeps z for `backward`."""
        self.z = z
        if self.y.shape != z.shape:
            self.y = torch.empty_like(z)
        self.batch_mean, var = aten.batch_norm_update_stats(
            _flat(z), self.running_mean, self.running_var, MOMENTUM
        )
        self.batch_rstd = torch.rsqrt(var + EPS)
        slope = self.weight * self.batch_rstd
        return torch.addcmul(self.bias - self.batch_mean * slope, z, slope, out=self.y)

    def backward(self, grad: Tensor) -> Tensor:
        """Writes the gradients of gamma and beta and returns that of z."""
        z_grad, weight_grad, bias_grad = aten.native_batch_norm_backward(
            _flat(grad),
            _flat(self.z),
            self.weight,
            None,
            None,
            self.batch_mean,
            self.batch_rstd,
            True,
            EPS,
            [True, True, True],
        )
        self.weight_grad.copy_(weight_grad)
        self.bias_grad.copy_(bias_grad)
        result: Tensor = z_grad.permute(0, 2, 3, 1).reshape(grad.shape)
        return result

    def normalize(self, z: Tensor) -> Tensor:
        """Turns z into u, in place, and moves the running averages."""
        mean, var = aten.batch_norm_update_stats(_flat(z), self.running_mean, self.running_var, MOMENTUM)
        self.sign = torch.copysign(constant(1, z.dtype), self.weight)
        self.slope = torch.rsqrt(var + EPS).mul_(self.sign)
        self.u = torch.addcmul(-mean * self.slope, z, self.slope, out=z)
        return self.u

    def scale(self, pooled: Tensor) -> Tensor:
        """Returns y for pooled u, and keeps that for `scale_backward`."""
        self.pooled = pooled
        if self.y.shape != pooled.shape:
            self.y = torch.empty_like(pooled)
        return torch.addcmul(self.bias, pooled, self.weight.abs(), out=self.y)

    def scale_backward(self, grad: Tensor) -> Tensor:
        """Writes the gradients of gamma and beta and turns that of y into its share of that of z, in place.

        With g for the gradient of u, that of z is slope * (g - mean(g) - u * mean(g * u)), the means being over all
        positions of u; where nothing was the largest of its window g is 0, so both sums are those of the pooled.
        """
        rows, channels = self.u[..., 0].numel(), grad.shape[-1]
        along = (grad * self.pooled).view(-1, channels).sum(0)
        torch.sum(grad.view(-1, channels), 0, out=self.bias_grad)
        torch.mul(along, self.sign, out=self.weight_grad)
        share = self.weight.abs().mul_(self.slope)
        self.constant, self.along_u = self.bias_grad * share / -rows, along.mul_(share) / -rows
        return grad.mul_(share)

    def normalize_backward(self, grad: Tensor) -> Tensor:
        """Returns the gradient of z, for its share that has come through the pooling; it takes the place of u."""
        return torch.addcmul(grad, self.u, self.along_u, out=self.u).add_(self.constant)

    def inference_line(self) -> tuple[Tensor, Tensor]:
        """Returns slope and offset, each (channels,): at inference y = slope * z + offset."""
        slope = self.weight / torch.sqrt(self.running_var + EPS)
        return slope, self.bias - self.running_mean * slope


def _flat(z: Tensor) -> Tensor:
    """Views (batch, *spatial, channels) as pictures (batch, channels, positions, 1) in torch's channels_last format."""
    return z.view(len(z), -1, 1, z.shape[-1]).permute(0, 3, 1, 2)
