"""What other processes of a shared store have changed leaves the caches of this one."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final, Protocol

from store.database import POLL_SECONDS, Database, StoreUnavailable
from store.fetched import CHANGES_AT_ONCE, changed_since
from store.notices import CHANGED
from sync.job import SECOND

AT_ONCE_SECONDS: Final = 0.1
"""Changes that come within it are looked at together."""


class Forget(Protocol):
    """Forgets what was known of a record (`resolvers.fetching.scheduler.Scheduler.forget`)."""

    def __call__(self, source_id: str, *, age_seconds: float) -> None:
        """Forget it, if that came from the source longer ago."""


class Others:
    """Drops from the caches what others have newer. `forget` by source name; `now` is the time in microseconds."""

    def __init__(self, database: Database, forget: Mapping[str, Forget], now: Callable[[], int]) -> None:
        self._database = database
        self._forget = forget
        self._now = now
        self._known = database.sequence
        self._is_said = asyncio.Event()

    def hear(self, text: str) -> None:
        """Look soon, if somebody says that something has changed."""
        if text == CHANGED:
            self._is_said.set()

    async def run(self) -> None:
        """Follow the changes until cancelled; without a word of them, those that the database has learnt of."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(POLL_SECONDS):
                    await self._is_said.wait()
            with suppress(StoreUnavailable):  # looked at again soon
                await self._forget_changed()
            await asyncio.sleep(AT_ONCE_SECONDS)

    async def _forget_changed(self) -> None:
        if self._is_said.is_set():
            self._is_said.clear()
            await self._database.poll()
        while self._known < (sequence := self._database.sequence):
            known, now = self._known, self._now()
            changes = await changed_since(self._database, known)
            for change in changes:
                if forget := self._forget.get(change.source):
                    forget(change.source_id, age_seconds=(now - change.at) / SECOND)
            self._known = sequence if len(changes) < CHANGES_AT_ONCE else changes[-1].sequence
