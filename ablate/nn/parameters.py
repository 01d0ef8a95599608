"""Parameters and running statistics of a stack, declared by the layers that own them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor

from ablate.nn.members import Member

# Vectorized kernels treat the last elements of a buffer, fewer than a register's lanes, with scalar code that rounds
# differently. Every parameter starts and ends on a multiple of this, so no element of any run lies in that tail.
ALIGNMENT = 64


class Parameter(NamedTuple):
    """Views of a trained tensor and of its gradient, which layers write in place."""

    value: Tensor
    grad: Tensor


class Owned(NamedTuple):
    """What one layer owns: trained parameters and running statistics by their short names, such as `weight`."""

    parameters: Mapping[str, Parameter]
    statistics: Mapping[str, Tensor]


def _unchanged(value: Tensor) -> Tensor:
    return value


@dataclass(frozen=True)
class Spec:
    """One tensor that a run owns: a trained parameter or a running statistic.

    Attributes:
        name: As in `member_state`: that of its layer, a dot, and a short name.
        initial: Returns its value before training for a member, float64, in torch's order of axes.
        is_trained: Whether it is a parameter and not a running statistic.
        is_fused: Whether its layer can apply the update of plain SGD itself, see `linear.StackedLinear`.
        activation: Only runs with this activation own it; None if all do.
        stored: Changes the value from torch's order of axes to that in memory.
        restored: The inverse of `stored`.
    """

    name: str
    initial: Callable[[Member], Tensor]
    is_trained: bool = True
    is_fused: bool = False
    activation: str | None = None
    stored: Callable[[Tensor], Tensor] = _unchanged
    restored: Callable[[Tensor], Tensor] = _unchanged

    def is_owned_by(self, member: Member) -> bool:
        """Says whether a run has this tensor."""
        return self.activation in (None, member.activation)


def constant_spec(
    name: str, shape: tuple[int, ...], value: float, *, is_trained: bool = True, activation: str | None = None
) -> Spec:
    """Returns the declaration of a tensor whose elements all start at the same value."""
    initial = torch.full(shape, value, dtype=torch.float64)
    return Spec(name, lambda member: initial, is_trained, activation=activation)


def initial_values(specs: Iterable[Spec], member: Member, dtype: torch.dtype) -> dict[str, Tensor]:
    """Returns the parameters of one run before training by name, in torch's order of axes."""
    return {
        spec.name: spec.initial(member).to(dtype)
        for spec in specs
        if spec.is_trained and spec.is_owned_by(member)
    }


class StackParameters:
    """All parameters of a stack as views of one flat buffer, so that one fused optimizer call updates every run.

    A tensor has a leading axis of the runs that own it, which are adjacent.

    Args:
        specs: What the layers own.
        members: One per run; members of equal activation must be adjacent.
        dtype: Of all values.
        device: Where they are.

    Attributes:
        flat: All trained values, shape (elements,).
        flat_grad: Their gradients, same shape.
        fused: The part of `flat` with the weights whose layers can apply the update of plain SGD themselves.
        values: Trained parameters by name, each of shape (owning runs, ...).
        grads: Their gradients, same shapes.
        statistics: Running statistics by name, each of shape (runs, ...).
    """

    def __init__(
        self, specs: Iterable[Spec], members: Sequence[Member], dtype: torch.dtype, device: torch.device | str
    ) -> None:
        self.members = tuple(members)
        self.owners: dict[str, range] = {}
        self.specs: list[Spec] = []
        for spec in sorted(specs, key=lambda spec: not spec.is_fused):
            runs = [run for run, member in enumerate(members) if spec.is_owned_by(member)]
            if runs:
                self.owners[spec.name] = range(runs[0], runs[-1] + 1)
                self.specs.append(spec)
        values = self._initial_values()
        self.statistics = {
            spec.name: values[spec.name].to(device, dtype) for spec in self.specs if not spec.is_trained
        }
        self.layout: dict[str, tuple[slice, torch.Size]] = {}
        end, self.fused = 0, slice(0, 0)
        for spec in self.specs:
            if spec.is_trained:
                value = values[spec.name]
                self.layout[spec.name] = slice(end, end + value.numel()), value.shape
                end += padded(value.numel())
                self.fused = slice(0, end) if spec.is_fused else self.fused
        self.flat = torch.zeros(end, dtype=dtype, device=device)
        self.flat_grad = torch.zeros_like(self.flat)
        self.values, self.grads = self._views(self.flat), self._views(self.flat_grad)
        for name, view in self.values.items():
            view.copy_(values[name])

    def owned(self, layer: str, run: int | None = None) -> Owned:
        """Returns what a layer owns, for all runs or, without the runs axis, for one."""

        def part(name: str, tensor: Tensor) -> Tensor:
            return tensor if run is None else tensor[run - self.owners[name].start]

        names = {
            spec.name.removeprefix(f"{layer}."): spec.name
            for spec in self.specs
            if spec.name.startswith(f"{layer}.") and (run is None or spec.is_owned_by(self.members[run]))
        }
        parameters = {
            short: Parameter(part(name, self.values[name]), part(name, self.grads[name]))
            for short, name in names.items()
            if name in self.values
        }
        statistics = {
            short: part(name, self.statistics[name])
            for short, name in names.items()
            if name in self.statistics
        }
        return Owned(parameters, statistics)

    def member_state(self, run: int) -> dict[str, Tensor]:
        """Returns copies of one run's parameters and running statistics by name, in torch's order of axes."""
        tensors = self.values | self.statistics
        return {
            spec.name: spec.restored(tensors[spec.name][run - self.owners[spec.name].start]).clone(
                memory_format=torch.contiguous_format
            )
            for spec in self._owned_by(run)
        }

    def count(self, run: int) -> int:
        """Returns how many numbers one run trains."""
        return sum(self.values[spec.name][0].numel() for spec in self._owned_by(run) if spec.is_trained)

    def twin(self) -> "StackParameters":
        """Returns the same values with gradients and running statistics of their own, for members without dropout."""
        twin = copy(self)
        twin.members = tuple(replace(member, dropout=(0.0,) * len(member.dropout)) for member in self.members)
        twin.flat_grad = torch.zeros_like(self.flat)
        twin.grads = self._views(twin.flat_grad)
        twin.statistics = {name: value.clone() for name, value in self.statistics.items()}
        return twin

    def _owned_by(self, run: int) -> list[Spec]:
        return [spec for spec in self.specs if spec.is_owned_by(self.members[run])]

    def _views(self, flat: Tensor) -> dict[str, Tensor]:
        return {name: flat[part].view(shape) for name, (part, shape) in self.layout.items()}

    def _initial_values(self) -> dict[str, Tensor]:
        """Returns every tensor before training, in its order in memory, (owning runs, ...)."""
        values = {}
        for spec in self.specs:
            # A value depends on nothing but the seed and the activation, so runs of equal ones share it.
            owners = [self.members[run] for run in self.owners[spec.name]]
            by_key = {(member.seed, member.activation): member for member in owners}
            drawn = {key: spec.stored(spec.initial(member)) for key, member in by_key.items()}
            values[spec.name] = torch.stack([drawn[member.seed, member.activation] for member in owners])
        return values


def padded(size: int) -> int:
    """Returns the next multiple of the alignment."""
    return -(-size // ALIGNMENT) * ALIGNMENT
