"""Generates the Python function that completes a record, for one selection of fields on one type of record.

graphql-core's executor completes value by value: it serializes each, and refuses a null in a non-null field. Which type
and which attribute a field has does not change from record to record, so all that is decided once, and written as the
text of a function, which Python compiles. For `{ sourceId status coworkerType }` that text is, but for the names,

    lambda record, size, read_at: shape(
        refuse_null(None if (v1 := record.id) is None else str(v1)),
        status_names.get(record.status),
        v2 if (v2 := record.coworker_type) is None or type(v2) is str else serialize_string(v2),
    )

`shape` is a type with the selection's response keys (`engine/shapes.py`).

Nothing of a request becomes part of the text. Fields and aliases are the keys of shapes, and are GraphQL names:
letters, digits and underscores. A record that the function cannot complete makes it raise, and graphql-core executes.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import msgspec
import orjson
from graphql import (
    GraphQLEnumType,
    GraphQLLeafType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    get_nullable_type,
    is_leaf_type,
)
from graphql.execution.collect_fields import FieldDetails

from engine.aliases import checked
from engine.fallbacks import NotCompiled, Reason
from engine.instances import as_it_is, items_as_they_are, itself
from engine.mapping import Constant, EnumMapping, IdMapping, ListMapping, ObjectMapping, Value
from engine.selected import Collect, SelectedField, is_open, is_plain
from engine.serializer import ResolvedField, mark
from engine.shapes import shape

MOST_FIELDS = 1_000
"""Fields of one function. Compiling a longer one would block the event loop."""

Resolve = Callable[[SelectedField], ResolvedField]
"""Returns what gives the value of a field with a resolver of its own; raises `NotCompiled`."""


class Writer:
    """Writes expressions. `names` holds what they refer to; equal text and equal `values` are the same function."""

    def __init__(self, collect: Collect, read_at: str | None = None, resolve: Resolve | None = None) -> None:
        """`read_at` is the field, by its name in Python, that says when a record was read."""
        self.names: dict[str, Any] = {
            "__builtins__": {},
            "type": type,
            "int": int,
            "str": str,
            "lacking": _null_in_non_null,
        }
        self.names |= {"date": date, "datetime": datetime, "UTC": UTC, "raw": _raw}
        self.values: list[Any] = []
        self.bytes = 0
        self.repeats = False
        self.tells_age = False
        self.resolved: list[ResolvedField] = []
        self._resolve = resolve
        self._parents: list[ObjectMapping[Any]] = []
        self._keys: list[str] = []
        self._collect = collect
        self._read_at = read_at
        self._seen: set[tuple[str, str]] = set()
        self._fields = 0
        self._variables = 0

    def object(
        self, type_: GraphQLObjectType, mapping: ObjectMapping[Any], details: list[FieldDetails], record: str
    ) -> str:
        """Return the expression that completes the object that a record has for this type."""
        values = {}
        self._parents.append(mapping)
        for key, same in self._collect(type_, details).items():
            name = same[0].node.name.value
            if name == "__typename":
                values[key] = repr(type_.name)
                continue
            field = type_.fields.get(name)
            if field is None or not is_open(field):
                raise NotCompiled(Reason.SELECTION)
            self._fields += 1
            if self._fields > MOST_FIELDS:
                raise NotCompiled(Reason.SIZE)
            python_name = field.extensions["strawberry-definition"].python_name
            if python_name == self._read_at and record == "record":
                self.tells_age = True
                values[key] = self._value(field.type, itself, same, "read_at")
                continue
            if not is_plain(field):
                if record != "record":  # an item of a list
                    raise NotCompiled(Reason.SELECTION)
                selected = SelectedField(type_, field, same, (*self._keys, key), tuple(self._parents))
                values[key] = self._mark(selected)
                continue
            self.repeats = self.repeats or (type_.name, name) in self._seen
            self._seen.add((type_.name, name))
            self._keys.append(key)
            values[key] = self._value(field.type, mapping.fields[python_name], same, record)
            self._keys.pop()
        self._parents.pop()
        keys = tuple(values)
        self.bytes += 1_500 + 300 * len(keys)
        return f"{self._let(shape(keys), keys)}({', '.join(values.values())})"

    def _mark(self, selected: SelectedField) -> str:
        if self._resolve is None:
            raise NotCompiled(Reason.SELECTION)
        self.resolved.append(self._resolve(selected))
        self.bytes += 1_000
        return self._let(mark(len(self.resolved) - 1), object())

    def value(self, type_: GraphQLOutputType, details: list[FieldDetails]) -> str:
        """Return the expression that completes `record` where it is what a resolver has given for a field."""
        inner: Any = get_nullable_type(type_)
        if not isinstance(inner, GraphQLList):
            return self._value(type_, as_it_is(inner), details, "record")
        listed = self._value(inner, items_as_they_are(inner, itself), details, "record")
        return f"({'None' if inner is type_ else 'lacking()'} if record is None else {listed})"

    def _value(self, type_: GraphQLOutputType, value: Value, details: list[FieldDetails], record: str) -> str:
        if isinstance(type_, GraphQLNonNull):
            v = self._variable()
            return f"({v} if ({v} := {self._value(type_.of_type, value, details, record)}) is not None else lacking())"
        if isinstance(value, Constant) and value.value is None:
            return "None"
        if isinstance(value, ObjectMapping) and isinstance(type_, GraphQLObjectType):
            return self._present(value, record, self.object(type_, value, details, record))
        if isinstance(value, ListMapping) and isinstance(type_, GraphQLList):
            item = self._variable()
            written = self._value(type_.of_type, value.mapping, details, item)
            return f"[{written} for {item} in {self._let(value.items)}({record})]"
        if is_leaf_type(type_):
            return self._leaf(type_, value, record)
        raise NotCompiled(Reason.SELECTION)

    def _present(self, mapping: ObjectMapping[Any], record: str, written: str) -> str:
        if mapping.present is None:
            return written
        if isinstance(mapping.present, str | tuple):
            names = (mapping.present,) if isinstance(mapping.present, str) else mapping.present
            return f"(None if {' is '.join(f'{record}.{name}' for name in names)} is None else {written})"
        return f"({written} if {self._let(mapping.present)}({record}) else None)"

    def _leaf(self, type_: GraphQLLeafType, value: Value, record: str) -> str:
        serialize = type_.coerce_output_value
        if isinstance(value, Constant):
            constant = _not_none(serialize(value.value))
            return self._let(constant, (type_, id(value)))
        if isinstance(value, EnumMapping) and isinstance(type_, GraphQLEnumType):
            names = {code: serialize(member) for code, member in value.meanings.items()}
            return f"{self._let(names, (type_, id(value)))}.get({record}.{value.attribute})"
        v = self._variable()
        if isinstance(value, IdMapping) and type_.name in ("ID", "String"):
            return f"(None if ({v} := {record}.{value.attribute}) is None else str({v}))"
        read = f"({v} := {record}.{value})" if isinstance(value, str) else f"({v} := {self._function(value)}({record}))"
        if (is_as_it_should_be := _LEFT_AS_IS.get(type_.name)) is not None:
            test = is_as_it_should_be.format(v)
            return f"({v} if {read} is None or {test} else {self._let(serialize)}({v}))"
        text = f"(None if {read} is None else {v} if ({v} := {self._let(serialize)}({v})) is not None else lacking())"
        return f"raw({text})" if may_be_any_json(type_) else text

    def _function(self, value: Any) -> str:
        return self._let(getattr(value, "of", value))

    def _variable(self) -> str:
        self._variables += 1
        return f"v{self._variables}"

    def _let(self, value: Any, identity: Any = None) -> str:
        """Return a name for a value; `identity`, else the value itself, is the same where the value is."""
        name = f"n{len(self.names)}"
        self.names[name] = value
        self.values.append(value if identity is None else identity)
        return name


_LEFT_AS_IS = {
    "String": "type({0}) is str",
    "ID": "type({0}) is str",
    "Boolean": "{0} is True or {0} is False",
    "Int": "type({0}) is int and -2147483648 <= {0} <= 2147483647",
    "Date": "type({0}) is date",
    "DateTime": "type({0}) is datetime and {0}.tzinfo is UTC",
}
"""Values that their scalar serializes to themselves; and dates and times, which msgspec writes just as these do."""

_TEXTS = frozenset({"BigInt", "Decimal"})
"""Scalars that serialize to text. Others may give any value, and msgspec writes some floats other than orjson does."""


def may_be_any_json(type_: Any) -> bool:
    """Return whether a type's values may be objects of any keys, or whatever else its scalar gives."""
    if not is_leaf_type(type_) or isinstance(type_, GraphQLEnumType):
        return False
    return type_.name not in _TEXTS and type_.name not in _LEFT_AS_IS


def _raw(value: Any) -> msgspec.Raw | None:
    """Return a value as orjson writes it, None for null."""
    try:
        return None if value is None else msgspec.Raw(checked(orjson.dumps(value)))
    except TypeError:  # what orjson does not write, such as an integer beyond 64 bits
        raise NotCompiled(Reason.VALUE) from None


def _null_in_non_null() -> None:
    """Refuse a null. graphql-core will refuse it again, with its message and at the right place."""
    raise NotCompiled(Reason.NULL)


def _not_none(value: Any) -> Any:
    if value is None:
        raise NotCompiled(Reason.SELECTION)
    return value
