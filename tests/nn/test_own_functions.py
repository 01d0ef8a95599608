"""Users' own functions: applied with their derivatives, or refused with a reason."""

import pytest
import torch

from ablate.errors import FunctionError, SpecError
from ablate.nn.activations import value_and_derivative
from ablate.nn.out_of_memory import is_out_of_memory
from ablate.nn.own_functions import from_callable, resolve
from tests.faulty import functions
from tests.faulty.functions import LATE, UNITS

Z = torch.linspace(-4, 4, 81)


def test_a_function_of_the_user_is_applied_with_its_derivative():
    cube = resolve("tests.nn.test_own_functions:cube")
    y, derivative = value_and_derivative(cube, Z)
    torch.testing.assert_close(y, Z * Z * Z)
    torch.testing.assert_close(derivative, 3 * Z * Z)


def cube(z):
    return z**3


def centred(z):
    return z - z.mean()


def faulty(z):
    return z / (1 // 0)


def detached(z):
    return torch.sin(z.detach())


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("no_such_package:f", "cannot be imported"),
        ("math:no_such_name", "cannot be imported"),
        ("math:pi", "is a float"),
        ("torch.nn:PReLU", "has parameters of its own"),
        ("torch:sum", "shape ()"),
        ("torch.nn:Linear", "cannot be made without arguments (TypeError"),
        ("torch.nn:RReLU", "without randomness"),
        ("tests.nn.test_own_functions:centred", "each element alone"),
        ("tests.nn.test_own_functions:faulty", "fails on a tensor (ZeroDivisionError"),
        ("tests.nn.test_own_functions:detached", "has no derivative (RuntimeError"),
    ],
)
def test_what_is_no_elementwise_function_is_refused(name, says):
    with pytest.raises(SpecError, match="--activation") as error:
        resolve(name)
    assert says in str(error.value)


def test_a_module_of_the_user_without_parameters_is_accepted():
    y = torch.empty(3)
    resolve("torch.nn:Softsign").forward(torch.tensor([-1.0, 0.0, 3.0]), y)
    assert y.tolist() == [-0.5, 0.0, 0.75]


def test_a_function_that_is_nan_somewhere_is_accepted():
    y = torch.empty(3)
    resolve("tests.faulty.functions:is_nan").forward(torch.tensor([-1.0, 0.0, 3.0]), y)
    assert y.isnan().all()


def test_from_callable_refuses_another_type():
    with pytest.raises(SpecError, match=r"torch\.bool"):
        from_callable(lambda z: z > 0, "mine:step")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("exits_late", "SystemExit: 0, line"),
        ("is_interrupted_late", "KeyboardInterrupt, line"),
        ("raises_late", "ValueError: no such value, line"),
        ("raises_untold_late", "UntoldError, line"),
        ("returns_nothing_late", "returns NoneType"),
        ("returns_another_shape_late", "returns torch.float32 of shape"),
        ("returns_another_type_late", "returns torch.float64 of shape"),
        ("changes_its_input_late", "changes its input in place"),
        ("has_no_derivative_late", "has no derivative"),
    ],
)
def test_a_function_that_fails_at_a_later_call_is_named_with_what_it_did(name, says, monkeypatch):
    monkeypatch.setattr(functions, "_calls", 0)
    function, z = (
        resolve(f"tests.faulty.functions:{name}"),
        torch.linspace(-1, 1, 8 * UNITS).view(2, UNITS, 4),
    )
    with pytest.raises(FunctionError, match=says) as error, torch.inference_mode():
        _call_often(function, z)
    assert error.value.activation == f"tests.faulty.functions:{name}"


def _call_often(function, z):
    for _ in range(LATE + 1):
        value_and_derivative(function, z)


def test_a_lack_of_memory_in_a_function_is_not_its_fault():
    function = from_callable(
        lambda z: torch.empty(1 << 60) if z.dim() == 1 and len(z) == 9 else torch.relu(z), "own:f"
    )
    with pytest.raises(RuntimeError) as error:
        value_and_derivative(function, torch.zeros(9))
    assert is_out_of_memory(error.value)
