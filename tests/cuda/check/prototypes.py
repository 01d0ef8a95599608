"""Stage speed: kernels in Triton that the engine could be built on, checked against torch and then timed."""

from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from ablate.experiment.seeding import derive
from ablate.nn.dropout import uniforms
from tests.cuda.check.checks import Check
from tests.cuda.check.report import Report
from tests.cuda.check.timing import kernel_microseconds

# Largest error over the largest value, against float64.
ERRORS = {"ieee": 1e-5, "tf32x3": 1e-5, "tf32": 3e-3}
# Units, inner numbers, warps and stages.
FORWARD_TILES = ((64, 32, 4, 3), (128, 32, 8, 3), (32, 32, 4, 4))
UPDATE_TILES = ((64, 64, 4, 2), (128, 64, 8, 2))
DRY_TILES = ((16, 16, 4, 2),)
# In the order of the kernel's codes.
ACTIVATIONS = (torch.relu, torch.sigmoid, torch.tanh, F.silu, F.gelu)
RATES = (0.0, 0.2, 0.5)


class Sizes(NamedTuple):
    """Of a layer of a stack and of its data."""

    runs: int
    units: int
    inputs: int
    batch: int
    samples: int


MNIST, DRY = Sizes(128, 100, 784, 64, 48_000), Sizes(3, 10, 40, 16, 50)


class Operands(NamedTuple):
    """Of the products of a layer: weights, all samples, the samples of each run's batch, a gradient."""

    weight: Tensor
    x: Tensor
    order: Tensor
    grad: Tensor


def operands(device: str) -> Operands:
    """Returns random operands; runs of one seed see the same samples."""
    sizes = MNIST if device == "cuda" else DRY
    generator = torch.Generator(device=device).manual_seed(0)
    normal = partial(torch.randn, device=device, generator=generator)
    orders = torch.randint(0, sizes.samples, (4, sizes.batch), device=device, generator=generator)
    return Operands(
        normal(sizes.runs, sizes.units, sizes.inputs) * 0.05,
        normal(sizes.samples, sizes.inputs),
        orders[torch.arange(sizes.runs, device=device) % 4].contiguous(),
        normal(sizes.runs, sizes.units, sizes.batch) * 1e-3,
    )


def relative_error(values: Tensor, expected: Tensor) -> float:
    """Returns the largest error over the largest expected value."""
    return float((values - expected).abs().max() / expected.abs().max())


def _forward(device: str, report: Report) -> None:
    kernels = _kernels(report)
    if kernels is None:
        return
    weight, x, order, _ = operands(device)
    z = weight.new_empty((*weight.shape[:2], order.shape[1]))
    expected = weight[:3].double() @ x[order[:3]].double().transpose(1, 2)

    def error(precision: str, tiles: Any) -> float:
        z.fill_(torch.nan)
        kernels.forward(weight, x, order, z, precision, tiles)
        return relative_error(z[:3], expected)

    def call(precision: str, tiles: Any) -> None:
        kernels.forward(weight, x, order, z, precision, tiles)

    tiles = [kernels.Tiles(*numbers) for numbers in (FORWARD_TILES if device == "cuda" else DRY_TILES)]
    _report_product("forward", error, call, tiles, 2 * weight.numel() * order.shape[1], device, report)


def _update(device: str, report: Report) -> None:
    kernels = _kernels(report)
    if kernels is None:
        return
    weight, x, order, grad = operands(device)
    expected = weight[:3].double() + grad[:3].double() @ x[order[:3]].double()

    def error(precision: str, tiles: Any) -> float:
        moved = weight.clone()
        kernels.update(moved, grad, x, order, precision, tiles)
        # Of the step alone, beside which the weight is large.
        return relative_error(moved[:3] - weight[:3].double(), expected - weight[:3].double())

    scratch = weight.clone()

    def call(precision: str, tiles: Any) -> None:
        kernels.update(scratch, grad, x, order, precision, tiles)

    tiles = [kernels.Tiles(*numbers) for numbers in (UPDATE_TILES if device == "cuda" else DRY_TILES)]
    _report_product("update", error, call, tiles, 2 * weight.numel() * order.shape[1], device, report)


def _report_product(
    name: str,
    error: Callable[[str, Any], float],
    call: Callable[[str, Any], None],
    tiles: list[Any],
    flops: float,
    device: str,
    report: Report,
) -> None:
    for precision in ERRORS:
        times = {}
        for cut in tiles:
            with report.attempt(f"{name}, {precision}, {cut}"):
                largest = error(precision, cut)
                text = f"{name}, {precision}, {cut}: error {largest:.0e}"
                report.expect(largest < ERRORS[precision], text, error=largest)
                times[cut] = kernel_microseconds(partial(call, precision, cut), device)
        if times:
            best = min(times, key=times.__getitem__)
            us = times[best]
            report.measured(
                f"{name}, {precision}: {us:.0f} us, {flops / us / 1e6:.1f} TFLOP/s with {best}", device_us=us
            )


def _fused_layer(device: str, report: Report) -> None:
    kernels = _kernels(report)
    if kernels is None:
        return
    runs, units, batch = (128, 100, 64) if device == "cuda" else (15, 12, 16)
    generator = torch.Generator().manual_seed(1)
    number = torch.arange(runs)
    layer = kernels.FusedLayer(
        torch.randn(runs, units, batch, generator=generator).to(device),
        (torch.rand(runs, units, generator=generator) + 0.5).to(device),
        torch.randn(runs, units, generator=generator).to(device),
        (number % len(ACTIVATIONS)).to(torch.int32).to(device),
        torch.tensor(RATES)[number % len(RATES)].to(device),
        torch.stack([keys(seed) for seed in range(4)])[number % 4].contiguous().to(device),
    )
    grad = torch.randn(runs, units, batch, generator=generator).to(device)
    layer.forward()
    layer.grad.copy_(grad)
    layer.backward()
    _check_layer(layer, grad, report)
    for size in (8, 16) if device == "cuda" else (16,):
        forward = kernel_microseconds(partial(layer.forward, size), device)
        backward = kernel_microseconds(partial(layer.backward, size), device)
        report.measured(
            f"fused layer, {size} units per program: forward {forward:.1f} us, backward {backward:.1f} us",
            forward_us=forward,
            backward_us=backward,
        )


def keys(seed: int) -> Tensor:
    """Returns the two keys of a seed's dropout uniforms in the first layer at step 0, int32."""
    key = derive(seed, "dropout", 0, 0)
    return torch.tensor([key & 0xFFFFFFFF, (key >> 31) & 0xFFFFFFFF]).to(torch.int32)


def _check_layer(layer: Any, grad: Tensor, report: Report) -> None:
    """Compares a run of each activation with each rate with autograd in float64, and masks with the engine's."""
    errors, masks = [], []
    for run in range(len(ACTIVATIONS) * len(RATES)):
        code, rate = int(layer.codes[run]), float(layer.rates[run])
        shape = layer.z.shape[1:]
        keep = (uniforms(run % 4, 0, range(1), tuple(shape), layer.z.device)[0] >= layer.rates[run]).double()
        with torch.inference_mode(False), torch.enable_grad():
            z = layer.z[run].double().clone().requires_grad_()
            gamma, beta = layer.gamma[run].double(), layer.beta[run].double()
            normalized = F.batch_norm(z.unsqueeze(0), None, None, gamma, beta, training=True)[0]
            y = ACTIVATIONS[code](normalized) * keep / (1 - rate)
            (z_grad,) = torch.autograd.grad(y, z, grad[run].double())
        errors.append(relative_error(layer.y[run], y.detach()))
        errors.append(relative_error(layer.grad[run], z_grad))
        if ACTIVATIONS[code] is torch.sigmoid:  # whose values are never 0 by themselves
            masks.append(torch.equal(layer.y[run] != 0, keep != 0))
    report.expect(max(errors) < ERRORS["ieee"], f"fused layer: error {max(errors):.0e}", error=max(errors))
    report.expect(all(masks), f"fused layer: its {len(masks)} dropout masks are the engine's")


def _kernels(report: Report) -> Any:
    """Returns the module of kernels, or None where Triton is missing."""
    if find_spec("triton") is None:
        report.skipped("needs the package triton")
        return None
    from tests.cuda.check import triton_kernels

    return triton_kernels


CHECKS = {
    "batch norm, activation and dropout in one kernel": Check(_fused_layer, 20),
    "first layer forward, samples read in place": Check(_forward, 30),
    "first layer's update, samples read in place": Check(_update, 30),
}
