"""The columns of an exported file: the paths in the graph of the listed fields, and what the graph shows there."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, Final

from engine.mapping import ObjectMapping
from schema.access import READ_CONTACTS, Forbidden
from schema.deals.columns import reader
from schema.deals.listed_enums import in_graph
from schema.deals.listed_fields import AS_OF, CUSTOM, LISTED
from schema.deals.values import moment_of
from schema.refused_argument import RefusedArgument
from schema.scalars import SCALARS
from schema.sources import MAPPINGS

Value = str | int | float | bool | list[Any] | dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class ExportColumn:
    """A column. `path`: as in the table of listed fields; `field`: the name of its row there."""

    name: str
    path: str
    field: str


def _name(path: str) -> str:
    """Return a path in the graph, without the name of the type where only one source's type has the field."""
    first, _, rest = in_graph(path).partition(".")
    return rest if first[0].isupper() else f"{first}.{rest}".rstrip(".")


COLUMNS: Final[Mapping[str, ExportColumn]] = {
    one.name: one
    for one in (ExportColumn(_name(path), path, field.name) for field in LISTED for path in field.paths)
    if one.field != AS_OF
}
"""By name, in the order of the table."""

ATTRIBUTE: Final = f"{CUSTOM}."
"""What names of columns begin with that are a custom attribute's: behind it comes the key."""
LONGEST_NAME: Final = 200

URL: Final = ExportColumn("url", "url", "")
"""Of a record in its own system: only for who names it, since an operator has to say what addresses are like."""

READ_AT: Final = ExportColumn(in_graph(AS_OF), AS_OF, AS_OF)
"""When the copy of a record was read: only for who names it, since it changes also where the deal does not."""

Read = Callable[[Any, int], Value]
"""Gives the value in a column, of a record and when its copy was read, in microseconds since 1970."""

UrlOf = Callable[[str, str], str | None]
"""Gives the address of a record, of its source's name and the id there."""


def chosen(names: str | None, closed: frozenset[str]) -> tuple[ExportColumn, ...]:
    """Return the columns that are named, separated by commas; without names those of the table that the caller may see.

    `closed` are the listed fields that it may not see; raises `Forbidden` for one of them, and `RefusedArgument`.
    """
    if names is None:
        return tuple([column for column in COLUMNS.values() if column.field not in closed])
    found: dict[str, ExportColumn] = {}
    for index, name in enumerate([name.strip() for name in names.split(",")]):
        column = COLUMNS.get(name) or _further(name)
        if column is None:
            raise RefusedArgument(
                f"must be one of these names, which commas separate: {', '.join(COLUMNS)}, {READ_AT.name}, {URL.name}, "
                f"and `{ATTRIBUTE}` with the key of a custom attribute behind it.",
                "columns",
                index,
            )
        if column.name in found:
            raise RefusedArgument("repeats a name that stands before it: give each once.", "columns", index)
        found[column.name] = column
    for column in found.values():
        if column.field in closed:
            raise Forbidden(f"The column `{column.name}` is personal data: the scope {READ_CONTACTS} is missing.")
    return tuple(found.values())


def _further(name: str) -> ExportColumn | None:
    if name in (URL.name, READ_AT.name):
        return URL if name == URL.name else READ_AT
    is_one = name.startswith(ATTRIBUTE) and len(ATTRIBUTE) < len(name) <= LONGEST_NAME
    return ExportColumn(name, name, CUSTOM) if is_one else None


def readers(source: str, columns: Sequence[ExportColumn], url_of: UrlOf) -> list[Read]:
    """Return what gives the value of a source's record in each of these columns, as the graph writes it."""
    mapping = MAPPINGS[source]
    source_id = _reader(mapping, "source_id")

    def read(column: ExportColumn) -> Read:
        if column is URL:
            return lambda record, read_at: url_of(source, str(source_id(record, read_at)))
        if column is READ_AT:
            return lambda _, read_at: _written(moment_of(read_at))
        if column.field == CUSTOM:
            return _attribute_reader(mapping, column.path.removeprefix(ATTRIBUTE))
        return _reader(mapping, column.path)

    return list(map(read, columns))


def _attribute_reader(mapping: ObjectMapping[Any], key: str) -> Read:
    attributes = reader(mapping, CUSTOM)

    def read(record: Any, _: int) -> Value:
        value = next((one.value for one in attributes(record) or () if one.key == key), None)
        return value if isinstance(value, list | dict | float) else _written(value)

    return read


def _reader(mapping: ObjectMapping[Any], path: str) -> Read:
    read = reader(mapping, path)
    return lambda record, _: _written(read(record))


def _written(value: Any) -> Value:
    """Return a value as its scalar writes it; null where the graph could not show it either."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, Enum):
        return value.name
    serialize = _SERIALIZE.get(type(value))
    if serialize is None:
        return value if isinstance(value, int) else None
    try:
        return str(serialize(value))
    except Exception:  # which a client of the graph gets as an error at this field
        return None


_SERIALIZE: Final[Mapping[type, Callable[[Any], Any] | None]] = {
    type_: SCALARS[type_].serialize for type_ in (Decimal, datetime, date)
}
