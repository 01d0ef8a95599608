"""Imports and checks users' own activation functions, and converts each function to an `Activation`.

A user's own function may raise any exception and return any object at any call. Every exception and every invalid
result becomes a `FunctionError` with the name of the function. Only errors for lack of memory are passed on unchanged.
"""

import importlib
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor

from ablate.errors import FunctionError
from ablate.nn.activations import ACTIVATIONS, Activation, plain
from ablate.nn.out_of_memory import is_out_of_memory

Function = Callable[[Tensor], Tensor]

# Folders with the code of ablate and torch. The last code in a traceback outside of these folders is the user's.
_NOT_THE_USERS = (str(Path(__file__).parents[1]), str(Path(torch.__file__).parent))
_LONGEST_TEXT = 300


def resolve(name: str) -> Activation:
    """Returns the activation with this name; a name of the form `package.module:Name` refers to a function to import.

    Raises:
        FunctionError: The function cannot be imported, has parameters, or is not an elementwise function.
    """
    if name in ACTIVATIONS:
        return ACTIVATIONS[name]
    with torch.inference_mode(False):  # autograd can never use tensors made in inference mode
        function = _imported(name)
    return from_callable(function, name)


def from_callable(function: Function, name: str) -> Activation:
    """Returns an activation made from a differentiable elementwise function, whose derivative autograd computes.

    Raises:
        FunctionError: The function raises an exception, changes its input, returns anything but a tensor of the same
            shape, dtype and device, computes an element of the result from several elements, or is random.
    """
    _check(function, name)

    # Inference mode is off, so that autograd can later use tensors that the function keeps.
    def forward(z: Tensor, out: Tensor) -> None:
        with torch.inference_mode(False), torch.no_grad():
            y = _called(function, name, z.clone())
        out.copy_(y)

    def backward(grad: Tensor, z: Tensor, y: Tensor) -> None:
        del y
        with torch.inference_mode(False):  # this also switches autograd on
            _, result = _gradient(function, name, z.clone(), grad.clone())
        grad.copy_(result)

    return plain(forward, backward)


def _called(function: Function, name: str, z: Tensor) -> Tensor:
    """Returns f(z) of a user's own function f, for a tensor z that is used nowhere else.

    Raises:
        FunctionError: The function fails, changes z, or returns anything but a tensor like z.
    """
    version = z._version
    with _users_code(name, "fails on a tensor"):
        y = function(z)
    if z._version != version:
        raise FunctionError(name, "changes its input in place; legal is a function that only reads its input")
    if not isinstance(y, Tensor) or (y.shape, y.dtype, y.device) != (z.shape, z.dtype, z.device):
        raise FunctionError(
            name,
            f"returns {_described(y)} for a tensor of {_described(z)}; legal is an elementwise function, which returns "
            "a tensor of the same shape and type",
        )
    return y


def _gradient(function: Function, name: str, z: Tensor, grad: Tensor) -> tuple[Tensor, Tensor]:
    """Returns f(z) and grad * f'(z) of a user's own function f, computed by autograd.

    Raises:
        FunctionError: The function has no derivative, or `_called` raises this error.
    """
    leaf = z.requires_grad_()
    y = _called(function, name, leaf)
    with _users_code(name, "has no derivative"):
        (result,) = torch.autograd.grad(y, leaf, grad)
    return y.detach(), result


def _check(function: Function, name: str) -> None:
    """Raises FunctionError if the function fails, is not elementwise, is not differentiable or is random."""
    probe = torch.linspace(-3, 3, 48).view(2, 3, 8)
    with torch.inference_mode(False):
        result, _ = _gradient(function, name, probe.clone(), torch.ones_like(probe))
        with torch.no_grad():
            again = [_called(function, name, part.clone()) for part in probe.view(6, 8)]
    if not torch.allclose(torch.stack(again).view_as(probe), result, rtol=1e-5, atol=1e-6, equal_nan=True):
        raise FunctionError(
            name,
            "returns other values for the same numbers in another tensor; legal is a function of each element alone, "
            "without randomness",
        )


def _imported(name: str) -> Function:
    """Imports and returns a function; if the name refers to a subclass of `torch.nn.Module`, returns an instance."""
    module_name, _, attribute = name.partition(":")
    with _users_code(name, "cannot be imported"):
        function = getattr(importlib.import_module(module_name), attribute)
    if isinstance(function, type) and issubclass(function, torch.nn.Module):
        with _users_code(name, "cannot be made without arguments"):
            function = function()
        if next(function.parameters(), None) is not None:
            raise FunctionError(name, "has parameters of its own; legal are functions without any")
    if not callable(function):
        raise FunctionError(
            name,
            f"is a {type(function).__name__}; legal is a function or a torch Module, as package.module:Name",
        )
    return function  # type: ignore[no-any-return]  # the results of the function are checked at every call


@contextmanager
def _users_code(name: str, what_happened: str) -> Iterator[None]:
    """Turns every exception of a user's own code into a FunctionError, even an exception that would end the process.

    Errors for lack of memory are passed on unchanged.
    """
    try:
        yield
    except BaseException as error:
        if is_out_of_memory(error):
            raise
        raise FunctionError(name, f"{what_happened} ({_told(error, name)})") from None


def _told(error: BaseException, name: str) -> str:
    """Returns the class, the text and the line of an exception, such as `ValueError: bad shape, line 3 of mine.py`."""
    try:
        text = " ".join(str(error).split())[:_LONGEST_TEXT]
    except BaseException:  # the class of the exception may be the user's own
        text = ""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_the_users(frame.filename)]
    file = name.partition(":")[0].replace(".", "/")
    frames = [frame for frame in frames if Path(frame.filename).with_suffix("").match(file)] or frames
    place = f", line {frames[-1].lineno} of {Path(frames[-1].filename).name}" if frames else ""
    return f"{type(error).__name__}{': ' if text else ''}{text}{place}"


def _is_the_users(file: str) -> bool:
    return not file.startswith((*_NOT_THE_USERS, "<frozen ")) and file != importlib.__file__


def _described(result: object) -> str:
    return (
        f"{result.dtype} of shape {tuple(result.shape)}"
        if isinstance(result, Tensor)
        else type(result).__name__
    )
