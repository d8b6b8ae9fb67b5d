"""Types whose fields are each said once: name, type, where the value comes from, description, personal or not.

    @mapped_type(description="A Nexudus team of coworkers.", present="team_id")
    class NexudusTeam:
        name: str | None = mapped("team_name", description="Name of the team.")

A field of an interface has its type, description and tag from there; the line
`stage_name = inherited("crm_board_column_name")` adds where its value comes from. The decorator makes the Strawberry
type, and the `ObjectMapping` that both executors read (`engine/mapping.py`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from inspect import get_annotations
from typing import Any, Final, TypeVar

import strawberry

from engine.mapping import ObjectMapping, Presence, Value
from schema.access import PERSONAL

T = TypeVar("T")

ANY_FIELD: Final = "*"
"""As `present`: the object exists if any attribute that its fields name is not None."""

_MAPPING: Final = "__mapping__"


@dataclass(frozen=True, slots=True)
class _Inherited:
    value: Value


def mapped(value: Value | type, *, description: str, personal: bool = False) -> Any:
    """Return a field and where its value comes from; a mapped type stands for an object of it from the same record.

    A personal field is tagged (`schema/access.py`) and must be nullable.
    """
    return strawberry.federation.field(
        description=description, tags=[PERSONAL] if personal else [], metadata={_MAPPING: _resolved(value)}
    )


def inherited(value: Value | type) -> Any:
    """Return where the value of an interface's field comes from. The line has no type: the interface declares it."""
    return _Inherited(_resolved(value))


def mapped_type(
    *, description: str, keys: Sequence[str] = (), present: Presence = None
) -> Callable[[type[T]], type[T]]:
    """Return a decorator that makes a class an object type; `keys` are those of a federated entity.

    `present` says whether a record has such an object (`engine/mapping.py`). A field without a value, a value without a
    field, or an inherited field that is declared again raises `TypeError` with the field's name.
    """

    def make(class_: type[T]) -> type[T]:
        of_interfaces = {name: said.value for name, said in vars(class_).items() if isinstance(said, _Inherited)}
        if redeclared := of_interfaces.keys() & get_annotations(class_).keys():
            raise TypeError(f"{class_.__name__}: {sorted(redeclared)} is declared by an interface, with its type")
        for name in of_interfaces:
            delattr(class_, name)
        type_ = strawberry.federation.type(class_, keys=keys, description=description)
        declared = fields(type_)  # type: ignore[arg-type] # Strawberry's are dataclasses
        own = {field.name: field.metadata[_MAPPING] for field in declared if _MAPPING in field.metadata}
        values = own | of_interfaces
        names = tuple(value for value in values.values() if isinstance(value, str))
        setattr(type_, _MAPPING, ObjectMapping(type_, values, names if present == ANY_FIELD else present))
        return type_

    return make


def mapping_of(type_: type[T]) -> ObjectMapping[T]:
    """Return where the fields of a mapped type come from; raises `TypeError` for any other type."""
    mapping = vars(type_).get(_MAPPING)
    if not isinstance(mapping, ObjectMapping):
        raise TypeError(f"{type_.__name__} is not a mapped type")
    return mapping


def _resolved(value: Value | type) -> Value:
    return mapping_of(value) if isinstance(value, type) else value
