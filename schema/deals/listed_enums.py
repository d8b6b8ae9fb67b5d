"""What the graph says of listed fields: their paths in its names, their marks, and enumerations of them."""

from collections.abc import Mapping
from enum import Enum
from typing import Any, Final

import strawberry
from strawberry.federation.schema_directives import Tag
from strawberry.utils.str_converters import to_camel_case

from schema.access import PERSONAL
from schema.deals.listed_fields import CUSTOM, ListedField

CUSTOM_MARKS: Final = (Tag(name=PERSONAL),)
"""The mark of personal data, for what asks for custom attributes."""


def marks(field: ListedField) -> tuple[Tag, ...]:
    """Return the mark of personal data for what shows or asks for a field, if it is personal."""
    return (Tag(name=PERSONAL),) if field.is_personal else ()


def description(field: ListedField) -> str:
    """Return what the graph says of comparing or ordering by a field."""
    shown = " or ".join(f"`{in_graph(path)}`" for path in field.paths)
    return f"{shown}. {field.about}".strip()


def enum_of(
    name: str, fields: Mapping[str, ListedField], about: str, *, custom: str | None = None, has_marks: bool = True
) -> Any:
    """Return an enumeration in the graph: a name for each of these fields, which in small letters is its value.

    `custom`: what is said of custom attributes, where they are among its names. One that answers have without its being
    asked for has no marks: its names are not personal, and it must stay whole.
    """
    values = {
        key: strawberry.enum_value(
            key.lower(), directives=marks(field) if has_marks else (), description=description(field)
        )
        for key, field in fields.items()
    }
    if custom is not None:
        values[CUSTOM.upper()] = strawberry.enum_value(CUSTOM, directives=CUSTOM_MARKS, description=custom)
    enum: Any = Enum(name, values)  # type: ignore[misc] # its members are known only now
    return strawberry.enum(enum, description=about)


def in_graph(path: str) -> str:
    """Return a path in the names of the graph."""
    first, *rest = path.split(".")
    return ".".join([first if first[0].isupper() else to_camel_case(first), *map(to_camel_case, rest)])
