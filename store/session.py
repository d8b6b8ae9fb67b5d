"""A connection of this process's own to PostgreSQL, for as long as it runs: which process syncs, and what others say.

PostgreSQL gives a lock of a session free when the session ends, however that was. A process that was killed has ended
it at once; one whose machine is gone, when the server has missed its signs of life for some seconds.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

from psycopg import Error
from psycopg.sql import SQL, Identifier
from sqlalchemy import Connection, Engine, func, select
from sqlalchemy.exc import SQLAlchemyError

from store import postgresql
from store.notices import CHANNEL, SCHEMA

TURN_SECONDS: Final = 0.5
"""Between two attempts to take the lock, or to connect, and between two signs of life."""

LIMITS: Final = (
    "-c statement_timeout=3s -c tcp_keepalives_idle=2 -c tcp_keepalives_interval=1 -c tcp_keepalives_count=3"
)

SYNCS: Final = 0x73_79_6E_63
"""The number of the lock, beside that of the schema."""


class Session:
    """Whether this process leads, which is to say syncs, and what is said; a thread waits for both.

    `leading` is set while it leads, `following` while it does not.
    """

    def __init__(self, engine: Engine, *, may_lead: bool) -> None:
        self.leading = asyncio.Event()
        self.following = asyncio.Event()
        self.following.set()
        self._listeners: list[Callable[[str], None]] = []
        self._engine = engine
        self._may_lead = may_lead
        self._loop = asyncio.get_running_loop()
        self._is_closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="store-session", daemon=True)

    def listen(self, listener: Callable[[str], None]) -> None:
        """Have a function called, in the event loop, with all that is said from now on."""
        self._listeners.append(listener)

    def start(self) -> None:
        """Connect, and go on."""
        self._thread.start()

    async def stop(self) -> None:
        """Let another process lead; does not wait for a server that does not answer."""
        self._is_closing.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(2 * TURN_SECONDS):
                while self._thread.is_alive():  # noqa: ASYNC110 - a thread, which no event tells of
                    await asyncio.sleep(0.02)
        self._engine.dispose()

    def _run(self) -> None:
        while not self._is_closing.is_set():
            try:
                with self._engine.connect() as connection:
                    self._serve(connection)
            except (SQLAlchemyError, Error):
                self._is_closing.wait(TURN_SECONDS)
            finally:
                self._tell(self._lead, False)

    def _serve(self, connection: Connection) -> None:
        driver: Any = connection.connection.driver_connection
        lock = func.pg_try_advisory_lock(SYNCS, func.hashtext(SCHEMA))
        driver.execute(SQL("LISTEN {}").format(Identifier(connection.scalar(select(CHANNEL)) or "")))
        leads = False
        while not self._is_closing.is_set():
            if self._may_lead and not leads:
                leads = bool(connection.scalar(select(lock)))
                self._tell(self._lead, leads)
            else:
                connection.execute(select(1))
            for notice in driver.notifies(timeout=TURN_SECONDS):
                self._tell(self._hear, notice.payload)

    def _tell(self, what: Callable[[Any], None], about: Any) -> None:
        with suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(what, about)

    def _lead(self, leads: bool) -> None:
        if leads:
            self.following.clear()
            self.leading.set()
        else:
            self.leading.clear()
            self.following.set()

    def _hear(self, text: str) -> None:
        for listener in self._listeners:
            listener(text)


@asynccontextmanager
async def open_session(
    url: str, *, may_lead: bool, current_url: postgresql.CurrentUrl | None = None
) -> AsyncIterator[Session]:
    """Open a session with the database, and keep it until the block ends, through all outages.

    `current_url` as `open_database` has it.
    """
    engine = postgresql.make_engine(url, 1, LIMITS, current_url=current_url)
    engine = engine.execution_options(isolation_level="AUTOCOMMIT")
    session = Session(engine, may_lead=may_lead)
    session.start()
    try:
        yield session
    finally:
        await session.stop()
