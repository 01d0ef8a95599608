"""The optimizers by name: what is known of each without torch; `training` holds their kernels under the same names."""

from dataclasses import dataclass


@dataclass(frozen=True)
class OptimizerInfo:
    """Facts about one optimizer.

    Attributes:
        learning_rate: What `auto` means; torch's default, and for sgd, which has none, the textbook's 0.1.
        weight_decay: What `auto` means; torch's default.
        buffers: Numbers kept for each parameter: its value, its gradient and what the optimizer adds.
        seconds: What a parameter costs in one step, on one core.
        has_momentum: Whether the setting `momentum` applies to it.
    """

    learning_rate: float
    weight_decay: float
    buffers: int
    seconds: float
    has_momentum: bool = False


OPTIMIZERS: dict[str, OptimizerInfo] = {
    "sgd": OptimizerInfo(0.1, 0.0, buffers=3, seconds=0.3e-9, has_momentum=True),
    "adam": OptimizerInfo(0.001, 0.0, buffers=4, seconds=0.8e-9),
    "adamw": OptimizerInfo(0.001, 0.01, buffers=4, seconds=0.8e-9),
}
