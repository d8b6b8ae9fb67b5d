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

from lru import LRU

MOST_BYTES = 8_000_000
"""Of text. What is kept beside each text is counted as 400 bytes."""


class SerializationCache:
    """Texts by operation's number and record, the oldest out first."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._texts: LRU[tuple[int, int], tuple[bytes, ref[Any]]] = LRU(
            max_size=most_bytes, size_of=lambda _, found: len(found[0]) + 400
        )
        self._numbers = count()

    def __len__(self) -> int:
        return len(self._texts)

    @property
    def memory_bytes(self) -> int:
        """What the texts are counted as."""
        return self._texts.size

    def number(self) -> int:
        """Return the number of another function that completes records."""
        return next(self._numbers)

    def get(self, number: int, record: Any) -> bytes | None:
        """Return the text that is kept for a record."""
        found = self._texts.peek((number, id(record)))
        return found[0] if found is not None and found[1]() is record else None

    def keep(self, number: int, record: Any, completed: Any) -> bytes:
        """Keep a completed record as text, if it can be known for how long; return it for the answer."""
        key = (number, id(record))
        self._texts.remove(key)
        # Copied, for the encoder's own has room for more, and keeps it.
        text = bytes(memoryview(msgspec.json.encode(completed)))
        with suppress(TypeError):  # no weakref: nobody could tell whether it is still the same record
            self._texts.put(key, (text, ref(record, lambda _: self._texts.remove(key))))
        return text
