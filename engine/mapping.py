"""How an object that clients see is made from a record: for each type one table, which says what each field is.

The tables are read in two ways, so that the two cannot come to differ. `ObjectMapping.of` makes a whole object, which
graphql-core's executor then completes field by field. A compiled operation (`engine/compiler.py`) makes nothing: it
reads just the fields that it selects, straight from the record.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from enum import Enum
from typing import Any, Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Constant:
    """The same for every record."""

    value: Any

    def of(self, _record: Any) -> Any:
        """Return the field's value."""
        return self.value


@dataclass(frozen=True, slots=True)
class IdMapping:
    """A whole number of the record, as text: an `ID`."""

    attribute: str

    def of(self, record: Any) -> str | None:
        """Return the field's value."""
        number = getattr(record, self.attribute)
        return None if number is None else str(number)


@dataclass(frozen=True, slots=True)
class EnumMapping:
    """What a code of the record stands for; None for one that is not known, which must not fail a request."""

    meanings: Mapping[Any, Any]
    attribute: str

    def of(self, record: Any) -> Any:
        """Return the field's value."""
        return self.meanings.get(getattr(record, self.attribute))


@dataclass(frozen=True, slots=True, eq=False)
class ObjectMapping(Generic[T]):
    """A type, and where each of its fields comes from, by the field's name in Python.

    `present` tells whether the record has such an object at all: an attribute that must not be None, or several of
    which one must not be, or a test.
    """

    type_: type[T]
    fields: "Mapping[str, Value]"
    present: Callable[[Any], Any] | str | tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        """Refuse a table with gaps when it is written, not when a client asks."""
        expected = {field.name for field in fields(self.type_)}  # type: ignore[arg-type] # Strawberry's are dataclasses
        if set(self.fields) != expected:
            raise TypeError(f"{self.type_.__name__}: {sorted(expected ^ set(self.fields))} is missing or unknown")

    def of(self, record: Any) -> T | None:
        """Return the object, None where the record has none."""
        if isinstance(self.present, str | tuple):
            names = (self.present,) if isinstance(self.present, str) else self.present
            if all(getattr(record, name) is None for name in names):
                return None
        elif self.present is not None and not self.present(record):
            return None
        return self.type_(**{name: _value_or_error(value, record) for name, value in self.fields.items()})


@dataclass(frozen=True, slots=True, eq=False)
class ListMapping:
    """A list with an object for each of the record's items."""

    mapping: ObjectMapping[Any]
    items: Callable[[Any], Iterable[Any]]

    def of(self, record: Any) -> list[Any]:
        """Return the field's value."""
        return [self.mapping.of(item) for item in self.items(record)]


Value = str | Callable[[Any], Any] | Constant | IdMapping | EnumMapping | ObjectMapping[Any] | ListMapping
"""Where a field comes from. A text is the record's attribute of that name, a function takes the record."""


def value_of(value: Value, record: Any) -> Any:
    """Return a field's value."""
    if isinstance(value, str):
        return getattr(record, value)
    if isinstance(value, Constant | IdMapping | EnumMapping | ObjectMapping | ListMapping):
        return value.of(record)
    return value(record)


def _value_or_error(value: Value, record: Any) -> Any:
    try:
        return value_of(value, record)
    except Exception as error:  # graphql-core raises it where the field is selected, so that no other is hurt
        return error


def by_code(enum: type[Enum]) -> Mapping[Any, Enum]:
    """Return an enum's members by their values, for `EnumMapping`."""
    return dict(enum._value2member_map_)
