"""`sync.leadership`: a process syncs while its session leads, begins where another ended, and tells how it stands."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from store.sync_status import statuses as told_statuses
from sync.leadership import lead, stop
from sync.status import Capability, State, Status, told_of
from tests.sync_world import InlineDatabase
from tests.waiting import PATIENCE_SECONDS

STATUS = Status(
    source="nexudus",
    account="",
    state=State.CURRENT,
    capabilities=frozenset({Capability.LIST}),
    rows=3,
    next_run_at=77,
    last_error="UPSTREAM_TIMEOUT",
    unread_customers=5,
)


class Session:
    """A session that a test lets lead."""

    def __init__(self) -> None:
        self.leading, self.following = asyncio.Event(), asyncio.Event()
        self.following.set()

    def set(self, *, leads: bool) -> None:
        (self.leading if leads else self.following).set()
        (self.following if leads else self.leading).clear()


class Entry:
    """An account, and what became of it."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.changed = asyncio.Event()

    def _note(self, text: str) -> None:
        self.log.append(text)
        self.changed.set()

    async def take_over(self) -> None:
        self._note("taken over")

    def begin(self) -> list[Coroutine[Any, Any, None]]:
        return [self._run()]

    async def _run(self) -> None:
        try:
            self._note("runs")
            await asyncio.Event().wait()
        finally:
            self._note("is stopped")

    def end(self) -> None:
        self._note("ended")

    async def until(self, text: str) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while self.log[-1:] != [text]:
                self.changed.clear()
                await self.changed.wait()


async def test_a_process_syncs_while_its_session_leads() -> None:
    session, entry, database = Session(), Entry(), InlineDatabase()

    async def statuses() -> list[Status]:
        return [STATUS]

    task = asyncio.create_task(lead(session, [entry], database, statuses, lambda: 5))  # type: ignore[arg-type]
    try:
        session.set(leads=True)
        await entry.until("runs")
        session.set(leads=False)
        await entry.until("ended")
        session.set(leads=True)
        await entry.until("runs")
    finally:
        await stop([task])
    assert entry.log == ["taken over", "runs", "is stopped", "ended"] * 2
    told = told_of(database.run(lambda connection: told_statuses(connection, since=0))[STATUS.source, ""])
    assert told is not None
    assert (told.state, told.capabilities, told.next_run_at) == ("CURRENT", ["LIST"], 77)
    assert (told.last_error, told.unread_customers) == ("UPSTREAM_TIMEOUT", 5)


def test_what_another_version_tells_is_not_believed() -> None:
    for body in (None, b"", b"{}", b'{"state":"NEW","capabilities":[],"next_run_at":null,"last_error":null}'):
        assert told_of(body) is None
