"""Where the fields of a type come from: for each field, the value that a record has for it.

Both executors read the same mapping. For graphql-core, `ObjectMapping.of` makes a whole object, whose fields the
executor completes. A compiled operation (`engine/compiler.py`) makes no object: it reads the selected fields from the
record.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from enum import Enum
from typing import Any, Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Constant:
    """The same value for every record."""

    value: Any

    def of(self, _record: Any) -> Any:
        """Return the field's value."""
        return self.value


@dataclass(frozen=True, slots=True)
class IdMapping:
    """A whole number of the record as an `ID`, which is text."""

    attribute: str

    def of(self, record: Any) -> str | None:
        """Return the field's value."""
        number = getattr(record, self.attribute)
        return None if number is None else str(number)


@dataclass(frozen=True, slots=True)
class EnumMapping:
    """The meaning of a code of the record; None for an unknown code, which must not fail a request."""

    meanings: Mapping[Any, Any]
    attribute: str

    def of(self, record: Any) -> Any:
        """Return the field's value."""
        return self.meanings.get(getattr(record, self.attribute))


Presence = Callable[[Any], Any] | str | tuple[str, ...] | None
"""Whether a record has an object: an attribute that must not be None, several of which one must not be None, or a test
of the record. None: every record has one."""


@dataclass(frozen=True, slots=True, eq=False)
class ObjectMapping(Generic[T]):
    """A type, the value of each of its fields by the field's name in Python, and whether a record has such an object.

    A type of one source says all this itself (`schema/mapped_type.py`); a type that sources share has a mapping for
    each of them. A missing or unknown field raises `TypeError`.
    """

    type_: type[T]
    fields: "Mapping[str, Value]"
    present: Presence = None

    def __post_init__(self) -> None:
        """Check the names at import, before any client asks."""
        expected = {field.name for field in fields(self.type_) if field.init}  # type: ignore[arg-type] # Strawberry's are dataclasses
        if set(self.fields) != expected:
            raise TypeError(f"{self.type_.__name__}: {sorted(expected ^ set(self.fields))} is missing or unknown")

    def attributes(self) -> Iterator[str]:
        """Yield the attributes of the record that the mapping names; what a function reads is not known."""
        if isinstance(self.present, str | tuple):
            yield from (self.present,) if isinstance(self.present, str) else self.present
        for value in self.fields.values():
            if isinstance(value, str):
                yield value
            elif isinstance(value, IdMapping | EnumMapping):
                yield value.attribute
            elif isinstance(value, ObjectMapping):
                yield from value.attributes()

    def is_in(self, record: Any) -> bool:
        """Return whether the record has such an object."""
        if isinstance(self.present, str | tuple):
            names = (self.present,) if isinstance(self.present, str) else self.present
            return any(getattr(record, name) is not None for name in names)
        return self.present is None or bool(self.present(record))

    def of(self, record: Any) -> T | None:
        """Return the object; None if the record has none."""
        if not self.is_in(record):
            return None
        return self.type_(**{name: _value_or_error(value, record) for name, value in self.fields.items()})


@dataclass(frozen=True, slots=True, eq=False)
class ListMapping:
    """A list of one object for each of `items(record)`."""

    mapping: ObjectMapping[Any]
    items: Callable[[Any], Iterable[Any]]

    def of(self, record: Any) -> list[Any]:
        """Return the field's value."""
        return [self.mapping.of(item) for item in self.items(record)]


Value = str | Callable[[Any], Any] | Constant | IdMapping | EnumMapping | ObjectMapping[Any] | ListMapping
"""Where a field comes from. A string names an attribute of the record; a function is called with the record."""


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
    except Exception as error:  # graphql-core reports it at this field, if it is selected, and at no other
        return error


def by_code(enum: type[Enum]) -> Mapping[Any, Enum]:
    """Return an enum's members by their values, for `EnumMapping`."""
    return dict(enum._value2member_map_)
