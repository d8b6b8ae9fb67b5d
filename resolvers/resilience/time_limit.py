"""The time limit of all upstream work: of an attempt, of a wait for a permit or a token, and of an operation."""

import asyncio
from collections.abc import Callable

TURNS_TO_READ = 10
"""How many turns of the loop an expired limit leaves to what has come already.

When a process stood still, its timers ring before its sockets are read (uvloop), or before the task that waits has its
reply (asyncio). A reply takes one turn to be read for each 256 kB, and one for each task that hands it on: five from a
socket to an operation that waits for it.
"""


class TimeLimit:
    """`with TimeLimit(when):` raises `TimeoutError` from what is awaited inside when the loop's clock passes `when`.

    As `asyncio.timeout_at` does, but that the moment may be put off while it is waited for, where `when` is a function;
    that what has come when it passes may still be read; and in a third of the time, as there is one around each
    exchange.
    """

    __slots__ = ("_has_expired", "_loop", "_task", "_timer", "_turns", "_when")

    def __init__(self, when: float | Callable[[], float], loop: asyncio.AbstractEventLoop | None = None) -> None:
        """`loop`: the running one, for those who have it; to look for it is a system call, up to Python 3.11."""
        self._when = when
        self._loop = loop or asyncio.get_running_loop()
        self._turns = TURNS_TO_READ
        self._has_expired = False

    def __enter__(self) -> None:
        task = asyncio.current_task(self._loop)
        assert task
        self._task = task
        when = self._when
        self._timer: asyncio.Handle = self._loop.call_at(when() if callable(when) else when, self._on_timer)

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> None:
        self._timer.cancel()
        if self._has_expired and self._task.uncancel() <= 0 and kind is asyncio.CancelledError:
            raise TimeoutError

    def _on_timer(self) -> None:
        when = self._when() if callable(self._when) else self._when
        if when > self._loop.time():
            self._timer = self._loop.call_at(when, self._on_timer)
        else:
            self._timer = self._loop.call_soon(self._count_turn)

    def _count_turn(self) -> None:
        self._turns -= 1
        if self._turns:
            self._timer = self._loop.call_soon(self._count_turn)
        else:
            self._has_expired = True
            self._task.cancel()
