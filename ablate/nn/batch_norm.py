"""Batch normalization of a stack: every unit of every run is a channel of one batch norm call."""

import torch
from torch import Tensor

aten = torch.ops.aten

# Defaults of torch.nn.BatchNorm1d.
MOMENTUM = 0.1
EPS = 1e-5


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
        self.weight_grad, self.bias_grad = weight_grad, bias_grad
        self.running_mean = torch.zeros_like(weight)
        self.running_var = torch.ones_like(weight)
        self.y = self.z = self.batch_mean = self.batch_rstd = torch.empty(0)

    def forward(self, z: Tensor) -> Tensor:
        """Returns y of this batch, moves the running averages, and keeps z for `backward`.

        Five passes of vectorized kernels: torch's own forward gathers its statistics in scalar code, in twice the time.
        """
        self.z, batch = z, z.shape[2]
        if self.y.shape != z.shape:
            self.y = torch.empty_like(z)
        self.batch_mean = z.mean(2)
        centred = torch.sub(z, self.batch_mean.unsqueeze(2), out=self.y)
        var = torch.linalg.vector_norm(centred, dim=2).square_().div_(batch)
        self.batch_rstd = torch.rsqrt(var + EPS)
        self.running_mean.lerp_(self.batch_mean, MOMENTUM)
        self.running_var.lerp_(var.mul_(batch / (batch - 1)), MOMENTUM)
        return centred.mul_((self.weight * self.batch_rstd).unsqueeze(2)).add_(self.bias.unsqueeze(2))

    def backward(self, grad: Tensor) -> Tensor:
        """Writes the gradients of gamma and beta and returns that of z."""
        z_grad, weight_grad, bias_grad = aten.native_batch_norm_backward(
            _channels(grad),
            _channels(self.z),
            self.weight.view(-1),
            None,
            None,
            self.batch_mean.view(-1),
            self.batch_rstd.view(-1),
            True,
            EPS,
            [True, True, True],
        )
        self.weight_grad.view(-1).copy_(weight_grad)
        self.bias_grad.view(-1).copy_(bias_grad)
        result: Tensor = z_grad.view_as(grad)
        return result

    def inference_line(self) -> tuple[Tensor, Tensor]:
        """Returns slope and offset, each (runs, features): at inference y = slope * z + offset."""
        slope = self.weight / torch.sqrt(self.running_var + EPS)
        return slope, self.bias - self.running_mean * slope


def _channels(z: Tensor) -> Tensor:
    """Views (runs, features, batch) as one sample of runs * features channels of `batch` positions."""
    return z.view(1, -1, z.shape[-1])
