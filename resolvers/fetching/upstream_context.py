"""One GraphQL operation's deadline and its usage of the sources; the fetch that serves several operations; and the time
limit of all upstream work: of an attempt, of a wait for a permit or a token, and of an operation.

One `UpstreamContext` is made for each operation. Times are those of the running loop's clock.

What is done for several operations at once runs in an empty context, or the log would show the id of one request. Its
shared fetch is in a context variable instead, by a weak reference: connections that are opened meanwhile keep the
context for much longer.
"""

import asyncio
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Final, Protocol
from weakref import ref

from resolvers.errors import UpstreamTimeout
from resolvers.resilience.circuit_breaker import Verdict
from resolvers.tracing import Span

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


@dataclass(slots=True)
class Usage:
    """One operation's use of one source.

    `keys`: distinct records asked for. `cached`: those answered from the cache. `joined`: those that came with a
    request which another operation had made or was about to make. `requests`: HTTP requests made for this operation.
    """

    keys: int = 0
    cached: int = 0
    joined: int = 0
    requests: int = 0
    milliseconds: float = 0.0
    waits: int = field(default=0, repr=False)
    since: float = field(default=0.0, repr=False)

    def begin_waiting(self, now: float) -> None:
        """Count the time until `end_waiting`, once for waits that overlap."""
        if not self.waits:
            self.since = now
        self.waits += 1

    def end_waiting(self, now: float) -> None:
        """End a wait that `begin_waiting` began."""
        self.waits -= 1
        if not self.waits:
            self.milliseconds += (now - self.since) * 1000


@dataclass(frozen=True, slots=True)
class Stale:
    """A record that was served from the cache after its time, because the source failed."""

    source: str
    source_id: str
    age_seconds: float
    code: str


class UpstreamContext:
    """The deadline and the usage of one operation; made inside the running loop.

    `wants_fresh`: nothing is answered from the cache, though what comes is kept there. `request_id`: the id of the
    HTTP request, for the log. `span`: what its trace is continued from, if it is traced.
    """

    def __init__(
        self,
        deadline_seconds: float,
        *,
        wants_fresh: bool = False,
        request_id: str | None = None,
        span: Span | None = None,
    ) -> None:
        self.loop = asyncio.get_running_loop()  # asking for it is a system call each time, up to Python 3.11
        self.now = self.loop.time
        self.deadline_seconds = deadline_seconds
        self.deadline = self.now() + deadline_seconds
        self.wants_fresh = wants_fresh
        self.request_id = request_id
        self.span = span
        self.usages: dict[str, Usage] = {}
        self.stale: list[Stale] = []
        self.longest_ages: dict[tuple[str, str], float] = {}
        """By source and id, for records that must not be older in seconds, though their source fails."""

    def insist(self, source: str, source_id: str, longest_age: float) -> None:
        """Take no older record than that; of several fields with one record the strictest decides."""
        known = self.longest_ages.get((source, source_id), longest_age)
        self.longest_ages[source, source_id] = min(known, longest_age)

    def accepts(self, source: str, source_id: str, age_seconds: float) -> bool:
        """Return whether a record of this age will do in place of one that its source gives now."""
        longest = self.longest_ages.get((source, source_id))
        return longest is None or age_seconds <= longest

    def usage(self, source: str) -> Usage:
        """Return the operation's usage of a source."""
        found = self.usages.get(source)
        if found is None:
            found = self.usages[source] = Usage()
        return found

    def report(self) -> dict[str, dict[str, float]]:
        """Return the usage by source, as the response's `extensions.upstream` shows them."""
        return {
            source: {
                "keys": usage.keys,
                "cached": usage.cached,
                "joined": usage.joined,
                "requests": usage.requests,
                "milliseconds": round(usage.milliseconds, 1),
            }
            for source, usage in self.usages.items()
        }


class Permit(Protocol):
    """Permission to send one request now; `release` ends it, whatever came of it."""

    def on_sent(self) -> None:
        """Count the request in the ration from now on."""

    def release(self, verdict: Verdict, *, weight: int = 1, is_whole: bool = False) -> None:
        """Give back what is still held, and record the verdict on the source's health.

        `is_whole`: a good response is here as a whole, so that the next request may follow at once.
        """


class SharedFetch:
    """A running fetch. Its deadline is the latest of its waiters'; its requests count for its owner.

    `waiters` returns the operations that wait for it just now; `permit` is for its first request, which takes it.
    `is_background`: nobody waits for it, so it goes in a share of the ration, most of which only when nobody else does.
    """

    __slots__ = ("__weakref__", "_owner", "is_background", "loop", "now", "permit", "span", "started_at", "waiters")

    def __init__(
        self,
        waiters: Callable[[], Collection[UpstreamContext]],
        *,
        owner: UpstreamContext | None = None,
        permit: Permit | None = None,
        is_background: bool = False,
    ) -> None:
        self.waiters = waiters
        self._owner = owner
        self.is_background = is_background
        self.permit = permit
        self.span: Span | None = None
        """What its requests are traced under, if they are traced."""
        self.loop = owner.loop if owner is not None else asyncio.get_running_loop()
        self.now = self.loop.time
        self.started_at = self.now()

    @property
    def deadline(self) -> float:
        """The moment after which nobody waits any more."""
        return self._deadline(self.waiters())

    @property
    def seconds_left(self) -> float:
        """The time until the deadline."""
        return self.deadline - self.now()

    def snapshot(self) -> tuple[float, int]:
        """Return `seconds_left` and `weight`."""
        waiters = self.waiters()
        if len(waiters) == 1:
            (waiter,) = waiters
            return waiter.deadline - self.now(), 1
        return self._deadline(waiters) - self.now(), len(waiters)

    def _deadline(self, waiters: Collection[UpstreamContext]) -> float:
        return max([operation.deadline for operation in waiters], default=self.now())

    @property
    def weight(self) -> int:
        """How many operations wait for it."""
        return len(self.waiters())

    def release_permit(self) -> None:
        """Release a permit that was not used."""
        if (permit := self.permit) is not None:
            self.permit = None
            permit.release(Verdict.NONE)

    def count_request(self, source: str) -> None:
        """Count one request in the owner's usage."""
        if self._owner is not None:
            self._owner.usage(source).requests += 1

    @contextmanager
    def time_left(self, source: str) -> Iterator[None]:
        """Bound what is awaited inside by the deadline, which moves; raises `UpstreamTimeout` when it passes."""
        try:
            with TimeLimit(lambda: self.deadline, self.loop):
                yield
        except TimeoutError:
            raise UpstreamTimeout(source, detail="the deadline passed") from None


_SERVED: Final[ContextVar[ref[SharedFetch] | None]] = ContextVar("served", default=None)


def serve(shared_fetch: SharedFetch) -> None:
    """Let what is done from now on in this context be done for those who wait for a fetch."""
    _SERVED.set(ref(shared_fetch))


def served_request_ids() -> list[str]:
    """Return the ids of the requests that wait for what is being done, as of now; empty where nobody is known to."""
    served = _SERVED.get()
    shared_fetch = served() if served is not None else None
    if shared_fetch is None:
        return []
    return sorted({one.request_id for one in shared_fetch.waiters() if one.request_id is not None})
