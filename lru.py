"""The bounded cache that every other cache is built on: the least recently used entry is evicted first.

Bounded in number, in size, or in both; a size is in whatever unit the caller counts, bytes mostly. How long an entry is
valid is known to whoever stored it: values carry their own times, and an entry that must not be used is removed. Not
thread-safe. Weak reference callbacks may call `remove` at any time.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class LRU(Generic[K, V]):
    """Values by key. None is no value: `get` and `peek` return it where there is no entry.

    An entry that is larger than `max_size` by itself is evicted as soon as it is stored, and all others before it; a
    caller that wants to keep the others does not store it.
    """

    def __init__(
        self,
        *,
        max_entries: int | None = None,
        max_size: int | None = None,
        size_of: Callable[[K, V], int] | None = None,
    ) -> None:
        self._max_entries = max_entries
        self._max_size = max_size
        self._size_of = size_of
        self._values: OrderedDict[K, V] = OrderedDict()
        self._sizes: dict[K, int] = {}
        self.size = 0
        """The sum of the sizes of all entries that have one."""
        self.version = 0
        """Another number after each change of what is stored."""
        self.peek: Callable[[K], V | None] = self._values.get
        """Return a value, without a note that it was used."""
        self.touch: Callable[[K], None] = self._values.move_to_end
        """Note that a value, which must be there, was used."""

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, key: K) -> bool:
        return key in self._values

    def get(self, key: K) -> V | None:
        """Return a value, which becomes the most recently used."""
        value = self._values.get(key)
        if value is not None:
            self._values.move_to_end(key)
        return value

    def put(self, key: K, value: V, size: int | None = None) -> None:
        """Store a value as the most recently used, in place of what the key had; evict what no longer fits.

        Where its size is not given, `size_of` says it, if there is one.
        """
        if key in self._values:
            self.remove(key)
        self._values[key] = value
        self.version += 1
        if size is None and self._size_of is not None:
            size = self._size_of(key, value)
        if size is not None:
            self._sizes[key] = size
            self.size += size
        while (self._max_size is not None and self.size > self._max_size) or (
            self._max_entries is not None and len(self._values) > self._max_entries
        ):
            key, _ = self._values.popitem(last=False)
            self.size -= self._sizes.pop(key, 0)

    def oldest(self) -> tuple[K, V] | None:
        """Return the entry that would be evicted next."""
        return next(iter(self._values.items()), None)

    def remove(self, key: K) -> None:
        """Remove an entry, if there is one."""
        if self._values.pop(key, None) is not None:
            self.version += 1
            self.size -= self._sizes.pop(key, 0)

    def remove_where(self, is_over: Callable[[V], bool]) -> None:
        """Remove all entries whose values `is_over` says so of."""
        for key in [key for key, value in self._values.items() if is_over(value)]:
            self.remove(key)

    def clear(self) -> None:
        """Remove all entries."""
        self._values.clear()
        self.version += 1
        self._sizes.clear()
        self.size = 0
