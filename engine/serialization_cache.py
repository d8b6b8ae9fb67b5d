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


class SerializationCache:
    """Texts by operation's number and record, the oldest out first."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._texts: LRU[tuple[int, Hashable], tuple[bytes, ref[Any] | None]] = LRU(max_size=most_bytes)
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

    def number(self) -> int:
        """Return a number for another serializer."""
        return next(self._numbers)

    def get(self, number: int, record: Any) -> bytes | None:
        """Return the text that is stored for a record."""
        found = self._texts.peek((number, id(record)))
        return found[0] if found is not None and found[1] is not None and found[1]() is record else None

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
        found = map(self._texts.peek, zip(numbers, versions, strict=True))
        return [None if one is None else one[0] for one in found]

    def store_versions(self, number: int, versions: Sequence[Hashable], completed: Sequence[Any]) -> list[bytes]:
        """Encode completed records, and store each text for its version, which is another one after each change."""
        texts = _ENCODER.encode_lines(completed).split(b"\n")[:-1]  # no JSON that is written here has a line break
        put = self._texts.put
        for version, text in zip(versions, texts, strict=True):
            put((number, version), (text, None), len(text) + _BESIDE)
        return texts
