"""Activations that fail at once, or only in training.

Those for training do what is right in the check before training, which has no tensor of three dimensions with the
number of units of a hidden layer, and at their first calls after it.
"""

import os
import signal
import sys

import torch

UNITS = 100
LATE = 20  # calls in training before the fault

_calls = 0


class UntoldError(Exception):
    """An error whose text cannot be read, and which cannot be sent to another process."""

    def __str__(self):
        raise ValueError("no text")

    def __reduce__(self):
        raise TypeError("cannot be copied")


def _is_late(z):
    """Whether this call is in training and not among the first there."""
    global _calls
    _calls += z.dim() == 3 and z.shape[1] == UNITS
    return _calls > LATE


def exits(z):
    sys.exit(0)


def exits_hard(z):
    os._exit(0)


def is_interrupted(z):
    raise KeyboardInterrupt


def kills_itself(z):
    os.kill(os.getpid(), signal.SIGKILL)


def raises(z):
    raise ValueError("no such value")


def raises_untold(z):
    raise UntoldError


def returns_nothing(z):
    return None


def returns_a_list(z):
    return z.tolist()


def returns_another_shape(z):
    return z[..., :1]


def returns_another_type(z):
    return z.double()


def changes_its_input(z):
    with torch.no_grad():
        z.clamp_(min=0)
    return z * 1


def has_no_derivative(z):
    return torch.relu(z).detach()


def prints(z):
    print("not a result")
    return torch.relu(z)


def is_nan(z):
    return torch.log(-torch.relu(z) - 1)


def _late(fault):
    def function(z):
        return fault(z) if _is_late(z) else torch.relu(z)

    return function


exits_late = _late(exits)
exits_hard_late = _late(exits_hard)
is_interrupted_late = _late(is_interrupted)
kills_itself_late = _late(kills_itself)
raises_late = _late(raises)
raises_untold_late = _late(raises_untold)
returns_nothing_late = _late(returns_nothing)
returns_another_shape_late = _late(returns_another_shape)
returns_another_type_late = _late(returns_another_type)
changes_its_input_late = _late(changes_its_input)
has_no_derivative_late = _late(has_no_derivative)
