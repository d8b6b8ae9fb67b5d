"""The JSON of records that are served again from the record cache.

A compiled query serializes a record the same way each time. So the text is stored for as long as the record object
lives, which the record cache decides, within a bound of bytes, and is copied into the next answer. A record that is
fetched again is another object.
"""

from contextlib import suppress
from itertools import count
from typing import Any
from weakref import ref

import msgspec

MOST_BYTES = 8_000_000
"""Of text. What is stored beside each text is counted as 400 bytes."""


class SerializationCache:
    """Texts by operation's number and record, the oldest out first."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._texts: dict[tuple[int, int], tuple[bytes, ref[Any], int]] = {}
        self._numbers = count()

    def __len__(self) -> int:
        return len(self._texts)

    def number(self) -> int:
        """Return a number for another serializer."""
        return next(self._numbers)

    def get(self, number: int, record: Any) -> bytes | None:
        """Return the text that is stored for a record."""
        found = self._texts.get((number, id(record)))
        return found[0] if found is not None and found[1]() is record else None

    def store(self, number: int, record: Any, completed: Any) -> bytes:
        """Encode a completed record, and store the text if its record can be referred to weakly; return the text."""
        key = (number, id(record))
        self._forget(key)
        # Copied, for the encoder's buffer is larger than the text.
        text = bytes(memoryview(msgspec.json.encode(completed)))
        size = len(text) + 400
        with suppress(TypeError):  # no weak references: a later record could have the same `id()`
            self._texts[key] = text, ref(record, lambda _: self._forget(key)), size
            self._bytes += size
        while self._bytes > self._most_bytes:
            self._forget(next(iter(self._texts)))
        return text

    def _forget(self, key: tuple[int, int]) -> None:
        if (found := self._texts.pop(key, None)) is not None:
            self._bytes -= found[2]
