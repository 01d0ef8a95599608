"""Facts about the activation functions, by name.

This module does not import torch; `ablate.nn` implements the functions under the same names.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class ActivationInfo:
    """Facts about one activation function."""

    aliases: tuple[str, ...] = ()
    is_monotone: bool = False  # whether the function never decreases, so that max pooling commutes with it
    seconds: float = 1e-9  # time per element of a hidden layer in one step (forward and backward) on one core
    has_parameters: bool = False


# The order of the entries is the order in reports.
ACTIVATIONS: dict[str, ActivationInfo] = {
    "identity": ActivationInfo(("linear",), is_monotone=True),
    "sigmoid": ActivationInfo(("logistic",), is_monotone=True, seconds=1.5e-9),
    "tanh": ActivationInfo(is_monotone=True),
    "relu": ActivationInfo(is_monotone=True),
    "leaky_relu": ActivationInfo(("lrelu",), is_monotone=True),
    "prelu": ActivationInfo(has_parameters=True),  # decreases if its slope becomes negative
    "elu": ActivationInfo(is_monotone=True, seconds=3e-9),
    "selu": ActivationInfo(is_monotone=True, seconds=3e-9),
    "celu": ActivationInfo(is_monotone=True, seconds=3e-9),
    "gelu": ActivationInfo(seconds=4e-9),
    "silu": ActivationInfo(("swish",), seconds=1.5e-9),
    "mish": ActivationInfo(seconds=11e-9),
    "softplus": ActivationInfo(is_monotone=True, seconds=3e-9),
    "softsign": ActivationInfo(is_monotone=True, seconds=4e-9),
    "hardswish": ActivationInfo(("hard_swish",)),
    "hardtanh": ActivationInfo(is_monotone=True),
    "relu6": ActivationInfo(is_monotone=True),
    "logsigmoid": ActivationInfo(is_monotone=True, seconds=3e-9),
    "tanhshrink": ActivationInfo(is_monotone=True, seconds=3.5e-9),
    "softshrink": ActivationInfo(is_monotone=True),
}


def is_users_own(activation: str) -> bool:
    """Returns whether an activation is a user's own function, `package.module:Name`."""
    return ":" in activation
