"""Normalizations with the statistics of a single sample: layer, RMS and group normalization."""

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
    """y = gamma * u + beta with u = (z - mean) / sqrt(mean((z - mean)^2) + eps); the same in training and at inference.

    Without centring, the mean is 0 and there is no beta. All tensors are viewed with four axes, and means are over some
    of these axes. Equals `torch.nn.LayerNorm`, `GroupNorm` and, without centring, `RMSNorm`.

    Args:
        owned: Tensors by name: weight (gamma) and, with centring, bias (beta).
        shape: Shape of gamma with four axes.
        view: Function that returns the view of z with four axes.
        axes: Axes over which means are taken.
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
        """Returns y, and keeps u for `backward`."""
        buffers = self.buffers_for(z)
        self.rstd = self._normalize(buffers.z, buffers.u, buffers.y)
        return buffers.out

    def backward(self, grad: Tensor) -> Tensor:
        """Writes the gradients of gamma and beta and replaces the gradient of y by the gradient of z, in place.

        If g is the gradient of u, the gradient of z is (g - mean(g) - u * mean(g * u)) / std. Without centring, the
        term mean(g) is absent.
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
        """Writes u and y and returns 1 / std. Products and sums are separate calls, so that all kernels round alike."""
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
