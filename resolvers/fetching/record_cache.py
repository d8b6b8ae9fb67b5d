"""Record cache: records of earlier requests, for a short time.

It is not the loaders' memory, which lasts for one request. It stores a record for some seconds (fresh) and longer in
case the source fails (stale), and for a few seconds that a record is missing; never an error. Entries are what the
source sent, so what a caller may see is decided each time they are used.

It lies in the process's memory. A store that several servers share stands behind it, looked up inside the batch, where
waiting does no harm.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import inf
from typing import Annotated, Any
from weakref import ref

import msgspec
from msgspec import Meta

from lru import LRU
from resolvers.settings import Settings

SWEEP_SECONDS = 60.0

OptionalSeconds = Annotated[float, Meta(ge=0, le=86_400)]


class CacheSettings(Settings, frozen=True, kw_only=True):
    """How long and how much is kept, for each source; 0 seconds keeps nothing."""

    cache_fresh_seconds: OptionalSeconds = 30.0
    cache_missing_seconds: OptionalSeconds = 5.0
    cache_stale_seconds: OptionalSeconds = 600.0
    cache_max_records: Annotated[int, Meta(ge=1, le=10_000_000)] = 10_000
    cache_max_bytes: Annotated[int, Meta(ge=1_000, le=100_000_000_000)] = 50_000_000


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Entry:
    """What is known of one id: its record, or None where the source said that there is none."""

    record: Any | None
    stored_at: float
    fresh_until: float
    stale_until: float


class EntrySet:
    """Some entries of one cache, which alone keeps them alive."""

    __slots__ = ("fresh_until", "references", "version")

    def __init__(self, entries: Iterable[tuple[str, Entry]]) -> None:
        known = list(entries)
        self.references = [(source_id, ref(entry)) for source_id, entry in known]
        self.fresh_until = min((entry.fresh_until for _, entry in known), default=inf)
        self.version: int | None = None
        """The cache's, when all of them were found in it last."""


class RecordCache:
    """The records of one source, least recently used first out. `size_of` estimates a record's bytes in memory."""

    def __init__(
        self,
        settings: CacheSettings,
        *,
        clock: Callable[[], float],
        size_of: Callable[[Any], int] | None = None,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._size_of = size_of or _size_of
        self._sweep_at = clock() + SWEEP_SECONDS
        self._entries: LRU[str, Entry] = LRU(max_entries=settings.cache_max_records, max_size=settings.cache_max_bytes)
        self._is_off = not (
            settings.cache_fresh_seconds or settings.cache_missing_seconds or settings.cache_stale_seconds
        )

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def fresh_seconds(self) -> float:
        """How long a record is served without asking the source."""
        return self._settings.cache_fresh_seconds

    def fresh(self, source_id: str) -> Entry | None:
        """Return the entry if it can be served without asking the source."""
        entry = self._entries.peek(source_id)
        if entry is None:
            return None
        self._entries.touch(source_id)  # as `get` does: here it would be one more call for each record
        return entry if self._clock() < entry.fresh_until else None

    def holds(self, entries: EntrySet) -> bool:
        """Return whether all of these are its entries still, and fresh. They are looked up, and so used, once for each
        change of the cache."""
        if self._clock() >= entries.fresh_until:
            return False
        if entries.version != self._entries.version:
            get = self._entries.get
            for source_id, known in entries.references:
                entry = get(source_id)
                if entry is None or entry is not known():
                    return False
            entries.version = self._entries.version
        return True

    def stale(self, source_id: str) -> tuple[Any, float] | None:
        """Return a record that may be served if the source fails, and its age in seconds."""
        entry = self._entries.get(source_id)
        now = self._clock()
        if entry is None or entry.record is None or now >= entry.stale_until:
            return None
        return entry.record, now - entry.stored_at

    def age_seconds(self, source_id: str) -> float:
        """Return how long ago the entry of an id was stored; 0 where there is none."""
        entry = self._entries.peek(source_id)
        return 0.0 if entry is None else self.age_of(entry)

    def age_of(self, entry: Entry) -> float:
        """Return how many seconds ago what an entry says was so."""
        return self._clock() - entry.stored_at

    def store(self, source_id: str, record: Any | None, *, age_seconds: float = 0.0) -> None:
        """Store a record, or that there is none, as of so long ago, in place of what was stored for the id."""
        if self._is_off:
            return
        now, settings = self._clock(), self._settings
        fresh = settings.cache_missing_seconds if record is None else settings.cache_fresh_seconds
        stale = fresh if record is None else max(fresh, settings.cache_stale_seconds)
        size = 300 if record is None else self._size_of(record)
        if stale <= 0 or size > settings.cache_max_bytes:
            self._entries.remove(source_id)  # what was known before is no longer true
            return
        stored_at = now - age_seconds
        self._entries.put(source_id, Entry(record, stored_at, stored_at + fresh, stored_at + stale), size)
        if now >= self._sweep_at:
            self._sweep(now)

    def refresh(self, source_id: str, record: Any, *, age_seconds: float, adds: bool) -> None:
        """Store a record that is `age_seconds` old in place of an older entry; with `adds` also where there is none.

        An equal record that is stored stays itself: responses that were made of it stay valid.
        """
        entry = self._entries.peek(source_id)
        if entry is None:
            if adds:
                self.store(source_id, record, age_seconds=age_seconds)
        elif entry.stored_at < self._clock() - age_seconds:
            kept = entry.record if entry.record == record else record
            self.store(source_id, kept, age_seconds=age_seconds)

    def forget(self, source_id: str, *, age_seconds: float) -> None:
        """Forget what was stored for an id longer ago than that."""
        entry = self._entries.peek(source_id)
        if entry is not None and entry.stored_at < self._clock() - age_seconds:
            self._entries.remove(source_id)

    def replace(self, source_id: str, record: Any, other: Any) -> None:
        """Store another form of a record in its entry's place, for as long; nothing where it is not stored."""
        entry = self._entries.peek(source_id)
        if entry is not None and entry.record is record:
            size = self._size_of(other)
            if size <= self._settings.cache_max_bytes:
                self._entries.remove(source_id)
                self._entries.put(source_id, Entry(other, entry.stored_at, entry.fresh_until, entry.stale_until), size)

    def _sweep(self, now: float) -> None:
        """Remove what may no longer be served: records are personal data."""
        self._sweep_at = now + SWEEP_SECONDS
        self._entries.remove_where(lambda entry: now >= entry.stale_until)


def _size_of(record: Any) -> int:
    """Estimate from the record's JSON: Python's strings and objects take about three times as much."""
    return 1_000 + 3 * len(msgspec.json.encode(record, enc_hook=str))
