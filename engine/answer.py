"""The GraphQL response (GraphQL specification, 7.1), and the size of its data in JSON, counted before it is encoded.

A document of a few kilobytes can select one long string of a record thousands of times. In memory the response holds
that string once; its JSON would repeat it.
"""

import json
from dataclasses import dataclass
from typing import Any

import msgspec
import orjson

from engine.cost import LimitExceeded


@dataclass(slots=True)  # not frozen, which would make each one three times as slow to make
class Answer:
    """A GraphQL response. `is_request_error`: nothing was executed, so the response has no `data`."""

    data: dict[str, Any] | None = None
    errors: list[dict[str, Any]] | None = None
    extensions: dict[str, Any] | None = None
    is_request_error: bool = False

    @property
    def code(self) -> str | None:
        """The code of the first error, if there is one."""
        return self.errors[0]["extensions"]["code"] if self.errors else None

    def body(self) -> dict[str, Any]:
        """Return the response as a JSON object."""
        found: dict[str, Any] = {} if self.is_request_error else {"data": self.data}
        if self.errors:
            found["errors"] = self.errors
        if self.extensions:
            found["extensions"] = self.extensions
        return found


@dataclass(slots=True)
class AnswerSize:
    """The bytes of JSON that a response's data takes so far, and at most."""

    most: int
    bytes: int = 0

    def ahead(self) -> "SizeAhead":
        """Return one that has counted as much, for what is completed before its place in the answer is written."""
        found = SizeAhead(self.most)
        found.bytes = self.bytes
        return found

    def add(self, count: int) -> None:
        """Count bytes; raises `LimitExceeded`."""
        self.bytes += count
        if self.bytes > self.most:
            raise self._too_much()

    def checked(self, value: Any) -> Any:
        """Return a value that `check` has let pass."""
        self.check(value)
        return value

    def check(self, value: Any) -> int:
        """Return the bytes of a value; raises `LimitExceeded` if it would exceed the limit. Nothing is counted.

        The value is a response's data, or a part of it, of any depth: dictionaries, lists, structs, scalars.
        """
        size = self.bytes
        waiting = [value]
        while waiting:
            one = waiting.pop()
            if isinstance(one, dict):
                size += 2 * len(one) + (not one) + 1  # braces, colons, commas
                waiting.extend(one)
                waiting.extend(one.values())
            elif isinstance(one, list):
                size += len(one) + (not one) + 1
                waiting.extend(one)
            elif isinstance(one, msgspec.Struct):
                keys = one.__struct_encode_fields__
                size += 4 * len(keys) + (not keys) + 1 + sum(map(len, keys))  # keys are GraphQL names: plain
                waiting.extend(msgspec.structs.astuple(one))
            else:
                size += _length(one)
            if size > self.most:
                raise self._too_much()
        return size - self.bytes

    def _too_much(self) -> LimitExceeded:
        return LimitExceeded("bytes of data in the answer", self.most)


class SizeAhead(AnswerSize):
    """One that counts also what is only checked."""

    __slots__ = ()

    def checked(self, value: Any) -> Any:
        """Return a value that `check` has let pass, and count it."""
        self.bytes += self.check(value)
        return value


def _length(value: Any) -> int:
    """Return the length of a scalar in JSON."""
    if isinstance(value, msgspec.Raw):
        return memoryview(value).nbytes
    try:
        return len(orjson.dumps(value))
    except TypeError:  # an integer beyond 64 bits, or half a surrogate pair
        return len(json.dumps(value))
