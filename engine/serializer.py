"""What serializes the records of one source for one selection, and what its fields with resolvers have to do with it.

The text of a record is stored. A field with a resolver of its own (`ResolvedField`) may be another each time: the text
has a mark in its place, a number between two bytes of 0, which are nowhere else in JSON.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from inspect import isawaitable
from typing import Any

import msgspec

from engine.answer import AnswerSize
from engine.run import Failure, Keys, Run, raise_if_not_compiled
from engine.selected import SelectedField, positions
from engine.serialization_cache import SerializationCache


@dataclass(frozen=True, slots=True)
class ResolvedField:
    """A field of a record that has a resolver of its own. Each kind of them says what gives its value."""

    selected: SelectedField

    @property
    def keys(self) -> tuple[str, ...]:
        """Its place in the record's JSON."""
        return self.selected.keys

    @property
    def positions(self) -> list[int]:
        """Where it stands in the text that was compiled."""
        return positions(self.selected.details)

    def request(self, source: str, record: Any, run: Run, keys: Keys) -> Any:
        """Return what `text` takes, or an awaitable of that. `keys` are the field's place in the answer."""
        raise NotImplementedError  # each kind of field has its own way

    def text(self, outcome: Any, run: Run, keys: Keys) -> bytes:
        """Return its JSON. What is asked of `run.size` is counted with the record."""
        raise NotImplementedError  # each kind of field has its own way


def mark(number: int) -> msgspec.Raw:
    """Return what stands in a text for a field with this number."""
    return msgspec.Raw(b"\0%d\0" % number)


@dataclass(frozen=True, slots=True)
class Serializer:
    """Serializes records of one source, for one selection."""

    complete: Callable[[Any, AnswerSize, datetime | None], Any]
    """Makes what is encoded as the JSON of a record, which was read at a time; raises `LimitExceeded`. Generated
    (`engine/codegen.py`)."""
    tells_age: bool
    """Whether it holds the time."""
    serialization_cache: SerializationCache
    number: int
    resolved: tuple[ResolvedField, ...] = ()
    reads: "Reads" = field(default_factory=lambda: Reads())

    def complete_cached(self, record: Any, size: AnswerSize, read_at: datetime | None = None) -> bytes:
        """Return a record's JSON, which is stored for the next time. One record is always read at the same time."""
        known = self.serialization_cache.get(self.number, record)
        if known is not None:
            return known
        return self.serialization_cache.store(self.number, record, self.complete(record, size, read_at))


@dataclass(slots=True)
class Reads:
    """The attributes of records that a serializer is known to read; None if it takes a whole record."""

    names: frozenset[str] | None = frozenset()

    def is_without(self, names: frozenset[str]) -> bool:
        """Return whether none of these attributes is among them, as far as records before have shown."""
        return self.names is not None and names.isdisjoint(self.names)

    def add(self, name: str) -> None:
        """Note an attribute. One that was asked for already is none that can be read by itself."""
        if self.names is not None:
            self.names = None if name in self.names else self.names | {name}


Serializers = Mapping[str, Serializer]
"""By the source's name."""


@dataclass(slots=True)
class Row:
    """A record, None or an exception, at its place in a list; `is_kept`: the same object is likely to come again."""

    source: str
    record: Any
    read_at: datetime | None = None
    is_kept: bool = True
    outcomes: list[Any] | None = None
    """Of its fields with resolvers."""


def has_resolved(serializers: Serializers) -> bool:
    """Return whether records have fields with resolvers."""
    return any(one.resolved for one in serializers.values())


async def resolve(rows: Sequence[Row], serializers: Serializers, run: Run, keys: Callable[[int], Keys]) -> None:
    """Ask for what the fields with resolvers give; `keys` are a row's place in the answer by its index."""
    if not has_resolved(serializers):
        return
    for index, row in enumerate(rows):
        record = row.record
        if record is not None and not isinstance(record, Exception):
            row.outcomes = [
                _requested(one, row.source, record, run, [*keys(index), *one.keys])
                for one in serializers[row.source].resolved
            ]
    waiting = [
        (row.outcomes, number)
        for row in rows
        if row.outcomes
        for number, outcome in enumerate(row.outcomes)
        if isawaitable(outcome)
    ]
    if waiting:
        found = await asyncio.gather(*[outcomes[number] for outcomes, number in waiting], return_exceptions=True)
        for (outcomes, number), outcome in zip(waiting, found, strict=True):
            outcomes[number] = outcome


def _requested(one: ResolvedField, source: str, record: Any, run: Run, keys: Keys) -> Any:
    try:
        return one.request(source, record, run, keys)
    except Exception as error:
        return error


def row_text(row: Row, serializers: Serializers, run: Run, positions: list[int], keys: Keys) -> bytes:
    """Return the JSON of a row, and count its bytes."""
    fields = serializers[row.source].resolved if row.outcomes else ()
    return text_in_place(_of_row(row, serializers, run.size), fields, row.outcomes, run, positions, keys)


def text_in_place(
    text: bytes | Exception | None,
    fields: Sequence[ResolvedField],
    outcomes: list[Any] | None,
    run: Run,
    positions: list[int],
    keys: Keys,
) -> bytes:
    """Return the JSON of a record at its place in the answer, `keys`, where it may have none; count its bytes."""
    if not isinstance(text, bytes):
        if text is not None:
            raise_if_not_compiled(text)
            run.failures.append(Failure(text, keys, positions))
        text = b"null"
    elif outcomes:
        text = _filled(text, fields, outcomes, run, keys)
    run.size.add(len(text))
    return text


def _of_row(row: Row, serializers: Serializers, size: AnswerSize) -> bytes | Exception | None:
    record = row.record
    if record is None or isinstance(record, Exception):
        return record
    serializer = serializers[row.source]
    if row.is_kept:
        return serializer.complete_cached(record, size, row.read_at)
    return msgspec.json.encode(serializer.complete(record, size, row.read_at))


def _filled(text: bytes, fields: Sequence[ResolvedField], outcomes: list[Any], run: Run, keys: Keys) -> bytes:
    """Return a text with what its marks stand for."""
    pieces = text.split(b"\0")
    before = run.size.bytes
    for place in range(1, len(pieces), 2):
        number = int(pieces[place])
        one, outcome = fields[number], outcomes[number]
        at = [*keys, *one.keys]
        if isinstance(outcome, BaseException):
            raise_if_not_compiled(outcome)
            run.failures.append(Failure(outcome, at, one.positions))
            pieces[place] = b"null"
        else:
            pieces[place] = one.text(outcome, run, at)
    run.size.bytes = before
    return b"".join(pieces)
