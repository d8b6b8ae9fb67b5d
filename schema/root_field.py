"""A compiled operation's root field: it asks the loaders for its records, and completes what they have found."""

from asyncio import Future
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import msgspec
from graphql import FieldNode, GraphQLError, located_error
from orjson import Fragment

from schema.completion import NotCompiled
from schema.context import Context
from schema.lookups import Lookup
from schema.memo import Memo

Found = tuple[str, Any]
"""A source's name, and what it has for one id, or will have: a record, None, an exception, a future of one of these."""


_encode_into = msgspec.json.Encoder().encode_into


@dataclass(frozen=True, slots=True)
class Completer:
    """Completes records of one source."""

    complete: Callable[[Any], msgspec.Struct]
    memo: Memo
    number: int

    def complete_again(self, record: Any) -> bytes:
        """Return what `complete` gives, as text, which may be known."""
        known = self.memo.get(self.number, record)
        return known if known is not None else self.memo.keep(self.number, record, self.complete(record))


@dataclass(frozen=True, slots=True)
class RootField:
    """A field made ready.

    Its argument is the value of `variable`, else `value`. `completers` complete the records of each source. Without a
    `lookup` it is `__typename`, and `value` is the answer.
    """

    key: str
    nodes: list[FieldNode]
    lookup: Lookup | None
    value: Any
    variable: str | None
    completers: Mapping[str, Completer]

    def argument(self, variables: Mapping[str, Any]) -> Any:
        """Return the argument's value; raises where it is refused as a whole."""
        value = self.value if self.variable is None else variables[self.variable]
        if self.lookup is not None:
            if value is None:
                raise NotCompiled
            if self.lookup.check is not None:
                self.lookup.check(value)
        return value

    def ask(self, value: Any, context: Context) -> list[Found]:
        """Ask for every record that the argument's value names, without waiting for any."""
        lookup = self.lookup
        if lookup is None:
            return []
        return _asked(lookup, value if lookup.is_list else (value,), context)

    def complete(self, found: list[Found], errors: list[GraphQLError]) -> Any:
        """Return the field's value in the answer: JSON, but for a `__typename`."""
        if self.lookup is None:
            return self.value
        completers = self.completers
        # A record at a time, so that the next one finds its memory in the processor's cache.
        text = bytearray()
        places: dict[Future[Any], slice] = {}
        for index, (source, outcome) in enumerate(found):
            text += b"," if index else b""
            if isinstance(outcome, Future):
                if outcome in places:  # asked for twice
                    text += text[places[outcome]]
                elif (error := outcome.exception()) is not None:
                    errors.append(self._error(error, index))
                    text += b"null"
                elif (record := outcome.result()) is not None:
                    start = len(text)
                    _encode_into(completers[source].complete(record), text, start)
                    places[outcome] = slice(start, len(text))
                else:
                    text += b"null"
            elif isinstance(outcome, Exception):
                errors.append(self._error(outcome, index))
                text += b"null"
            elif outcome is not None:
                # It came from the cache, hence is likely to come again.
                text += completers[source].complete_again(outcome)
            else:
                text += b"null"
        value = bytes(text)
        return Fragment(b"[%b]" % value if self.lookup.is_list else value)

    def _error(self, error: Any, index: int) -> GraphQLError:
        assert self.lookup
        return located_error(error, self.nodes, [self.key, index] if self.lookup.is_list else [self.key])


def _asked(lookup: Lookup, values: Iterable[Any], context: Context) -> list[Found]:
    key, ask = lookup.key, context.loaders.ask
    found: list[Found] = []
    for value in values:
        try:
            source, source_id = key(value)
            found.append((source.name, ask(source, source_id)))
        except Exception as error:  # a value here, and an error at the record's place in the answer
            found.append(("", error))
    return found


async def arrived(asked: list[list[Found]]) -> None:
    """Wait for everything that was asked for."""
    for found in asked:
        for _, outcome in found:
            # One by one: those of a source come together, so that all but one are there when they are looked at.
            if isinstance(outcome, Future) and not outcome.done():
                with suppress(Exception):  # it will stand at its place in the answer
                    await outcome
