"""Roles of settings: what each field of an experiment is. Run ids, columns, headings and flags are derived from it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

from pydantic import GetCoreSchemaHandler
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema, core_schema

from ablate.experiment.parsers import Parser

Kind = Literal["factor", "shared", "view"]


@dataclass(frozen=True)
class Role:
    """What a setting is, stated in the annotation of its field.

    A factor has levels that variants differ in; a shared setting is the same for all runs of an experiment; a view
    changes what is observed and no result.
    """

    kind: Kind
    about: str  # its help text: what its values mean and which are legal
    parse: Parser  # reads and checks what a user wrote
    plural: str = ""  # what its levels are called in a sentence, `dropout rates`; only factors need it
    short: str = ""  # its name in the names of variants, by default that of the field
    flags: tuple[str, ...] = ()  # spellings of its option, by default the name of the field
    not_in_run_id: str = ""  # why it is left out of the run id; everything else enters
    changes_cost: bool = False  # whether the time of one training step depends on it
    names_every_variant: bool = False  # whether it is part of a variant's name even where it has one level
    varies_in_stack: bool = False  # whether runs that are trained as one network may differ in it
    goes_with: str = ""  # the factor whose levels may each have their own value of this one
    order: tuple[str, ...] = ()  # its levels in the order reports show them; numbers are sorted

    @property
    def is_shared(self) -> bool:
        """Whether all runs of an experiment share the setting and it changes their results."""
        return self.kind == "shared" and not self.not_in_run_id

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Parses a value before pydantic checks its type."""
        return core_schema.no_info_before_validator_function(self.parse, handler(source))


def roles_of(fields: Mapping[str, FieldInfo]) -> dict[str, Role]:
    """Returns the role of each field by its name, in the order of the fields.

    Raises:
        TypeError: A field has none.
    """
    roles = {}
    for name, field in fields.items():
        stated = [part for part in field.metadata if isinstance(part, Role)]
        if not stated:
            raise TypeError(f"the setting {name!r} states no role; add Role(...) to its annotation")
        roles[name] = stated[0]
    return roles


def named(roles: Mapping[str, Role], kind: Kind) -> tuple[str, ...]:
    """Returns the names of the settings of one kind."""
    return tuple(name for name, role in roles.items() if role.kind == kind)


def stored_type(field: FieldInfo) -> type[int] | type[float] | type[str]:
    """Returns how a level of a factor is stored: whole and real numbers as such, everything else as its text."""
    level: Any = get_args(field.annotation)[0]
    parts = (level,) if get_origin(level) is tuple else (get_args(level) or (level,))
    return next((number for number in (int, float) if number in parts), str)
