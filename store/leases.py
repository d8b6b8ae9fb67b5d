"""What the processes of a database share of a source: its rates and slots, and its sign-in.

On connections of their own, with little patience: who waits for them wants to send a request.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final, TypeVar
from uuid import uuid4

from sqlalchemy import Connection

from loans import Claim, Loan, Report
from store import grants, location, postgresql, rations, sends
from store.database import Database

T = TypeVar("T")

PATIENCE_SECONDS: Final = 1.0
"""A call that takes longer fails, and whoever made it does without."""

LIMITS: Final = "-c statement_timeout=900ms -c lock_timeout=800ms -c synchronous_commit=on"


class SourceLeases:
    """What this process is lent of one account of a source, by the name `holder`. Each call raises `StoreUnavailable`
    where the database does not answer at once."""

    def __init__(self, database: Database, source: str, account: str = "", *, holder: str) -> None:
        self._database = database
        self._key = (source, account)
        self._holder = holder

    async def report(self, given: Report) -> Loan:
        """Report what was sent; return what may be sent further."""
        return await self._write(lambda connection: rations.report(connection, self._key, self._holder, given))

    async def withdraw(self) -> None:
        """Give back what was lent."""
        await self._write(lambda connection: rations.withdraw(connection, self._key, self._holder))

    async def background_sends(self) -> list[float]:
        """Return how many seconds ago each request of the background was sent, whoever sent it."""
        return await self._write(lambda connection: sends.background_sends(connection, self._key))

    async def claim(self, known: int, *, seconds: float) -> Claim:
        """Return the grant of all; claim the next one if it is the `known` one still."""
        return await self._write(
            lambda connection: grants.claim(connection, self._key, self._holder, known=known, seconds=seconds)
        )

    async def write(self, sealed: bytes) -> int | None:
        """Keep the grant that was claimed; return its number, None where another process has the claim by now."""
        return await self._write(lambda connection: grants.write(connection, self._key, self._holder, sealed))

    async def release(self) -> None:
        """Give up the claim."""
        await self._write(lambda connection: grants.release(connection, self._key, self._holder))

    async def _write(self, work: Callable[[Connection], T]) -> T:
        return await self._database.write(work)


class Leases:
    """Makes the `SourceLeases` of each source."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._holder = uuid4().hex

    def of(self, source: str, account: str = "") -> SourceLeases:
        """Return those of one source."""
        return SourceLeases(self._database, source, account, holder=self._holder)


@asynccontextmanager
async def open_leases(url: str, *, current_url: postgresql.CurrentUrl | None = None) -> AsyncIterator[Leases]:
    """Open what is shared through a database that has the tables; `current_url` as `open_database` has it."""
    place = location.server(url, 1, LIMITS, current_url=current_url)
    database = Database(place, threads=1, patience_seconds=PATIENCE_SECONDS)
    try:
        yield Leases(database)
    finally:
        await database.close()
