"""The JSON of records that are served again from the record cache.

A compiled query serializes a record the same way each time. So the text is stored for as long as the record object
lives, which the record cache decides, within a bound of bytes, and is copied into the next answer. A record that is
fetched again is another object. A record of a page is known by its version, and need not be at hand for its text.
"""

from collections.abc import Hashable, Iterable, Sequence
from contextlib import suppress
from itertools import count
from typing import Any
from weakref import ref

import msgspec

from lru import LRU

_ENCODER = msgspec.json.Encoder()

MOST_BYTES = 8_000_000
"""Of text, and of what is stored beside each."""

_BESIDE = 400
"""Bytes that are counted for that."""

BESIDE_VERSION = 310
"""The same of a version, which has no reference."""

EVERY = 8
"""Of what is new in pages one in so many is stored, once the room is used up. Else a look through more than there is
room for, page after page, would push out each text before it comes again, and would store each for nothing."""


class SerializationCache:
    """Texts by operation's number and record. Those stored longest ago, or asked for by their versions, go first."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._texts: LRU[tuple[int, Hashable], Any] = LRU(max_size=most_bytes)
        """A version's text, and a record's with a reference to it."""
        self._nearly_full = most_bytes * 0.95
        self._passed = 0
        self._numbers = count()

    def __len__(self) -> int:
        return len(self._texts)

    @property
    def memory_bytes(self) -> int:
        """What the texts are counted as."""
        return self._texts.size

    def clear(self) -> None:
        """Forget all texts: records are to be written otherwise from now on."""
        self._texts.clear()

    @property
    def _is_full(self) -> bool:
        return self._texts.size > self._nearly_full

    def number(self) -> int:
        """Return a number for another serializer."""
        return next(self._numbers)

    def get(self, number: int, record: Any) -> bytes | None:
        """Return the text that is stored for a record."""
        found = self._texts.peek((number, id(record)))
        return found[0] if found is not None and found[1]() is record else None

    def store(self, number: int, record: Any, completed: Any) -> bytes:
        """Encode a completed record, and store the text if its record can be referred to weakly; return the text."""
        key = (number, id(record))
        self._texts.remove(key)
        # Copied, for the encoder's buffer is larger than the text.
        text = bytes(memoryview(msgspec.json.encode(completed)))
        with suppress(TypeError):  # no weak references: a later record could have the same `id()`
            self._texts.put(key, (text, ref(record, lambda _: self._texts.remove(key))), len(text) + _BESIDE)
        return text

    def get_versions(self, numbers: Iterable[int], versions: Iterable[Hashable]) -> list[bytes | None]:
        """Return the texts that are stored for versions of records, by as many serializers."""
        keys = list(zip(numbers, versions, strict=True))
        found = list(map(self._texts.peek, keys))
        if self._is_full:  # else nothing has to go, and which was used last does not matter
            for key, text in zip(keys, found, strict=True):
                if text is not None:
                    self._texts.touch(key)
        return found

    def store_versions(self, number: int, versions: Sequence[Hashable], completed: Sequence[Any]) -> list[bytes]:
        """Encode completed records, and store each text for its version, which is another one after each change.

        A version is no whole number. Only some are stored once the room is used up.
        """
        texts = _ENCODER.encode_lines(completed).split(b"\n")[:-1]  # no JSON that is written here has a line break
        first, step = 0, 1
        if self._is_full:
            step = EVERY
            first = -self._passed % step
            self._passed += len(texts)
        for version, text in zip(versions[first::step], texts[first::step], strict=True):
            self._texts.put((number, version), text, len(text) + BESIDE_VERSION)
        return texts
