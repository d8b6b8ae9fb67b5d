"""Fields of records that have resolvers of their own, and what gives their values (`engine.serializer.ResolvedField`).

A page of records within a record is a third kind: `engine/compiled_listing.py`.
"""

import asyncio
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any

import msgspec
import orjson
from graphql import GraphQLNonNull, get_named_type

from engine.aliases import checked, is_numbered
from engine.codegen import may_be_any_json
from engine.fallbacks import NotCompiled, Reason
from engine.lookup import KnownField
from engine.run import Keys, Run
from engine.selected import Collect, SelectedField, open_fields
from engine.serializer import ResolvedField


@dataclass(frozen=True, slots=True)
class FieldOfContext(ResolvedField):
    """A field that needs nothing but the context, the source's name and the record."""

    known: KnownField

    def request(self, source: str, record: Any, run: Run, keys: Keys) -> Any:
        """Return its value."""
        return self.known(run.context, source, record)

    def text(self, outcome: Any, run: Run, keys: Keys) -> bytes:
        """Return its JSON."""
        return checked(msgspec.json.encode(outcome))


@dataclass(frozen=True, slots=True)
class ExecutedField(ResolvedField):
    """A field that graphql-core executes, on the object that clients would see of the record."""

    may_have_any_keys: bool

    def request(self, source: str, record: Any, run: Run, keys: Keys) -> Any:
        """Have it executed."""
        if not self.selected.has_parent(record):
            return None
        return self.of(self.selected.parents[-1].of(record), run, keys)

    def of(self, parent: Any, run: Run, keys: Keys) -> Any:
        """Return its value on an object as graphql-core completes it, or a task for that."""
        found = run.executed(self.selected, parent, keys)
        return asyncio.ensure_future(found) if isawaitable(found) else found

    def text(self, outcome: Any, run: Run, keys: Keys) -> bytes:
        """Return its JSON."""
        try:
            found = orjson.dumps(outcome)
            return checked(found) if self.may_have_any_keys else found
        except TypeError:  # what orjson does not write, such as an integer beyond 64 bits
            raise NotCompiled(Reason.VALUE) from None


def executed_field(selected: SelectedField, collect: Collect) -> ExecutedField:
    """Return a field that graphql-core executes; raises `NotCompiled`."""
    if isinstance(selected.field.type, GraphQLNonNull):  # without a value it would take more than itself away
        raise NotCompiled(Reason.SELECTION)
    type_ = get_named_type(selected.field.type)
    fields = list(open_fields(type_, selected.details, collect))
    may_have_any_keys = may_be_any_json(type_) or any(may_be_any_json(one) for _, one in fields)
    if may_have_any_keys and any(is_numbered(key) for key, _ in fields):  # whose key is whose could not be told
        raise NotCompiled(Reason.SELECTION)
    return ExecutedField(selected, may_have_any_keys)
