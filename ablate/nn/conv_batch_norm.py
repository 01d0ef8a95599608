"""Batch normalization of one run's channels, over the samples of a batch and all positions."""

import torch
from torch import Tensor

from ablate.nn.batch_norm import EPS, MOMENTUM

aten = torch.ops.aten


class ConvBatchNorm:
    """y = gamma * (z - mean) / sqrt(var + eps) + beta on z of shape (batch, *spatial, channels).

    In training mean and biased variance are those of the batch and all positions, and running averages of the mean and
    the unbiased variance are kept; at inference the running averages stand in (Ioffe and Szegedy, 2015, section
    3.2). Equals `torch.nn.BatchNorm2d` and `BatchNorm3d`.

    Args:
        weight: gamma, shape (channels,).
        bias: beta, shape (channels,).
        weight_grad: Where `backward` writes the gradient of gamma.
        bias_grad: The same for beta.
        running_mean: Moved in place by `forward`.
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

    def inference_line(self) -> tuple[Tensor, Tensor]:
        """Returns slope and offset, each (channels,): at inference y = slope * z + offset."""
        slope = self.weight / torch.sqrt(self.running_var + EPS)
        return slope, self.bias - self.running_mean * slope


def _flat(z: Tensor) -> Tensor:
    """Views (batch, *spatial, channels) as pictures (batch, channels, positions, 1) in torch's channels_last format."""
    return z.view(len(z), -1, 1, z.shape[-1]).permute(0, 3, 1, 2)
