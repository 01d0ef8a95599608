"""Normalizations with the statistics of a single sample: layer norm, RMS norm and group norm."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from ablate.nn.constants import constant
from ablate.nn.parameters import Parameter
from ablate.nn.views import Cached

# Default of torch.nn.LayerNorm and GroupNorm. The default of RMSNorm is the machine epsilon of the dtype.
EPS = 1e-5


class _Buffers(NamedTuple):
    z: Tensor
    u: Tensor
    y: Tensor
    scratch: Tensor
    out: Tensor  # y in the shape of z


class SampleNorm:
    """Computes y = gamma * u + beta with the normalized input u = (z - mean) / std.

    Here std is sqrt(mean((z - mean)^2) + eps). If `centres` is false, the mean is not subtracted and there is no beta,
    as in RMS normalization. The layer views all tensors with four axes and takes means over some of these axes.
    In training and at inference alike, the layer computes the same as `torch.nn.LayerNorm`, `GroupNorm` or `RMSNorm`,
    depending on its arguments.

    Args:
        owned: Tensors of the layer by name: weight (gamma) and, if `centres` is true, bias (beta).
        shape: Shape of the view of gamma and beta with four axes.
        view: Function that returns a view of z with four axes.
        axes: Axes of the view of z over which means are taken.
        centres: Whether the mean is subtracted.
    """

    def __init__(
        self,
        owned: Mapping[str, Parameter],
        shape: tuple[int, ...],
        view: Callable[[Tensor], Tensor],
        *,
        axes: tuple[int, ...],
        centres: bool,
    ) -> None:
        # The weight precedes the bias, as in torch.nn.
        gamma, *beta = (Parameter(value.view(shape), grad.view(shape)) for value, grad in owned.values())
        self.gamma, self.beta = gamma, beta[0] if beta else None
        self.view, self.axes, self.centres = view, axes, centres
        self.eps = EPS if centres else torch.finfo(gamma.value.dtype).eps
        self.shared_axes = tuple(axis for axis in range(4) if shape[axis] == 1)
        self.buffers_for, self.grad_view = Cached(self._buffers), Cached(view)
        self.rstd = torch.empty(0)

    def forward(self, z: Tensor) -> Tensor:
        """Returns y, and keeps the normalized input u for `backward`."""
        buffers = self.buffers_for(z)
        self.rstd = self._normalize(buffers.z, buffers.u, buffers.y)
        return buffers.out

    def backward(self, grad: Tensor) -> Tensor:
        """Writes the gradients of gamma and beta, and overwrites `grad`, the gradient of y, with the gradient of z.

        If g is the gradient of the normalized input u, the gradient of z is (g - mean(g) - u * mean(g * u)) / std. If
        `centres` is false, the term mean(g) is absent.
        """
        g, scratch = self.grad_view(grad), self.buffers_for.value.scratch
        u, gamma = self.buffers_for.value.u, self.gamma.value
        if self.beta:
            torch.sum(g, self.shared_axes, keepdim=True, out=self.beta.grad)
        along = torch.mul(g, u, out=scratch)
        torch.sum(along, self.shared_axes, keepdim=True, out=self.gamma.grad)
        mean_along = along.mul_(gamma).mean(self.axes, keepdim=True)
        g.mul_(gamma)
        if self.centres:
            g.sub_(g.mean(self.axes, keepdim=True))
        g.sub_(torch.mul(u, mean_along, out=scratch)).mul_(self.rstd)
        return grad

    def infer(self, z: Tensor) -> Tensor:
        """Returns y as a new tensor."""
        u, y = torch.empty_like(z), torch.empty_like(z)
        self._normalize(*map(self.view, (z, u, y)))
        return y

    def _normalize(self, z: Tensor, u: Tensor, y: Tensor) -> Tensor:
        """Writes the normalized input into u and the output into y, and returns 1 / std.

        Products and sums are computed by separate calls, so that all kernels of torch give the same rounding.
        """
        centred = torch.sub(z, z.mean(self.axes, keepdim=True), out=u) if self.centres else z
        power = torch.mul(centred, centred, out=y).mean(self.axes, keepdim=True)
        rstd = power.add_(constant(self.eps, z.dtype)).rsqrt_()
        torch.mul(centred, rstd, out=u)
        torch.mul(u, self.gamma.value, out=y)
        if self.beta:
            y.add_(self.beta.value)
        return rstd

    def _buffers(self, z: Tensor) -> _Buffers:
        out = torch.empty_like(z)
        z, u, y, scratch = map(self.view, (z, torch.empty_like(z), out, torch.empty_like(z)))
        return _Buffers(z, u, y, scratch, out)
