"""The optimizers by name: what is known of each without torch; `training` holds their kernels under the same names."""

from dataclasses import dataclass


@dataclass(frozen=True)
class OptimizerInfo:
    """Facts about one optimizer; its rates are what `auto` means: torch's defaults, and 0.1 for sgd, which has none."""

    learning_rate: float
    weight_decay: float
    buffers: int  # numbers kept for each parameter: its value, its gradient and what the optimizer adds
    seconds: float  # for a parameter in one step, on one core
    has_momentum: bool = False  # whether the setting `momentum` applies to it


OPTIMIZERS: dict[str, OptimizerInfo] = {
    "sgd": OptimizerInfo(0.1, 0.0, buffers=3, seconds=0.3e-9, has_momentum=True),
    "adam": OptimizerInfo(0.001, 0.0, buffers=4, seconds=0.8e-9),
    "adamw": OptimizerInfo(0.001, 0.01, buffers=4, seconds=0.8e-9),
}
