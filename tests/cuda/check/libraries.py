"""Stage speed: what cuBLAS and cuDNN give for the products and convolutions of a stack, without the engine."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor

from tests.cuda.check.checks import Check
from tests.cuda.check.report import Report
from tests.cuda.check.timing import kernel_microseconds

aten = torch.ops.aten
BATCH = 64
STRIDE, PADDING, DILATION = [1, 1], [1, 1], [1, 1]
PRECISIONS = ("ieee", "tf32")
# Rows and inner size of the weights of the MLP's hidden layers on MNIST.
LAYERS = {"first layer": (100, 784), "second layer": (50, 100)}


class Convolution(NamedTuple):
    """A convolution of the cnn on CIFAR-10: channels in and out, and height and width."""

    inputs: int
    outputs: int
    size: int


CONVOLUTIONS = (Convolution(3, 32, 32), Convolution(32, 64, 16))


def _products(device: str, report: Report) -> None:
    for name, (rows, inner) in LAYERS.items():
        for runs in (16, 64, 128, 360) if device == "cuda" else (2,):
            calls = _product_calls(runs, rows, inner, device)
            for precision in PRECISIONS:
                torch.backends.cuda.matmul.fp32_precision = precision
                times = {call: kernel_microseconds(function, device) for call, function in calls.items()}
                torch.backends.cuda.matmul.fp32_precision = "ieee"
                flops = 2 * runs * rows * inner * BATCH
                report.measured(f"{name}, {runs} runs, {precision}: {rates(times, flops)}", **times)


def _product_calls(runs: int, rows: int, inner: int, device: str) -> dict[str, Callable[[], object]]:
    """Returns the products of a layer in a step: forward, on shared inputs, the fused update, the input gradient."""
    weight = torch.randn(runs, rows, inner, device=device)
    x, grad = torch.randn(runs, BATCH, inner, device=device), torch.randn(runs, rows, BATCH, device=device)
    z, x_grad = torch.empty(runs, rows, BATCH, device=device), torch.empty(runs, inner, BATCH, device=device)
    shared = x[:1].transpose(1, 2).expand(runs, -1, -1)
    return {
        "forward": lambda: torch.bmm(weight, x.transpose(1, 2), out=z),
        "shared": lambda: torch.bmm(weight, shared, out=z),
        "update": lambda: weight.baddbmm_(grad, x, alpha=1e-9),
        "input_gradient": lambda: torch.bmm(weight.transpose(1, 2), grad, out=x_grad),
    }


def rates(times: dict[str, float], flops: float) -> str:
    """Returns times in microseconds with the TFLOP/s that they are."""
    return ", ".join(f"{name} {us:.0f} us ({flops / us / 1e6:.1f} TFLOP/s)" for name, us in times.items())


def _slices_of_products(device: str, report: Report) -> None:
    full, sizes = (128, (1, 2, 8, 36, 72)) if device == "cuda" else (2, (1,))
    for name, (rows, inner) in LAYERS.items():
        weight, x = (torch.randn(full, size, inner, device=device) for size in (rows, BATCH))
        grad = torch.randn(full, rows, BATCH, device=device)
        products: dict[str, Callable[[int], Tensor]] = {
            "forward": lambda n, w=weight, x=x: torch.bmm(w[:n], x[:n].transpose(1, 2)),
            "update": lambda n, w=weight, x=x, g=grad: torch.baddbmm(w[:n], g[:n], x[:n]),
            "input gradient": lambda n, w=weight, g=grad: torch.bmm(w[:n].transpose(1, 2), g[:n]),
        }
        for product, function in products.items():
            expected = function(full)
            other = {size: _unequal(function(size), expected) for size in sizes}
            report.measured(f"{name}, {product}: slices with other bits than in a product of {full}: {other}")


def _unequal(slices: Tensor, expected: Tensor) -> int:
    """Returns how many slices differ from those of a larger product."""
    return sum(not torch.equal(one, other) for one, other in zip(slices, expected, strict=False))


def _convolutions(device: str, report: Report) -> None:
    is_dry = device == "cpu"
    for shape in CONVOLUTIONS[: 1 if is_dry else 2]:
        for groups in (1,) if is_dry else (1, 16):
            for form, name in ((torch.channels_last, "NHWC"), (torch.contiguous_format, "NCHW")):
                for precision in PRECISIONS:
                    channels = f"{shape.inputs} to {shape.outputs} channels at {shape.size} x {shape.size}"
                    text = f"{channels}, {groups} runs as groups, {name}, {precision}"
                    with report.attempt(text):
                        _time_convolution(text, shape, groups, form, precision, device, report)


def _time_convolution(
    text: str, shape: Convolution, groups: int, form: Any, precision: str, device: str, report: Report
) -> None:
    torch.backends.cudnn.conv.fp32_precision = precision
    try:
        calls = convolution_calls(shape, groups, form, device)
        times = {name: kernel_microseconds(call, device, calls=5) / groups for name, call in calls.items()}
    finally:
        torch.backends.cudnn.conv.fp32_precision = "ieee"
    flops = 2 * BATCH * shape.size**2 * shape.inputs * 9 * shape.outputs
    report.measured(f"{text}, per run: {rates(times, flops)}", **times)


def convolution_calls(
    shape: Convolution, groups: int, form: torch.memory_format, device: str
) -> dict[str, Callable[[], object]]:
    """Returns a 3 x 3 convolution of some runs as groups, and its two gradients."""

    def numbers(*sizes: int) -> Tensor:
        return torch.randn(*sizes, device=device).contiguous(memory_format=form)

    x = numbers(BATCH, shape.inputs * groups, shape.size, shape.size)
    weight = numbers(shape.outputs * groups, shape.inputs, 3, 3)
    grad = numbers(BATCH, shape.outputs * groups, shape.size, shape.size)
    options = (STRIDE, PADDING, DILATION, False, [0, 0], groups)
    backward = partial(aten.convolution_backward, grad, x, weight, None, *options)
    return {
        "forward": lambda: aten.convolution(x, weight, None, *options),
        "weight_gradient": lambda: backward([False, True, False]),
        "input_gradient": lambda: backward([True, False, False]),
    }


CHECKS = {
    "batched products": Check(_products, 30),
    "bits of slices of products": Check(_slices_of_products, 10),
    "convolutions": Check(_convolutions, 30),
}
