"""Reads that nobody waits for any more are broken off: a statement would keep its thread until it has ended."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

from sqlalchemy import Connection

AGAIN_SECONDS: Final = 0.05
"""After which a read that goes on is interrupted again: it may have been between two statements."""

CANCEL_SECONDS: Final = 5.0
"""For so long a server is asked to cancel; a connection of its own carries that."""


class Interrupted(Exception):
    """The read must not begin: nobody waits for it any more."""


class Interruption:
    """Of one read: who waits for it makes it and may `interrupt`; the thread that reads does so within `over`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connection: Any = None
        self._is_wanted = True
        self._has_ended = threading.Event()

    @contextmanager
    def over(self, connection: Connection) -> Iterator[None]:
        """Let what the block does with the connection be interrupted; raises `Interrupted` before it where it was."""
        with self._lock:
            if not self._is_wanted:
                raise Interrupted
            self._connection = connection.connection.driver_connection
        try:
            yield
        finally:
            with self._lock:  # an interruption must not meet whatever the connection does next
                self._connection = None
            self._has_ended.set()

    def interrupt(self) -> None:
        """Have the read break off soon, if it has begun and has not ended; returns at once."""
        with self._lock:
            self._is_wanted = False
            is_running = self._connection is not None
        if is_running:
            threading.Thread(target=self._interrupt, name="store-interruption", daemon=True).start()

    def _interrupt(self) -> None:
        while not self._has_ended.is_set():
            with self._lock, suppress(Exception):  # of a server that is away: it is asked again
                if self._connection is not None:
                    _break_off(self._connection)
            self._has_ended.wait(AGAIN_SECONDS)


def _break_off(driver_connection: Any) -> None:
    """Break off the statement under way, of either driver."""
    if hasattr(driver_connection, "interrupt"):
        driver_connection.interrupt()
    else:  # psycopg's, which asks the server
        driver_connection.cancel_safe(timeout=CANCEL_SECONDS)
