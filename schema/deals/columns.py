"""From a record to what the store knows of it: the columns that lists go by, derived from the graph's own mappings.

What a client sees of a record is what a filter compares. A value that its scalar would refuse is null here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from functools import cache, partial
from operator import attrgetter
from typing import Any, Final

from engine.mapping import ObjectMapping, Value, value_of
from schema.deals.listed_fields import LISTED, Kind
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


@dataclass(frozen=True, slots=True)
class _Field:
    """How one field is read: what reads each of its paths, and the column in which the text of that path stands."""

    column: str
    kind: Kind
    reads: list[tuple[Read, str]]
    is_personal: bool


def columns(source: str, record: Any) -> tuple[DealColumns, Attributes]:
    """Return the columns and the custom attributes of a source's record."""
    found: dict[str, Any] = {}
    public: list[str] = []
    personal: list[str] = []
    for field in _fields(source):
        kind, stored = field.kind, _STORED[field.kind]
        for read, written in field.reads:
            value = read(record)
            if value is None:
                continue
            if kind is Kind.TEXT and isinstance(value, str):
                found[written] = text = storable(value)
                (personal if field.is_personal else public).append(text)
            if found.get(field.column) is None:
                found[field.column] = stored(value)
                if kind is Kind.MONEY:
                    found["value_is_inexact"] = found[field.column] is None and isinstance(value, Decimal)
    found["search_public"] = searchable(" ".join(public)) or None
    found["search_personal"] = searchable(" ".join(personal)) or None
    return DealColumns(**found), _attributes(source, record)


@cache
def _fields(source: str) -> list[_Field]:
    """Return how a source's records are read, without paths that only other sources have."""
    mapping, found = MAPPINGS[source], []
    for field in LISTED:
        reads = [reader(mapping, path) for path in field.paths]
        pairs = zip(reads, field.written or [""] * len(reads), strict=True)
        own = [(read, written) for read, written in pairs if read is not _nothing]
        if own and field.column not in _KEYS:
            found.append(_Field(field.column, field.kind, own, field.is_personal))
    return found


def reader(mapping: ObjectMapping[Any], path: str) -> Read:
    """Return what reads the value at a path of the graph from a source's record: None where there is none to show."""
    names = path.split(".")
    if names[0][0].isupper() and names.pop(0) != mapping.type_.__name__:
        return _nothing  # a field of another source's type
    presences: list[Read] = []
    for name in names[:-1]:
        inner = mapping.fields[name]
        if not isinstance(inner, ObjectMapping):
            return _nothing
        mapping = inner
        presences.append(mapping.is_in)
    if names[-1] not in mapping.fields:
        return _nothing
    get = _getter(mapping.fields[names[-1]])

    def read(record: Any) -> Any:
        try:
            for is_in in presences:
                if not is_in(record):
                    return None
            return get(record)
        except Exception:  # which a client gets as an error at this field
            return None

    return read


def _nothing(_: Any) -> None:
    """Read what no record of the source has."""


def _getter(value: Value) -> Read:
    """Return what gives a field's value, as `engine.mapping.value_of` does."""
    return attrgetter(value) if isinstance(value, str) else partial(value_of, value)


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
