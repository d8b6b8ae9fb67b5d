"""What a scheduler tells a store of records, and asks it for when the source fails."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from resolvers.errors import UpstreamError
from resolvers.fetching.upstream_context import Stale, UpstreamContext
from resolvers.source import Outcome, Record

LOOKUP_TIMEOUT_SECONDS: Final = 0.5
"""A store that takes longer has nothing: who asks has mostly waited for the source before."""


class RecordStore(Protocol):
    """Copies of one source's records, kept for longer than the cache keeps them.

    `has_fresh`: whether `fresh` is to be asked before the source.
    """

    @property
    def has_fresh(self) -> bool:
        """Whether it may have what need not be asked of the source."""

    async def fresh(self, ids: Sequence[str], seconds: float) -> Mapping[str, tuple[Record, float]]:
        """Return those that need not be asked of the source, each with its age; records count for so many seconds.

        It waits no longer than whoever asks can bear, and gives nothing then.
        """

    def on_fetched(self, source_id: str, record: Record | None, *, age_seconds: float, is_alone: bool) -> None:
        """Take note of a record that came, or that there is none; must neither wait nor raise.

        `age_seconds` ago it was asked for; `is_alone`: in a request of its own, which leaves no doubt.
        """

    async def find(self, ids: Sequence[str]) -> Mapping[str, tuple[Record, float]]:
        """Return those of the records that are kept, each with its age in seconds."""


async def copies(store: RecordStore, ids: Sequence[str]) -> Mapping[str, tuple[Record, float]]:
    """Return those of the records that are kept, each with its age in seconds; nothing if the store fails."""
    try:
        async with asyncio.timeout(LOOKUP_TIMEOUT_SECONDS):
            return await store.find(ids)
    except Exception:
        return {}


async def fresh(store: RecordStore, ids: Sequence[str], seconds: float) -> Mapping[str, tuple[Record, float]]:
    """Return those of the records that need not be asked of the source, each with its age; nothing if that fails."""
    try:
        return await store.fresh(ids, seconds)
    except Exception:
        return {}


async def instead_of_failures(
    store: RecordStore,
    source: str,
    ids: Sequence[str],
    outcomes: Sequence[Outcome],
    operation: UpstreamContext,
    *,
    final: tuple[type[Any], ...],
) -> list[Outcome]:
    """Return the outcomes, with stored copies in place of errors, each noted in `operation.stale`.

    Errors of the types `final` stay, and those in whose place the operation accepts no copy so old. A store's errors
    are nobody's business here: the source's stand.
    """
    failed = [
        source_id
        for source_id, outcome in zip(ids, outcomes, strict=True)
        if isinstance(outcome, UpstreamError) and not isinstance(outcome, final)
    ]
    found = await copies(store, failed) if failed else {}
    replaced: list[Outcome] = []
    for source_id, outcome in zip(ids, outcomes, strict=True):
        if source_id in found and isinstance(outcome, UpstreamError):
            record, age_seconds = found[source_id]
            if operation.accepts(source, source_id, age_seconds):
                operation.stale.append(Stale(source, source_id, age_seconds, outcome.code))
                replaced.append(record)
                continue
        replaced.append(outcome)
    return replaced
