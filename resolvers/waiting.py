"""Time limits: what asyncio has for them, done in a fraction of its time.

Each exchange is bounded, so it is done tens of times in an operation.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from contextvars import Context
from types import TracebackType

A_MOMENT_SECONDS = 0.005
"""Long enough for an answer to be given."""


class Alarm:
    """Something to do at a time, unless it is cancelled."""

    __slots__ = ("ring", "when")

    def __init__(self, when: float, ring: Callable[[], None] | None) -> None:
        self.when = when
        self.ring = ring

    def cancel(self) -> None:
        """Forget it."""
        self.ring = None


class Alarms:
    """`loop.call_later` for what hardly ever comes to it, with one timer of the loop for all.

    Most have the same length, and so stand in line as they will ring. One that would ring before the last in line has
    a timer of its own. What rings has an empty context: it may be for several requests.
    """

    def __init__(self) -> None:
        self._line: deque[Alarm] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def __len__(self) -> int:
        return len(self._line)

    def call_later(self, seconds: float, ring: Callable[[], None]) -> Alarm | asyncio.TimerHandle:
        """Call it after as long, not before the next turn of the loop; `cancel` prevents that."""
        loop = self._loop = self._loop or asyncio.get_running_loop()
        when = loop.time() + max(0.0, seconds)
        line = self._line
        while line and line[0].ring is None:
            line.popleft()
        if line and line[-1].when > when:
            return loop.call_at(when, ring, context=Context())
        alarm = Alarm(when, ring)
        line.append(alarm)
        if self._timer is None:
            self._timer = loop.call_at(when, self._look, context=Context())
        return alarm

    def _look(self) -> None:
        self._timer = None
        line, loop = self._line, asyncio.get_running_loop()
        now = loop.time()
        try:
            while line and (line[0].ring is None or line[0].when <= now):
                if (ring := line.popleft().ring) is not None:
                    ring()
        finally:
            if line:
                self._timer = loop.call_at(line[0].when, self._look, context=Context())


class Afterwards:
    """Work that nobody waits for: done by whoever knows that those who waited have gone on, else a moment later.

    What it knows, it keeps alive. That is freed with it then, and its memory used again before it has gone cold.
    """

    def __init__(self) -> None:
        self._work: deque[Callable[[], None]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def add(self, work: Callable[[], None]) -> None:
        """Do it in a moment."""
        self._work.append(work)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(A_MOMENT_SECONDS, self.do, context=Context())

    def do(self) -> None:
        """Do all of it now."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        work = self._work
        try:
            while work:
                work.popleft()()
        finally:
            if work:
                self._timer = asyncio.get_running_loop().call_later(0, self.do, context=Context())


class TimeLimit:
    """`with TimeLimit(seconds):` raises `TimeoutError` from what is awaited inside when the time is over.

    As `asyncio.timeout` does, in a third of its time: there is one around each exchange. Never zero or less in all, so
    that what is awaited inside begins; and never moved, nor asked whether it has expired.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._has_expired = False

    def __enter__(self) -> None:
        task = asyncio.current_task()
        assert task
        self._task = task
        self._timer = asyncio.get_running_loop().call_later(max(0.0, self._seconds), self._expire)

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> None:
        self._timer.cancel()
        if self._has_expired and self._task.uncancel() <= 0 and kind is asyncio.CancelledError:
            raise TimeoutError

    def _expire(self) -> None:
        self._has_expired = True
        self._task.cancel()


class MovingTimeout:
    """`asyncio.timeout_at` for a moment that may be put off while it is waited for."""

    def __init__(self, when: Callable[[], float]) -> None:
        self._when = when
        self._timeout = asyncio.timeout(None)
        self._timer: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> None:
        await self._timeout.__aenter__()
        self._look()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        await self._timeout.__aexit__(kind, error, trace)

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        now, when = loop.time(), self._when()
        if when > now:
            self._timer = loop.call_at(when, self._look)
        else:
            self._timeout.reschedule(now)
