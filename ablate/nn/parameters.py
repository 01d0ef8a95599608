"""The parameters and running statistics of a stack, and the declarations of these tensors."""

from collections.abc import Callable, Iterable, Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor

from ablate.nn.members import Member

# If the last elements of a buffer do not fill a vector register, vectorized kernels process them with scalar code,
# which rounds differently. Every parameter starts and ends on a multiple of this number, so that scalar code processes
# no element of a run.
ALIGNMENT = 64


class Parameter(NamedTuple):
    """A tensor that a layer owns, and its gradient; both are views of tensors in `StackParameters`.

    The gradient of a running statistic is an empty tensor.
    """

    value: Tensor
    grad: Tensor


def _unchanged(value: Tensor) -> Tensor:
    return value


@dataclass(frozen=True)
class Spec:
    """The declaration of one tensor that a run owns: a trained parameter or a running statistic.

    Attributes:
        name: Name of the tensor: the name of the layer, a dot, and a short name, such as `linear.0.weight`.
        initial: Function that returns the initial value of the tensor for a member, in float64 and with axes in the
            order of `torch.nn`.
        is_trained: Whether the tensor is a trained parameter, not a running statistic.
        is_fused: Whether the layer can update the tensor in its backward pass if the optimizer is plain SGD, see
            `linear.StackedLinear`.
        activation: Name of the activation whose runs own the tensor, or None if all runs own the tensor.
        stored: Function that converts the tensor from the axis order of `torch.nn` to the axis order in memory.
        restored: Inverse of `stored`.
    """

    name: str
    initial: Callable[[Member], Tensor]
    is_trained: bool = True
    is_fused: bool = False
    activation: str | None = None
    stored: Callable[[Tensor], Tensor] = _unchanged
    restored: Callable[[Tensor], Tensor] = _unchanged

    def is_owned_by(self, member: Member) -> bool:
        """Returns whether the run of this member owns the tensor."""
        return self.activation in (None, member.activation)


def constant_spec(
    name: str, shape: tuple[int, ...], value: float, *, is_trained: bool = True, activation: str | None = None
) -> Spec:
    """Returns the declaration of a tensor whose elements all start at the same value."""
    initial = torch.full(shape, value, dtype=torch.float64)
    return Spec(name, lambda member: initial, is_trained, activation=activation)


def initial_values(specs: Iterable[Spec], member: Member, dtype: torch.dtype) -> dict[str, Tensor]:
    """Returns the initial values of one run's trained parameters by name, with axes in the order of `torch.nn`."""
    return {
        spec.name: spec.initial(member).to(dtype)
        for spec in specs
        if spec.is_trained and spec.is_owned_by(member)
    }


class StackParameters:
    """All parameters of a stack as views of one flat buffer, so that one fused optimizer call updates every run.

    The first axis of each tensor has one entry for each run that owns the tensor. The runs that own a tensor are
    adjacent.

    Args:
        specs: Declarations of the tensors of all layers.
        members: One member per run; members with the same activation must be adjacent.
        dtype: Type of all values.
        device: Device of all values.

    Attributes:
        flat: All trained values, shape (elements,).
        flat_grad: Gradients of all trained values, in the shape of `flat`.
        fused: Slice of `flat` with the weights that layers update in their backward pass if the optimizer is plain SGD.
        values: Parameters and running statistics by name, each of shape (number of runs that own the tensor, ...).
        grads: Gradients of the parameters by name, in the shapes of the parameters.
    """

    def __init__(
        self, specs: Iterable[Spec], members: Sequence[Member], dtype: torch.dtype, device: torch.device | str
    ) -> None:
        self.members = tuple(members)
        self.specs = sorted(specs, key=lambda spec: not spec.is_fused)
        every = {spec.name: self._initial(spec, dtype) for spec in self.specs}
        initial = {name: values for name, values in every.items() if values}
        self.layout: dict[str, tuple[slice, tuple[int, ...]]] = {}
        end, self.fused = 0, slice(0, 0)
        for spec in self.specs:
            if spec.is_trained and spec.name in initial:
                values = initial[spec.name]
                size = len(values) * values[0].numel()
                self.layout[spec.name] = slice(end, end + size), (len(values), *values[0].shape)
                end += padded(size)
                self.fused = slice(0, end) if spec.is_fused else self.fused
        self.flat = torch.zeros(end, dtype=dtype, device=device)
        self.flat_grad = torch.zeros_like(self.flat)
        self.values, self.grads = self._views(self.flat), self._views(self.flat_grad)
        for name, values in initial.items():
            stack = torch.stack(values).to(device)
            self.values.setdefault(name, stack).copy_(stack)

    def owned(self, layer: str, run: int | None = None) -> dict[str, Parameter]:
        """Returns the tensors of a layer by short name, such as `weight`, for all runs or for one run.

        If `run` is given, the tensors are those of this run only and have no axis for runs.
        """
        owned = {}
        for spec in self.specs if run is None else self._owned_by(run):
            owner, _, short = spec.name.rpartition(".")
            if owner == layer and spec.name in self.values:
                value = self.values[spec.name]
                grad = self.grads.get(spec.name, value.new_empty((len(value), 0)))
                index = slice(None) if run is None else self._index(spec, run)
                owned[short] = Parameter(value[index], grad[index])
        return owned

    def member_state(self, run: int) -> dict[str, Tensor]:
        """Returns copies of one run's parameters and running statistics by name.

        The copies have the axis order of `torch.nn`, which for convolution kernels differs from the order in memory.
        """
        return {
            spec.name: spec.restored(self.values[spec.name][self._index(spec, run)]).clone(
                memory_format=torch.contiguous_format
            )
            for spec in self._owned_by(run)
        }

    def count(self, run: int) -> int:
        """Returns the number of elements of all trained parameters of one run."""
        return sum(self.values[spec.name][0].numel() for spec in self._owned_by(run) if spec.is_trained)

    def twin(self) -> "StackParameters":
        """Returns a copy in which all members have dropout rate 0.

        The copy shares the values of the parameters with the original, but has its own gradients and running
        statistics.
        """
        twin = copy(self)
        twin.members = tuple(replace(member, dropout=(0.0,) * len(member.dropout)) for member in self.members)
        twin.flat_grad = torch.zeros_like(self.flat)
        twin.grads = self._views(twin.flat_grad)
        twin.values = {
            name: value if name in self.grads else value.clone() for name, value in self.values.items()
        }
        return twin

    def _owned_by(self, run: int) -> list[Spec]:
        return [spec for spec in self.specs if spec.is_owned_by(self.members[run])]

    def _index(self, spec: Spec, run: int) -> int:
        """Returns the position of a run among the runs that own a tensor."""
        return run if spec.activation is None else sum(map(spec.is_owned_by, self.members[:run]))

    def _views(self, flat: Tensor) -> dict[str, Tensor]:
        return {name: flat[part].view(shape) for name, (part, shape) in self.layout.items()}

    def _initial(self, spec: Spec, dtype: torch.dtype) -> list[Tensor]:
        """Returns the initial values of a declared tensor, one for each member that owns the tensor.

        Members with the same seed and activation get the same tensor object.
        """
        drawn: dict[tuple[int, str], Tensor] = {}
        owners = [member for member in self.members if spec.is_owned_by(member)]
        for member in owners:
            key = member.seed, member.activation
            if key not in drawn:
                drawn[key] = spec.stored(spec.initial(member)).to(dtype)
        return [drawn[member.seed, member.activation] for member in owners]


def padded(size: int) -> int:
    """Returns the given number of elements, rounded up to a multiple of `ALIGNMENT`."""
    return -(-size // ALIGNMENT) * ALIGNMENT
