"""Completed records, as JSON, of records that are served again from the cache.

What a compiled operation makes of a record depends on nothing but the two. So its text is kept for as long as the
record itself lives, which the cache decides, and for no more bytes than set here; and it is copied into the next
answer. A record that is fetched anew is another one.
"""

from contextlib import suppress
from itertools import count
from typing import Any
from weakref import ref

import msgspec

MOST_BYTES = 8_000_000
"""Of text. What is kept beside each text is counted as 400 bytes."""


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
        """Return the number of another function that completes records."""
        return next(self._numbers)

    def get(self, number: int, record: Any) -> bytes | None:
        """Return the text that is kept for a record."""
        found = self._texts.get((number, id(record)))
        return found[0] if found is not None and found[1]() is record else None

    def keep(self, number: int, record: Any, completed: Any) -> bytes:
        """Keep a completed record as text, if it can be known for how long; return it for the answer."""
        key = (number, id(record))
        self._forget(key)
        # Copied, for the encoder's own has room for more, and keeps it.
        text = bytes(memoryview(msgspec.json.encode(completed)))
        size = len(text) + 400
        with suppress(TypeError):  # no weakref: nobody could tell whether it is still the same record
            self._texts[key] = text, ref(record, lambda _: self._forget(key)), size
            self._bytes += size
        while self._bytes > self._most_bytes:
            self._forget(next(iter(self._texts)))
        return text

    def _forget(self, key: tuple[int, int]) -> None:
        if (found := self._texts.pop(key, None)) is not None:
            self._bytes -= found[2]
