"""The normalizations of convolutional blocks by name, each for the channels of one run."""

from collections.abc import Callable, Mapping
from functools import partial

import torch
from torch import Tensor

from ablate.experiment.norms import OFF, group_count, norm_name
from ablate.nn.batch_norm import EPS, MOMENTUM, BatchNorm
from ablate.nn.constants import constant
from ablate.nn.layers import Layer, OnlyInTraining
from ablate.nn.parameters import Parameter
from ablate.nn.sample_norm import SampleNorm

aten = torch.ops.aten


class ConvBatchNorm(BatchNorm):
    """Computes y = gamma * (z - mean) / sqrt(var + eps) + beta for z of shape (batch, *spatial, channels).

    In training, mean and var (the biased variance) are those over the batch and all positions, and the layer updates
    running averages of the mean and of the unbiased variance. At inference, mean and var are the running averages
    (Ioffe and Szegedy, 2015, section 3.2). The layer computes the same as `torch.nn.BatchNorm2d` and
    `torch.nn.BatchNorm3d`.

    If max pooling follows directly, batch norm is computed in two halves. The first half computes
    u = sign(gamma) * (z - mean) / sqrt(var + eps) before the pooling. The second half computes y = |gamma| * u + beta
    after the pooling, on a quarter or an eighth of the data. The result is the same as with all of batch norm before
    the pooling, because the largest u of a pooling window gives the largest y.

    Args:
        owned: Tensors of the layer by the names given in `BatchNorm`, each of shape (channels,).

    Attributes:
        folded: Layer that computes all of batch norm in training (see `Folded`).
        standardize: Layer that computes the first half of batch norm in training, before max pooling.
        scale: Layer that computes the second half of batch norm in training, after max pooling.
    """

    def __init__(self, owned: Mapping[str, Parameter]) -> None:
        super().__init__(owned)
        self.y = self.z = torch.empty(0)
        self.u = self.pooled = self.sign = self.slope = torch.empty(0)
        self.constant = self.along_u = torch.empty(0)
        self.folded = Folded(self.forward, self.backward)
        self.standardize = Folded(self._standardize, self._standardize_backward)
        self.scale = Folded(self._scale, self._scale_backward)

    def forward(self, z: Tensor) -> Tensor:
        """Returns the normalized batch, updates the running averages, and keeps the input z for `backward`."""
        self.z, self.samples = z, z.numel() // z.shape[-1]
        if self.y.shape != z.shape:
            self.y = torch.empty_like(z)
        self.batch_mean, var = aten.batch_norm_update_stats(
            _flat(z), self.running_mean, self.running_var, MOMENTUM
        )
        self.batch_rstd = torch.rsqrt(var + EPS)
        slope = self.weight.value * self.batch_rstd
        return torch.addcmul(self.bias.value - self.batch_mean * slope, z, slope, out=self.y)

    def backward(self, grad: Tensor) -> Tensor:
        """Writes the gradients of gamma and beta and returns the gradient of the input z."""
        z_grad, weight_grad, bias_grad = aten.native_batch_norm_backward(
            _flat(grad),
            _flat(self.z),
            self.weight.value,
            None,
            None,
            self.batch_mean,
            self.batch_rstd,
            True,
            EPS,
            [True, True, True],
        )
        self.weight.grad.copy_(weight_grad)
        self.bias.grad.copy_(bias_grad)
        result: Tensor = z_grad.permute(0, 2, 3, 1).reshape(grad.shape)
        return result

    def _standardize(self, z: Tensor) -> Tensor:
        """Computes the first half of batch norm: overwrites z with u = sign(gamma) * (z - mean) / sqrt(var + eps).

        This method also updates the running averages of the mean and of the variance.
        """
        mean, var = aten.batch_norm_update_stats(_flat(z), self.running_mean, self.running_var, MOMENTUM)
        self.sign = torch.copysign(constant(1, z.dtype), self.weight.value)
        self.slope = torch.rsqrt(var + EPS).mul_(self.sign)
        self.u = torch.addcmul(-mean * self.slope, z, self.slope, out=z)
        return self.u

    def _scale(self, pooled: Tensor) -> Tensor:
        """Computes the second half of batch norm, y = |gamma| * u + beta, from the max-pooled u of the first half.

        This method keeps the max-pooled u for `_scale_backward`.
        """
        self.pooled = pooled
        if self.y.shape != pooled.shape:
            self.y = torch.empty_like(pooled)
        return torch.addcmul(self.bias.value, pooled, self.weight.value.abs(), out=self.y)

    def _scale_backward(self, grad: Tensor) -> Tensor:
        """Writes the gradients of gamma and beta, and overwrites `grad` with the first term of the gradient of z.

        Let g be the gradient of u before the pooling, and slope = sign(gamma) / sqrt(var + eps). The gradient of z is
        slope * (g - mean(g) - u * mean(g * u)), with means over all positions of u. This method overwrites `grad`, the
        gradient of y, with slope * g, and keeps the factors of the other terms for `_standardize_backward`. The means
        need only the pooled values, because g is 0 wherever max pooling has dropped the value of u.
        """
        rows, channels = self.u[..., 0].numel(), grad.shape[-1]
        along = (grad * self.pooled).view(-1, channels).sum(0)
        torch.sum(grad.view(-1, channels), 0, out=self.bias.grad)
        torch.mul(along, self.sign, out=self.weight.grad)
        factor = self.weight.value.abs().mul_(self.slope)
        self.constant, self.along_u = self.bias.grad * factor / -rows, along.mul_(factor) / -rows
        return grad.mul_(factor)

    def _standardize_backward(self, grad: Tensor) -> Tensor:
        """Returns the gradient of z, the sum of its first term, `grad`, and its other terms (see `_scale_backward`).

        The result overwrites the tensor `self.u`, which is no longer needed.
        """
        return torch.addcmul(grad, self.u, self.along_u, out=self.u).add_(self.constant)

    def infer(self, z: Tensor) -> Tensor:
        """Returns y at inference, computed with the running averages."""
        slope, offset = self.inference_line()
        return torch.addcmul(offset, z, slope)


class Folded(OnlyInTraining):
    """A layer that computes batch norm or one half of it in training, and returns its input unchanged at inference.

    At inference, the convolution before this layer also computes the whole batch norm (see the argument `folded` of
    `Convolution`).
    """

    def __init__(self, forward: Callable[[Tensor], Tensor], backward: Callable[[Tensor], Tensor]) -> None:
        self.forward, self.backward = forward, backward


def _flat(z: Tensor) -> Tensor:
    """Returns a view of z, shape (batch, *spatial, channels), as pictures of shape (batch, channels, positions, 1).

    The pictures have torch's channels_last memory format.
    """
    return z.view(len(z), -1, 1, z.shape[-1]).permute(0, 3, 1, 2)


def _within_samples(
    owned: Mapping[str, Parameter], *, grouped: bool = False, centres: bool = True
) -> SampleNorm:
    """Returns a layer that normalizes each sample separately, for tensors of shape (batch, *spatial, channels).

    The layer views the tensor as (batch, positions, groups, channels of a group). If `grouped` is true, means are over
    all positions and all channels of a group. If `grouped` is false, means are over all channels at one position.
    """
    channels = len(owned["weight"].value)
    groups = group_count(channels) if grouped else 1
    shape, axes = (groups, channels // groups), (1, 3) if grouped else (3,)
    return SampleNorm(owned, (1, 1, *shape), lambda z: z.view(len(z), -1, *shape), axes=axes, centres=centres)


# Normalizations by their names in `experiment.norms.NORMS`.
CONV_NORMS: dict[str, Callable[[Mapping[str, Parameter]], Layer]] = {
    "batch": ConvBatchNorm,
    "layer": _within_samples,
    "rms": partial(_within_samples, centres=False),
    "group": partial(_within_samples, grouped=True),
}


def conv_norm(level: str, owned: Mapping[str, Parameter]) -> Layer | None:
    """Returns the normalization of one run's channels, or None if the level of the factor `norm` is `off`."""
    return None if level == OFF else CONV_NORMS[norm_name(level)](owned)
