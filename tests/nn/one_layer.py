"""A layer alone: its parameters as a layer owns them, and one step through it and through its plain twin."""

import torch

from ablate.nn.parameters import Parameter


def parameter(value):
    """Returns a parameter with a gradient that is wrong until `backward` writes it."""
    return Parameter(value.clone(), torch.full_like(value, torch.nan))


def random(*shape, seed):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def step(layer, x, grad):
    """Returns the output of a layer in training and the gradient of its input."""
    output = layer.forward(x.clone()).clone()
    return output, layer.backward(grad.clone()).clone()


def plain_step(module, x, grad):
    """The same by autograd, for a module of torch.nn."""
    x = x.clone().requires_grad_()
    output = module(x)
    output.backward(grad)
    return output.detach(), x.grad
