"""The size of a response's data in JSON, counted before it is encoded.

A document of a few kilobytes can select one long string of a record thousands of times. In memory the response holds
that string once; its JSON would repeat it.
"""

import json
from typing import Any

import msgspec
import orjson

from engine.cost import LimitExceeded


class AnswerSize:
    """The bytes of JSON that a response's data takes so far."""

    __slots__ = ("bytes", "most")

    def __init__(self, most: int) -> None:
        self.most = most
        self.bytes = 0

    def copy(self) -> "AnswerSize":
        """Return another one that has counted as much."""
        other = AnswerSize(self.most)
        other.bytes = self.bytes
        return other

    def add(self, count: int) -> None:
        """Count bytes; raises `LimitExceeded`."""
        self.bytes += count
        if self.bytes > self.most:
            raise self._too_much()

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


def _length(value: Any) -> int:
    """Return the length of a scalar in JSON."""
    if isinstance(value, msgspec.Raw):
        return memoryview(value).nbytes
    try:
        return len(orjson.dumps(value))
    except TypeError:  # an integer beyond 64 bits, or half a surrogate pair
        return len(json.dumps(value))
