"""Optimizers and learning-rate schedules over the flat parameters of a stack.

torch's fused kernels are called as `torch.optim` calls them, without its wrapper: that costs more than the kernel
itself in a step of small networks, and a second of imports at its first use.
"""

import math
from typing import Protocol

import torch
from torch import Tensor

from ablate.experiment.grid import Run
from ablate.experiment.spec import Schedule

# Defaults of torch.optim.Adam and AdamW.
BETAS = (0.9, 0.999)
EPS = 1e-8


class Optimizer(Protocol):
    """Updates flat parameters in place by their gradient."""

    def step(self, learning_rate: float) -> None:
        """Takes one step at this rate."""
        ...


class SGD:
    """Stochastic gradient descent, as `torch.optim.SGD`.

    Args:
        values: Parameters, shape (elements,).
        grad: Their gradient, which changes in place between steps.
        momentum: Of the running sum of gradients; 0 keeps none.
        weight_decay: L2 penalty added to the gradient.
    """

    def __init__(self, values: Tensor, grad: Tensor, momentum: float, weight_decay: float) -> None:
        self.values, self.grads = [values], [grad]
        self.momentum, self.weight_decay = momentum, weight_decay
        self.buffers = [torch.empty_like(values)] if momentum else []
        self.is_first_step = True

    def step(self, learning_rate: float) -> None:
        """Takes one step at this rate."""
        torch._fused_sgd_(
            self.values,
            self.grads,
            self.buffers,
            weight_decay=self.weight_decay,
            momentum=self.momentum,
            lr=learning_rate,
            dampening=0.0,
            nesterov=False,
            maximize=False,
            is_first_step=self.is_first_step,
        )
        self.is_first_step = False


class Adam:
    """Adam (Kingma and Ba, 2015), or AdamW with decoupled decay (Loshchilov and Hutter, 2019), as in `torch.optim`.

    Args:
        values: Parameters, shape (elements,).
        grad: Their gradient, which changes in place between steps.
        weight_decay: L2 penalty added to the gradient, or the decoupled decay.
        decoupled: Whether it is AdamW.
    """

    def __init__(self, values: Tensor, grad: Tensor, weight_decay: float, *, decoupled: bool) -> None:
        self.values, self.grads, self.weight_decay = [values], [grad], weight_decay
        self.means, self.squares = [torch.zeros_like(values)], [torch.zeros_like(values)]
        self.steps = [torch.zeros((), dtype=torch.float32, device=values.device)]
        self.kernel = torch._fused_adamw_ if decoupled else torch._fused_adam_

    def step(self, learning_rate: float) -> None:
        """Takes one step at this rate."""
        self.steps[0] += 1
        self.kernel(
            self.values,
            self.grads,
            self.means,
            self.squares,
            [],
            self.steps,
            lr=learning_rate,
            beta1=BETAS[0],
            beta2=BETAS[1],
            weight_decay=self.weight_decay,
            eps=EPS,
            amsgrad=False,
            maximize=False,
        )


def optimizer_for(run: Run, values: Tensor, grad: Tensor) -> Optimizer:
    """Returns the optimizer of a run's settings over the parameters of its whole stack."""
    match run.optimizer:
        case "sgd":
            return SGD(values, grad, run.momentum, run.weight_decay)
        case "adam":
            return Adam(values, grad, run.weight_decay, decoupled=False)
        case "adamw":
            return Adam(values, grad, run.weight_decay, decoupled=True)


def rate_factor(schedule: Schedule, step: int, steps: int) -> float:
    """Returns what the learning rate is multiplied by at a step, counted from 0.

    Cosine is 0.5 * (1 + cos(pi * step / steps)), from 1 towards 0 without restarts (Loshchilov and Hutter, 2017).
    """
    match schedule:
        case "constant":
            return 1.0
        case "cosine":
            return 0.5 * (1 + math.cos(math.pi * step / steps))
