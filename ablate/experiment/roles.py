"""Roles of settings: the properties of each field of an experiment.

Run ids, table columns, headings and command-line options are derived from the roles.
"""

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
    """The role of a setting, given in the annotation of its field.

    A factor has levels, and variants differ in their levels. A shared setting is the same for all runs of an
    experiment. A view changes which quantities are recorded, but changes no result.
    """

    kind: Kind
    about: str  # help text: the meaning of the setting and its legal values
    parse: Parser  # function that reads and checks the user's input
    plural: str = ""  # plural noun for the levels, such as `dropout rates`; only for factors
    short: str = ""  # name of the setting in variant names; by default the field's name
    flags: tuple[str, ...] = ()  # spellings of the option; by default derived from the field's name
    not_in_run_id: str = ""  # reason why the run id excludes the setting; empty if the run id includes it
    changes_cost: bool = False  # whether the time of one training step depends on the setting
    names_every_variant: bool = False  # whether all variant names include the setting
    varies_in_stack: bool = False  # whether runs in the same stack may differ in the setting
    goes_with: str = ""  # factor whose level may determine the value of this setting
    order: tuple[str, ...] = ()  # levels in the order of reports; numeric levels are sorted

    @property
    def is_shared(self) -> bool:
        """Whether the setting is the same for all runs of an experiment and changes their results."""
        return self.kind == "shared" and not self.not_in_run_id

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Makes pydantic call `parse` on a value before it checks the type of the value."""
        return core_schema.no_info_before_validator_function(self.parse, handler(source))


def roles_of(fields: Mapping[str, FieldInfo]) -> dict[str, Role]:
    """Returns the role of each field by its name, in the order of the fields.

    Raises:
        TypeError: A field has no role.
    """
    roles = {}
    for name, field in fields.items():
        stated = [part for part in field.metadata if isinstance(part, Role)]
        if not stated:
            raise TypeError(f"the setting {name!r} states no role; add Role(...) to its annotation")
        roles[name] = stated[0]
    return roles


def named(roles: Mapping[str, Role], kind: Kind) -> tuple[str, ...]:
    """Returns the names of all settings of one kind: factors, shared settings or views."""
    return tuple(name for name, role in roles.items() if role.kind == kind)


def stored_type(field: FieldInfo) -> type[int] | type[float] | type[str]:
    """Returns the type in which levels of a factor are stored: int or float for numbers, str for everything else."""
    level: Any = get_args(field.annotation)[0]
    parts = (level,) if get_origin(level) is tuple else (get_args(level) or (level,))
    return next((number for number in (int, float) if number in parts), str)
