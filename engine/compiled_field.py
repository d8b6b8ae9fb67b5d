"""A compiled query's root field: it requests its records from the loaders, and serializes what they find."""

from asyncio import Future
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from engine.fallbacks import NotCompiled, Reason
from engine.lookup import Lookup
from engine.run import Failure, Run
from engine.serializer import Serializer
from engine.slots import Slot

Found = tuple[str, str, Any]
"""A source's name, an id, and what the source has for it: a record, None, an exception, or a future of one of these."""


_encode_into = msgspec.json.Encoder().encode_into


@dataclass(frozen=True, slots=True)
class CompiledField:
    """A root field.

    Its argument is the value of `variable`, else the text's parameters at `slot`, else `value`. `serializers` are by
    the source's name. Without a `lookup` it is `__typename`, and `value` is the answer.
    """

    key: str
    positions: list[int]
    lookup: Lookup | None
    value: Any
    variable: str | None
    slot: Slot | None
    serializers: Mapping[str, Serializer]

    def argument(self, variables: Mapping[str, Any], parameters: Sequence[str]) -> Any:
        """Return the argument's value; raises `NotCompiled` where it is refused as a whole."""
        if self.variable is not None:
            value = variables.get(self.variable)
        else:
            value = self.value if self.slot is None else parameters[self.slot]
        if self.lookup is not None:
            if value is None:
                raise NotCompiled(Reason.ARGUMENT)
            if self.lookup.check is not None:
                try:
                    self.lookup.check(value)
                except Exception:  # graphql-core calls it again, and puts the error at the field
                    raise NotCompiled(Reason.ARGUMENT) from None
        return value

    def request(self, value: Any, run: Run) -> list[Found]:
        """Request every record that the argument's value names, without waiting for any."""
        lookup = self.lookup
        if lookup is None:
            return []
        key, request = lookup.key, run.context.loaders.request
        found: list[Found] = []
        for one in value if lookup.is_list else (value,):
            try:
                source, record_id = key(one)
                found.append((source.name, record_id, request(source, record_id)))
            except Exception as error:  # it becomes an error at the record's place in the answer
                found.append(("", "", error))
        return found

    def complete(self, found: list[Found], run: Run) -> Any:
        """Return the field's value in the answer: JSON, but for a `__typename`. Raises `LimitExceeded`."""
        size, context, failures = run.size, run.context, run.failures
        if self.lookup is None:
            size.add(len(self.key) + len(self.value) + 6)  # quotation marks, colon, comma
            return self.value
        serializers = self.serializers
        # One record at a time: its memory is still in the processor's cache when the next one is encoded.
        text = bytearray()
        places: dict[Future[Any], slice] = {}
        before = 0
        for index, (source, record_id, outcome) in enumerate(found):
            text += b"," if index else b""
            if isinstance(outcome, Future):
                if outcome in places:  # requested twice
                    text += text[places[outcome]]
                elif (error := outcome.exception()) is not None:
                    failures.append(self._failure(error, index))
                    text += b"null"
                elif (record := outcome.result()) is not None:
                    start = len(text)
                    serializer = serializers[source]
                    read_at = context.read_at(source, record_id) if serializer.tells_age else None
                    _encode_into(serializer.complete(record, size, read_at), text, start)
                    places[outcome] = slice(start, len(text))
                else:
                    text += b"null"
            elif isinstance(outcome, Exception):
                failures.append(self._failure(outcome, index))
                text += b"null"
            elif outcome is not None and serializers[source].tells_age:  # which is another each time
                read_at = context.read_at(source, record_id)
                _encode_into(serializers[source].complete(outcome, size, read_at), text, len(text))
            elif outcome is not None:
                # It came from the record cache, so it is likely to be requested again.
                text += serializers[source].complete_cached(outcome, size)
            else:
                text += b"null"
            size.add(len(text) - before)
            before = len(text)
        size.add(len(self.key) + 4 + 2 * self.lookup.is_list)  # quotation marks, colon, comma, brackets
        return b"[%b]" % bytes(text) if self.lookup.is_list else bytes(text)

    def _failure(self, error: BaseException, index: int) -> Failure:
        assert self.lookup
        return Failure(error, [self.key, index] if self.lookup.is_list else [self.key], self.positions)
