"""Optimizers and learning-rate schedules: torch's own, fused, on the flat parameters of a stack."""

import math

import torch

from ablate.experiment.grid import Run
from ablate.experiment.spec import Schedule


def optimizer_for(run: Run, flat: torch.nn.Parameter) -> torch.optim.Optimizer:
    """Returns the optimizer of a run's settings over the parameters of its whole stack."""
    rate, decay = run.learning_rate, run.weight_decay
    match run.optimizer:
        case "sgd":
            return torch.optim.SGD([flat], lr=rate, momentum=run.momentum, weight_decay=decay, fused=True)
        case "adam":
            return torch.optim.Adam([flat], lr=rate, weight_decay=decay, fused=True)
        case "adamw":
            return torch.optim.AdamW([flat], lr=rate, weight_decay=decay, fused=True)


def rate_factor(schedule: Schedule, step: int, steps: int) -> float:
    """Returns what the learning rate is multiplied by at a step, counted from 0.

    Cosine is 0.5 * (1 + cos(pi * step / steps)), from 1 towards 0 without restarts (Loshchilov and Hutter, 2017).
    """
    match schedule:
        case "constant":
            return 1.0
        case "cosine":
            return 0.5 * (1 + math.cos(math.pi * step / steps))
