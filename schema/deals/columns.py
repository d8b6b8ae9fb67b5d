"""From a record to what the store knows of it: the columns that lists go by, derived from the graph's own mappings.

What a client sees of a record is what a filter compares. A value that its scalar would refuse is null here.
"""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import Any, Final

from engine.mapping import ObjectMapping, value_of
from schema.deals.listed_fields import LISTED, Kind, ListedField
from schema.deals.values import code, days, microseconds
from schema.sources import MAPPINGS
from store.amounts import scaled
from store.conditions import LARGEST
from store.tables import DealColumns
from store.text import fold, searchable, storable

Attributes = Mapping[str, str | Decimal | bool]
"""Custom attributes of a deal by their keys; lists and objects among them cannot be compared, and are left out."""

Read = Callable[[Any], Any]

_KEYS: Final = ("id", "source", "source_id")
"""Columns of every deal, which are no part of `DealColumns`."""


def columns(source: str, record: Any) -> tuple[DealColumns, Attributes]:
    """Return the columns and the custom attributes of a source's record."""
    found: dict[str, Any] = {}
    texts: dict[bool, list[str]] = {True: [], False: []}
    for field, reads in _readers(source):
        values = [read(record) for read in reads]
        stored = [_STORED[field.kind](value) for value in values]
        found[field.column] = next((value for value in stored if value is not None), None)
        if field.kind is Kind.TEXT:
            for column, value in zip(field.written, values, strict=True):
                found[column] = text = storable(value) if isinstance(value, str) else None
                texts[field.is_personal].append(text or "")
        elif field.kind is Kind.MONEY:
            found["value_is_inexact"] = found[field.column] is None and isinstance(values[0], Decimal)
    found["search_public"] = searchable(" ".join(texts[False])) or None
    found["search_personal"] = searchable(" ".join(texts[True])) or None
    return DealColumns(**found), _attributes(source, record)


@cache
def _readers(source: str) -> list[tuple[ListedField, list[Read]]]:
    """Return how a source's records are read, for each field: a function for each of its paths."""
    mapping = MAPPINGS[source]
    fields = [field for field in LISTED if field.column not in _KEYS]
    return [(field, [reader(mapping, path) for path in field.paths]) for field in fields]


def reader(mapping: ObjectMapping[Any], path: str) -> Read:
    """Return what reads the value at a path of the graph from a source's record: None where there is none to show."""
    names = path.split(".")
    if names[0][0].isupper() and names.pop(0) != mapping.type_.__name__:
        return lambda _: None  # a field of another source's type

    def read(record: Any) -> Any:
        try:
            return _value_at(mapping, names, record)
        except Exception:  # which a client gets as an error at this field
            return None

    return read


def _value_at(mapping: ObjectMapping[Any], names: list[str], record: Any) -> Any:
    value = mapping.fields[names[0]]
    if len(names) == 1:
        return value_of(value, record)
    if not isinstance(value, ObjectMapping):
        raise TypeError(f"{mapping.type_.__name__}.{names[0]} is no object")
    return _value_at(value, names[1:], record) if value.is_in(record) else None


def _attributes(source: str, record: Any) -> Attributes:
    mapping = MAPPINGS[source].fields.get("custom")
    found: dict[str, str | Decimal | bool] = {}
    for one in value_of(mapping, record) if mapping is not None else ():
        value = one.value
        if isinstance(value, str):
            found[storable(one.key)] = storable(value)
        elif isinstance(value, bool):
            found[storable(one.key)] = value
        elif isinstance(value, int | float | Decimal):
            number = Decimal(str(value))
            if number.is_finite() and scaled(number) is not None:
                found[storable(one.key)] = number
    return found


def _keyword(value: Any) -> str | None:
    return storable(value) if isinstance(value, str) else None


def _code(value: Any) -> str | None:
    return code(storable(value)) if isinstance(value, str) else None


def _text(value: Any) -> str | None:
    return fold(storable(value)) if isinstance(value, str) else None


def _enum(value: Any) -> Any:
    return value.value if isinstance(value, Enum) else None


def _number(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) <= LARGEST else None


def _money(value: Any) -> int | None:
    return scaled(value) if isinstance(value, Decimal) else None


def _moment(value: Any) -> int | None:
    return microseconds(value) if isinstance(value, datetime) else None


def _day(value: Any) -> int | None:
    return days(value) if isinstance(value, date) and not isinstance(value, datetime) else None


_STORED: Final[Mapping[Kind, Callable[[Any], Any]]] = {
    Kind.TEXT: _text,
    Kind.KEYWORD: _keyword,
    Kind.CODE: _code,
    Kind.ENUM: _enum,
    Kind.NUMBER: _number,
    Kind.MONEY: _money,
    Kind.MOMENT: _moment,
    Kind.DAY: _day,
}
