"""Optimizers and learning-rate schedules over the flat parameters of a stack.

torch's fused kernels are called as `torch.optim` calls them, but without its wrapper, which costs more than the kernel
itself in a step of small networks, and a second of imports at its first use.
"""

import math
from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from ablate.experiment.grid import Run
from ablate.experiment.spec import Schedule
from ablate.nn.parameters import StackParameters

# Defaults of torch.optim.Adam and AdamW.
BETAS = (0.9, 0.999)
EPS = 1e-8


class Optimizer(Protocol):
    """Updates flat parameters in place by their gradient."""

    @property
    def negative_rate(self) -> Tensor | None:
        """Minus the learning rate, if `train_step` is to multiply gradients by it and to update the weights itself."""
        ...

    def set_rate(self, rate: float) -> None:
        """Sets the learning rate of the steps that follow."""
        ...

    def step(self) -> None:
        """Takes one step; it needs nothing from the host."""
        ...


class PlainSGD:
    """Gradient descent without momentum and decay, as `torch.optim.SGD`.

    Args:
        parameters: Of the stack. Those in `fused` are updated by `train_step`, which leaves the changes of the others
            as their gradients.
    """

    def __init__(self, parameters: StackParameters) -> None:
        rest = slice(parameters.fused.stop, None)
        self.values, self.changes = parameters.flat[rest], parameters.flat_grad[rest]
        self.negative_rate = parameters.flat.new_zeros(())

    def set_rate(self, rate: float) -> None:
        """Sets the learning rate."""
        self.negative_rate.fill_(-rate)

    def step(self) -> None:
        """Updates the parameters that `train_step` has not updated."""
        self.values.add_(self.changes)


class _Kernel:
    """What the optimizers made of one of torch's fused kernels have in common."""

    negative_rate = None

    def __init__(self, parameters: StackParameters, weight_decay: float) -> None:
        flat = parameters.flat
        self.values, self.grads, self.weight_decay = [flat], [parameters.flat_grad], weight_decay
        # CUDA's kernels read the rate as float32, whatever the parameters are.
        self.rate = flat.new_zeros((), dtype=torch.float32 if flat.is_cuda else flat.dtype)

    def set_rate(self, rate: float) -> None:
        """Sets the learning rate."""
        self.rate.fill_(rate)


class SGD(_Kernel):
    """Stochastic gradient descent, as `torch.optim.SGD`.

    Args:
        parameters: Of the stack.
        momentum: Of the running sum of gradients; 0 keeps none.
        weight_decay: L2 penalty added to the gradient.
    """

    def __init__(self, parameters: StackParameters, momentum: float, weight_decay: float) -> None:
        super().__init__(parameters, weight_decay)
        self.momentum = momentum
        # Starting from zeros the first step is that of torch, whose buffer starts as the gradient.
        self.buffers = [torch.zeros_like(parameters.flat)] if momentum else []

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


class Adam(_Kernel):
    """Adam (Kingma and Ba, 2015), or AdamW with decoupled decay (Loshchilov and Hutter, 2019), as in `torch.optim`.

    Args:
        parameters: Of the stack.
        weight_decay: L2 penalty added to the gradient, or the decoupled decay.
        decoupled: Whether it is AdamW.
    """

    def __init__(self, parameters: StackParameters, weight_decay: float, *, decoupled: bool) -> None:
        super().__init__(parameters, weight_decay)
        flat = parameters.flat
        self.means, self.squares = [torch.zeros_like(flat)], [torch.zeros_like(flat)]
        self.steps = [torch.zeros((), dtype=torch.float32, device=flat.device)]
        self.kernel = torch._fused_adamw_ if decoupled else torch._fused_adam_

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


def _sgd(run: Run, parameters: StackParameters) -> Optimizer:
    if run.momentum == run.weight_decay == 0:
        return PlainSGD(parameters)
    return SGD(parameters, run.momentum, run.weight_decay)


OPTIMIZERS: dict[str, Callable[[Run, StackParameters], Optimizer]] = {
    "sgd": _sgd,
    "adam": lambda run, parameters: Adam(parameters, run.weight_decay, decoupled=False),
    "adamw": lambda run, parameters: Adam(parameters, run.weight_decay, decoupled=True),
}


def optimizer_for(run: Run, parameters: StackParameters) -> Optimizer:
    """Returns the optimizer of a run's settings over the parameters of its whole stack."""
    return OPTIMIZERS[run.optimizer](run, parameters)


def rate_factor(schedule: Schedule, step: int, steps: int) -> float:
    """Returns the factor of the learning rate at a step, counted from 0.

    Cosine is 0.5 * (1 + cos(pi * step / steps)), from 1 towards 0 without restarts (Loshchilov and Hutter, 2017).
    """
    match schedule:
        case "constant":
            return 1.0
        case "cosine":
            return 0.5 * (1 + math.cos(math.pi * step / steps))
