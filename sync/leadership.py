"""Of the processes that share a store one syncs: the one that the database's session lock is given to.

It tells the others how it stands. When it ends, or loses its session, another one begins where it was.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol

from sqlalchemy import Connection

from store.database import Database, StoreUnavailable
from store.sync_status import write_status
from sync.status import Status, to_tell

if TYPE_CHECKING:
    from store.session import Session

TELL_SECONDS: Final = 5.0
"""Between two times at which the others are told."""

BELIEVED_SECONDS: Final = 20.0
"""For so long they believe it."""

logger: Final = logging.getLogger("opportunity_graph.sync")


class Entry(Protocol):
    """An account, and what syncs it while this process does."""

    def begin(self) -> Sequence[Coroutine[Any, Any, None]]:
        """Return what is to run while this process syncs."""

    def end(self) -> None:
        """Take note that it does not any more."""

    async def take_over(self) -> None:
        """Learn what the process that synced before has used."""


async def lead(
    session: "Session",
    entries: Sequence[Entry],
    database: Database,
    statuses: Callable[[], Coroutine[Any, Any, Sequence[Status]]],
    now: Callable[[], int],
) -> None:
    """Sync whenever this process leads, until cancelled."""
    while True:
        await session.leading.wait()
        logger.info("this process syncs")
        for entry in entries:
            await entry.take_over()
        tasks = [asyncio.create_task(run) for entry in entries for run in entry.begin()]
        tasks.append(asyncio.create_task(_tell(database, statuses, now)))
        try:
            await session.following.wait()
            logger.info("another process may sync")
        finally:
            await stop(tasks)
            for entry in entries:
                entry.end()


async def stop(tasks: Sequence[asyncio.Task[Any]]) -> None:
    """Cancel tasks, and wait for their ends."""
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)


def _write(statuses: Sequence[Status], at: int, connection: Connection) -> None:
    for one in statuses:
        write_status(connection, one.source, one.account, to_tell(one), at=at)


async def _tell(
    database: Database, statuses: Callable[[], Coroutine[Any, Any, Sequence[Status]]], now: Callable[[], int]
) -> None:
    while True:
        with suppress(StoreUnavailable):
            found, at = await statuses(), now()
            await database.write(partial(_write, found, at))
        await asyncio.sleep(TELL_SECONDS)
