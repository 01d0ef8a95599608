"""The plain networks with products in bf16: operands and results rounded to bfloat16, sums as exact as the dtype."""

import torch
import torch.nn.functional as F


class _Rounded(torch.autograd.Function):
    """A product whose operands, result and gradients are rounded; the gradient of the bias is not."""

    @staticmethod
    def forward(ctx, function, x, weight, bias):
        with torch.enable_grad():
            operands = [_round(part).requires_grad_() for part in (x, weight)]
            out = function(*operands, None if bias is None else _round(bias))
        ctx.saved = operands, out
        ctx.axes = None if bias is None else [axis for axis in range(out.ndim) if axis != 1]
        return _round(out)

    @staticmethod
    def backward(ctx, grad):
        operands, out = ctx.saved
        grads = torch.autograd.grad(out, operands, _round(grad))
        return None, *map(_round, grads), None if ctx.axes is None else grad.sum(ctx.axes)


def _round(value):
    return value.detach().bfloat16().to(value.dtype)


def round_products(network):
    """Makes linear layers and convolutions of a plain network compute as with `--precision bf16`; returns it."""
    for module in network.modules():
        if isinstance(module, torch.nn.Linear):
            module.forward = lambda x, layer=module: _linear(x, layer)
        elif isinstance(module, torch.nn.Conv2d):
            module.forward = lambda x, layer=module: _Rounded.apply(_convolve, x, layer.weight, layer.bias)
    return network


def _linear(x, layer):
    z = _Rounded.apply(F.linear, x, layer.weight, None)
    return z if layer.bias is None else z + layer.bias


def _convolve(x, weight, bias):
    return F.conv2d(x, weight, bias, padding=1)
