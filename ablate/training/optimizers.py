"""Optimizers and learning-rate schedules over the flat parameters of a stack.

torch's fused kernels are called as `torch.optim` calls them, without its wrapper: that costs more than the kernel
itself in a step of small networks, and a second of imports at its first use.
"""

import math
from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from ablate.experiment.grid import Run
from ablate.experiment.spec import Schedule
from ablate.nn.parameters import FlatParameters

# Defaults of torch.optim.Adam and AdamW.
BETAS = (0.9, 0.999)
EPS = 1e-8


class Optimizer(Protocol):
    """Updates flat parameters in place by their gradient."""

    @property
    def descent(self) -> Tensor | None:
        """Minus the rate, if `train_step` is to multiply gradients by it and to take the steps of the weights."""
        ...

    def set_rate(self, rate: float) -> None:
        """Sets the learning rate of the steps that follow."""
        ...

    def step(self) -> None:
        """Takes one step; it asks nothing of the host."""
        ...


class Descent:
    """Plain gradient descent, as `torch.optim.SGD` without momentum and decay.

    Args:
        values: All parameters, shape (elements,).
        grad: Their gradient, which changes in place between steps.
        weights: Where in them the weights are, which take their steps as their gradients are made.
    """

    def __init__(self, values: Tensor, grad: Tensor, weights: slice) -> None:
        self.values, self.grad = values[weights.stop :], grad[weights.stop :]
        self.descent = values.new_zeros(())

    def set_rate(self, rate: float) -> None:
        """Sets the learning rate."""
        self.descent.fill_(-rate)

    def step(self) -> None:
        """Takes the step of all that are no weights; it is what `train_step` has left as their gradient."""
        self.values.add_(self.grad)


class SGD:
    """Stochastic gradient descent, as `torch.optim.SGD`.

    Args:
        values: Parameters, shape (elements,).
        grad: Their gradient, which changes in place between steps.
        momentum: Of the running sum of gradients; 0 keeps none.
        weight_decay: L2 penalty added to the gradient.
    """

    descent = None

    def __init__(self, values: Tensor, grad: Tensor, momentum: float, weight_decay: float) -> None:
        self.values, self.grads = [values], [grad]
        self.momentum, self.weight_decay = momentum, weight_decay
        # From zeros the first step is what torch makes it: the gradient itself.
        self.buffers = [torch.zeros_like(values)] if momentum else []
        self.rate = _rate_like(values)

    def set_rate(self, rate: float) -> None:
        """Sets the learning rate."""
        self.rate.fill_(rate)

    def step(self) -> None:
        """Takes one step."""
        torch._fused_sgd_(
            self.values,
            self.grads,
            self.buffers,
            weight_decay=self.weight_decay,
            momentum=self.momentum,
            lr=self.rate,
            dampening=0.0,
            nesterov=False,
            maximize=False,
            is_first_step=False,
        )


class Adam:
    """Adam (Kingma and Ba, 2015), or AdamW with decoupled decay (Loshchilov and Hutter, 2019), as in `torch.optim`.

    Args:
        values: Parameters, shape (elements,).
        grad: Their gradient, which changes in place between steps.
        weight_decay: L2 penalty added to the gradient, or the decoupled decay.
        decoupled: Whether it is AdamW.
    """

    descent = None

    def __init__(self, values: Tensor, grad: Tensor, weight_decay: float, *, decoupled: bool) -> None:
        self.values, self.grads, self.weight_decay = [values], [grad], weight_decay
        self.means, self.squares = [torch.zeros_like(values)], [torch.zeros_like(values)]
        self.steps = [torch.zeros((), dtype=torch.float32, device=values.device)]
        self.rate = _rate_like(values)
        self.kernel = torch._fused_adamw_ if decoupled else torch._fused_adam_

    def set_rate(self, rate: float) -> None:
        """Sets the learning rate."""
        self.rate.fill_(rate)

    def step(self) -> None:
        """Takes one step."""
        self.steps[0] += 1
        self.kernel(
            self.values,
            self.grads,
            self.means,
            self.squares,
            [],
            self.steps,
            lr=self.rate,
            beta1=BETAS[0],
            beta2=BETAS[1],
            weight_decay=self.weight_decay,
            eps=EPS,
            amsgrad=False,
            maximize=False,
        )


def _rate_like(values: Tensor) -> Tensor:
    """Returns room for a rate; CUDA's kernels read it as float32, whatever the parameters are."""
    return values.new_zeros((), dtype=torch.float32 if values.is_cuda else values.dtype)


def optimizer_for(run: Run, parameters: FlatParameters, weights: slice) -> Optimizer:
    """Returns the optimizer of a run's settings over the parameters of its whole stack.

    Args:
        run: Its settings.
        parameters: Of the stack.
        weights: Where in the flat parameters the weights are that can take their steps by themselves.
    """
    return OPTIMIZERS[run.optimizer](run, parameters.flat, parameters.flat_grad, weights)


def _sgd(run: Run, values: Tensor, grad: Tensor, weights: slice) -> Optimizer:
    if run.momentum == run.weight_decay == 0:
        return Descent(values, grad, weights)
    return SGD(values, grad, run.momentum, run.weight_decay)


def _adam(run: Run, values: Tensor, grad: Tensor, weights: slice) -> Optimizer:
    del weights
    return Adam(values, grad, run.weight_decay, decoupled=run.optimizer == "adamw")


OPTIMIZERS: dict[str, Callable[[Run, Tensor, Tensor, slice], Optimizer]] = {
    "sgd": _sgd,
    "adam": _adam,
    "adamw": _adam,
}


def rate_factor(schedule: Schedule, step: int, steps: int) -> float:
    """Returns what the learning rate is multiplied by at a step, counted from 0.

    Cosine is 0.5 * (1 + cos(pi * step / steps)), from 1 towards 0 without restarts (Loshchilov and Hutter, 2017).
    """
    match schedule:
        case "constant":
            return 1.0
        case "cosine":
            return 0.5 * (1 + math.cos(math.pi * step / steps))
