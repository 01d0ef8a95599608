"""Optimizers and learning-rate schedules for all parameters of a stack, stored in one flat tensor.

torch's fused kernels are called directly instead of through `torch.optim`. In a step of small networks, the Python code
of `torch.optim` takes longer than the kernel. The first use of `torch.optim` also imports modules, which takes a
second.
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
    """Interface of the optimizers, which update the flat parameters of a stack in place from the flat gradient."""

    @property
    def negative_rate(self) -> Tensor | None:
        """Argument for `StackedNetwork.train_step`: minus the learning rate for plain SGD, otherwise None.

        If it is not None, `train_step` multiplies all gradients by it and itself updates the weights of linear layers.
        The method `step` then updates only the other parameters.
        """
        ...

    def set_rate(self, rate: float) -> None:
        """Sets the learning rate of all following steps."""
        ...

    def state(self) -> dict[str, Tensor]:
        """Returns by name all tensors, except the parameters, that one step changes and the next step reads."""
        ...

    def step(self) -> None:
        """Updates the parameters once, without data from the CPU."""
        ...


class PlainSGD:
    """Stochastic gradient descent without momentum and weight decay, as in `torch.optim.SGD`.

    Args:
        parameters: Parameters of the stack. `StackedNetwork.train_step` itself updates the parameters in the slice
            `StackParameters.fused`. For all other parameters, `train_step` multiplies the gradients by minus the
            learning rate, and `step` adds the products to the parameters.
    """

    def __init__(self, parameters: StackParameters) -> None:
        rest = slice(parameters.fused.stop, None)
        self.values, self.changes = parameters.flat[rest], parameters.flat_grad[rest]
        self.negative_rate = parameters.flat.new_zeros(())

    def set_rate(self, rate: float) -> None:
        """Sets the learning rate."""
        self.negative_rate.fill_(-rate)

    def state(self) -> dict[str, Tensor]:
        """Returns no tensors."""
        return {}

    def step(self) -> None:
        """Updates the parameters outside the slice `fused`."""
        self.values.add_(self.changes)


class _Kernel:
    """Base class of the optimizers that call one of torch's fused kernels."""

    negative_rate = None

    def __init__(self, parameters: StackParameters, weight_decay: float) -> None:
        flat = parameters.flat
        self.values, self.grads, self.weight_decay = [flat], [parameters.flat_grad], weight_decay
        # CUDA's kernels read the rate as float32, whatever the dtype of the parameters.
        self.rate = flat.new_zeros((), dtype=torch.float32 if flat.is_cuda else flat.dtype)

    def set_rate(self, rate: float) -> None:
        """Sets the learning rate."""
        self.rate.fill_(rate)


class SGD(_Kernel):
    """Stochastic gradient descent with momentum or weight decay, as in `torch.optim.SGD`.

    Args:
        parameters: Parameters of the stack.
        momentum: Factor of the running sum of gradients; with 0, no running sum is kept.
        weight_decay: Factor of the L2 penalty, whose gradient is added to the gradient of the loss.
    """

    def __init__(self, parameters: StackParameters, momentum: float, weight_decay: float) -> None:
        super().__init__(parameters, weight_decay)
        self.momentum = momentum
        # torch starts with the first gradient in this buffer. A buffer of zeros gives the same first step.
        self.buffers = [torch.zeros_like(parameters.flat)] if momentum else []

    def state(self) -> dict[str, Tensor]:
        """Returns the running sum of gradients, if there is one."""
        return {f"sum {index}": buffer for index, buffer in enumerate(self.buffers)}

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
    """Adam (Kingma and Ba, 2015) or AdamW (Loshchilov and Hutter, 2019), as in `torch.optim`.

    Args:
        parameters: Parameters of the stack.
        weight_decay: Factor of the weight decay.
        decoupled: Whether the weight decay acts directly on the weights, as in AdamW, and not as an L2 penalty.
    """

    def __init__(self, parameters: StackParameters, weight_decay: float, *, decoupled: bool) -> None:
        super().__init__(parameters, weight_decay)
        flat = parameters.flat
        self.means, self.squares = [torch.zeros_like(flat)], [torch.zeros_like(flat)]
        self.steps = [torch.zeros((), dtype=torch.float32, device=flat.device)]
        self.kernel = torch._fused_adamw_ if decoupled else torch._fused_adam_

    def state(self) -> dict[str, Tensor]:
        """Returns the running averages and the number of steps."""
        return {"means": self.means[0], "squares": self.squares[0], "steps": self.steps[0]}

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
    """Returns the optimizer for all parameters of a stack, given any run of the stack."""
    return OPTIMIZERS[run.optimizer](run, parameters)


def rate_factor(schedule: Schedule, step: int, steps: int) -> float:
    """Returns the factor by which a schedule multiplies the learning rate at a step, counted from 0.

    The factor of the cosine schedule is 0.5 * (1 + cos(pi * step / steps)), which falls from 1 to 0 without restarts
    (Loshchilov and Hutter, 2017).
    """
    match schedule:
        case "constant":
            return 1.0
        case "cosine":
            return 0.5 * (1 + math.cos(math.pi * step / steps))
