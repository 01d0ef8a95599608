"""Facts about the optimizers, by name.

This module does not import torch; `ablate.training` implements the optimizers under the same names.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class OptimizerInfo:
    """Facts about one optimizer.

    `learning_rate` and `weight_decay` are the values that replace the level `auto`. They are torch's defaults, except
    for the learning rate of sgd.
    """

    learning_rate: float
    weight_decay: float
    buffers: int  # stored numbers per parameter: its value, its gradient and the optimizer's state
    seconds: float  # time per parameter and step on one core
    has_momentum: bool = False  # whether the setting `momentum` applies to the optimizer


OPTIMIZERS: dict[str, OptimizerInfo] = {
    "sgd": OptimizerInfo(0.1, 0.0, buffers=3, seconds=0.3e-9, has_momentum=True),
    "adam": OptimizerInfo(0.001, 0.0, buffers=4, seconds=0.8e-9),
    "adamw": OptimizerInfo(0.001, 0.01, buffers=4, seconds=0.8e-9),
}
