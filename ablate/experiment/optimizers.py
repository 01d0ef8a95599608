"""Facts about the optimizers by name, without torch; `training` holds the kernels under the same names."""

from dataclasses import dataclass


@dataclass(frozen=True)
class OptimizerInfo:
    """Facts about one optimizer; `auto` means these rates: torch's defaults, or 0.1 for sgd (no default in torch)."""

    learning_rate: float
    weight_decay: float
    buffers: int  # stored numbers per parameter: its value, its gradient and the optimizer's state
    seconds: float  # per parameter and step, on one core
    has_momentum: bool = False  # whether the setting `momentum` applies to it


OPTIMIZERS: dict[str, OptimizerInfo] = {
    "sgd": OptimizerInfo(0.1, 0.0, buffers=3, seconds=0.3e-9, has_momentum=True),
    "adam": OptimizerInfo(0.001, 0.0, buffers=4, seconds=0.8e-9),
    "adamw": OptimizerInfo(0.001, 0.01, buffers=4, seconds=0.8e-9),
}
