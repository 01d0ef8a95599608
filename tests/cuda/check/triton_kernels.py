"""Prototypes in Triton of what the steps of a stack of MLPs could be on a GPU; the engine does not use them.

Layout as in the engine: activations (runs, units, batch), weights (runs, units, inputs). Names in capitals are
constants of the compiled kernel; the batch fits one tile.
"""

from typing import NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor


class Tiles(NamedTuple):
    """How a product is cut up: units and inner numbers in a tile, warps per program, stages of its pipeline."""

    units: int
    inner: int
    warps: int
    stages: int


@triton.jit
def _forward_kernel(
    weight, x, order, z, units, inputs, UNITS: tl.constexpr, BATCH: tl.constexpr, INNER: tl.constexpr,
    PRECISION: tl.constexpr,
):  # fmt: skip
    """z[run] = weight[run] @ x[order[run]].T; samples are read from the dataset where they lie."""
    run = tl.program_id(1).to(tl.int64)
    unit = tl.program_id(0) * UNITS + tl.arange(0, UNITS)
    column = tl.arange(0, BATCH)
    sample = tl.load(order + run * BATCH + column)
    total = tl.zeros((UNITS, BATCH), tl.float32)
    for start in range(0, inputs, INNER):
        inner = start + tl.arange(0, INNER)
        w = tl.load(
            weight + run * units * inputs + unit[:, None] * inputs + inner[None, :],
            mask=(unit[:, None] < units) & (inner[None, :] < inputs),
            other=0.0,
        )
        numbers = tl.load(
            x + sample[None, :] * inputs + inner[:, None], mask=inner[:, None] < inputs, other=0.0
        )
        total = tl.dot(w, numbers, total, input_precision=PRECISION)
    tl.store(
        z + run * units * BATCH + unit[:, None] * BATCH + column[None, :], total, mask=unit[:, None] < units
    )


@triton.jit
def _update_kernel(
    weight, grad, x, order, units, inputs, UNITS: tl.constexpr, BATCH: tl.constexpr, INNER: tl.constexpr,
    PRECISION: tl.constexpr,
):  # fmt: skip
    """weight[run] += grad[run] @ x[order[run]]: the update of plain gradient descent, fused into its product."""
    run = tl.program_id(2).to(tl.int64)
    unit = tl.program_id(1) * UNITS + tl.arange(0, UNITS)
    inner = tl.program_id(0) * INNER + tl.arange(0, INNER)
    column = tl.arange(0, BATCH)
    sample = tl.load(order + run * BATCH + column)
    g = tl.load(
        grad + run * units * BATCH + unit[:, None] * BATCH + column[None, :],
        mask=unit[:, None] < units,
        other=0.0,
    )
    numbers = tl.load(x + sample[:, None] * inputs + inner[None, :], mask=inner[None, :] < inputs, other=0.0)
    at = weight + run * units * inputs + unit[:, None] * inputs + inner[None, :]
    inside = (unit[:, None] < units) & (inner[None, :] < inputs)
    step = tl.dot(g, numbers, input_precision=PRECISION)
    tl.store(at, tl.load(at, mask=inside, other=0.0) + step, mask=inside)


@triton.jit
def _shift_xor(number, BITS: tl.constexpr):
    return number ^ (number >> BITS)


@triton.jit
def _uniform(counter, first_key, second_key):
    """Returns the uniforms of `ablate.nn.dropout.uniforms`, to the bit."""
    h = counter.to(tl.uint32) * 2654435769
    h = _shift_xor(h ^ first_key.to(tl.uint32, bitcast=True), 16)
    h = _shift_xor(h * 2246822507 + second_key.to(tl.uint32, bitcast=True), 13)
    h = _shift_xor(h * 3266489909, 16)
    return (h >> 8).to(tl.float32) * 5.9604644775390625e-08


@triton.jit
def _layer_kernel(
    z, y, slope, means, rstds, gammas, betas, codes, rates, keys, units, UNITS: tl.constexpr, BATCH: tl.constexpr
):  # fmt: skip
    """Batch norm, activation and dropout in one pass: writes y, and its derivative by the normalized z."""
    run = tl.program_id(1).to(tl.int64)
    unit = tl.program_id(0) * UNITS + tl.arange(0, UNITS)
    column = tl.arange(0, BATCH)
    at = run * units * BATCH + unit[:, None] * BATCH + column[None, :]
    inside = unit < units
    value = tl.load(z + at, mask=inside[:, None], other=0.0)
    mean = tl.sum(value, 1) / BATCH
    centred = value - mean[:, None]
    rstd = 1.0 / tl.sqrt(tl.sum(centred * centred, 1) / BATCH + 1e-5)
    tl.store(means + run * units + unit, mean, mask=inside)
    tl.store(rstds + run * units + unit, rstd, mask=inside)
    gamma = tl.load(gammas + run * units + unit, mask=inside, other=0.0)
    beta = tl.load(betas + run * units + unit, mask=inside, other=0.0)
    u = centred * (rstd * gamma)[:, None] + beta[:, None]
    code = tl.load(codes + run)
    sigmoid = 1.0 / (1.0 + tl.exp(-u))
    out = tl.maximum(u, 0.0)  # code 0: relu
    derivative = tl.where(u > 0, 1.0, 0.0)
    if code == 1:  # sigmoid
        out = sigmoid
        derivative = sigmoid * (1.0 - sigmoid)
    if code == 2:  # tanh
        out = 2.0 / (1.0 + tl.exp(-2.0 * u)) - 1.0
        derivative = 1.0 - out * out
    if code == 3:  # silu
        out = u * sigmoid
        derivative = sigmoid + out * (1.0 - sigmoid)
    if code == 4:  # gelu
        share = 0.5 * (1.0 + tl.erf(u * 0.7071067811865476))
        out = u * share
        derivative = share + u * 0.3989422804014327 * tl.exp(-0.5 * u * u)
    rate = tl.load(rates + run)
    if rate > 0:
        uniform = _uniform(
            unit[:, None] * BATCH + column[None, :], tl.load(keys + 2 * run), tl.load(keys + 2 * run + 1)
        )
        scale = tl.where(uniform >= rate, 1.0 / (1.0 - rate), 0.0)
        out = out * scale
        derivative = derivative * scale
    tl.store(y + at, out, mask=inside[:, None])
    tl.store(slope + at, derivative, mask=inside[:, None])


@triton.jit
def _layer_backward_kernel(
    grad, slope, z, means, rstds, gammas, gamma_grads, beta_grads, units, UNITS: tl.constexpr, BATCH: tl.constexpr
):  # fmt: skip
    """Turns the gradient of y into that of z, in place, and writes those of gamma and beta."""
    run = tl.program_id(1).to(tl.int64)
    unit = tl.program_id(0) * UNITS + tl.arange(0, UNITS)
    column = tl.arange(0, BATCH)
    at = run * units * BATCH + unit[:, None] * BATCH + column[None, :]
    inside = unit < units
    g = tl.load(grad + at, mask=inside[:, None], other=0.0) * tl.load(
        slope + at, mask=inside[:, None], other=0.0
    )
    mean = tl.load(means + run * units + unit, mask=inside, other=0.0)
    rstd = tl.load(rstds + run * units + unit, mask=inside, other=0.0)
    gamma = tl.load(gammas + run * units + unit, mask=inside, other=0.0)
    normalized = (tl.load(z + at, mask=inside[:, None], other=0.0) - mean[:, None]) * rstd[:, None]
    beta_grad = tl.sum(g, 1)
    gamma_grad = tl.sum(g * normalized, 1)
    tl.store(beta_grads + run * units + unit, beta_grad, mask=inside)
    tl.store(gamma_grads + run * units + unit, gamma_grad, mask=inside)
    z_grad = g - (beta_grad / BATCH)[:, None] - normalized * (gamma_grad / BATCH)[:, None]
    tl.store(grad + at, z_grad * (gamma * rstd)[:, None], mask=inside[:, None])


def forward(weight: Tensor, x: Tensor, order: Tensor, z: Tensor, precision: str, tiles: Tiles) -> None:
    """Writes weight @ x[order].T of each run into z.

    Args:
        weight: Shape (runs, units, inputs).
        x: All samples, shape (samples, inputs).
        order: Samples of each run's batch, int64 of shape (runs, batch).
        z: Shape (runs, units, batch).
        precision: `ieee`, `tf32x3` or `tf32`.
        tiles: Of the product.
    """
    runs, units, inputs = weight.shape
    _forward_kernel[(triton.cdiv(units, tiles.units), runs)](
        weight, x, order, z, units, inputs, tiles.units, order.shape[1], tiles.inner, precision,
        num_warps=tiles.warps, num_stages=tiles.stages,
    )  # fmt: skip


def update(weight: Tensor, grad: Tensor, x: Tensor, order: Tensor, precision: str, tiles: Tiles) -> None:
    """Adds grad @ x[order] of each run to its weight; arguments are as for `forward`, grad is as z there."""
    runs, units, inputs = weight.shape
    _update_kernel[(triton.cdiv(inputs, tiles.inner), triton.cdiv(units, tiles.units), runs)](
        weight, grad, x, order, units, inputs, tiles.units, order.shape[1], tiles.inner, precision,
        num_warps=tiles.warps, num_stages=tiles.stages,
    )  # fmt: skip


class FusedLayer:
    """Batch norm, activation and dropout of a stack, one kernel forward and one backward.

    Args:
        z: What the linear layer has given, shape (runs, units, batch).
        gamma: Shape (runs, units).
        beta: Shape (runs, units).
        codes: Activation of each run, int32: its place among relu, sigmoid, tanh, silu, gelu.
        rates: Dropout rate of each run, float32.
        keys: Keys of the uniforms of each run, int32 of shape (runs, 2).

    Attributes:
        y: Output.
        slope: Its derivative by the normalized z.
        grad: The gradient of y, which `backward` replaces by that of z.
    """

    def __init__(
        self, z: Tensor, gamma: Tensor, beta: Tensor, codes: Tensor, rates: Tensor, keys: Tensor
    ) -> None:
        self.z, self.gamma, self.beta, self.codes, self.rates, self.keys = z, gamma, beta, codes, rates, keys
        self.y, self.slope, self.grad = (torch.empty_like(z) for _ in range(3))
        self.mean, self.rstd, self.gamma_grad, self.beta_grad = (torch.empty_like(gamma) for _ in range(4))

    def forward(self, units: int = 16) -> None:
        """Computes y and slope, so many units per program."""
        _layer_kernel[self._grid(units)](
            self.z, self.y, self.slope, self.mean, self.rstd, self.gamma, self.beta, self.codes, self.rates,
            self.keys, self.z.shape[1], units, self.z.shape[2],
        )  # fmt: skip

    def backward(self, units: int = 16) -> None:
        """Computes the gradients, so many units per program."""
        _layer_backward_kernel[self._grid(units)](
            self.grad, self.slope, self.z, self.mean, self.rstd, self.gamma, self.gamma_grad, self.beta_grad,
            self.z.shape[1], units, self.z.shape[2],
        )  # fmt: skip

    def _grid(self, units: int) -> tuple[int, int]:
        return triton.cdiv(self.z.shape[1], units), self.z.shape[0]
