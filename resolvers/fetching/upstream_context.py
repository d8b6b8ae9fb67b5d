"""One GraphQL operation's deadline, and its usage of the sources.

One `UpstreamContext` is made for each operation. Times are those of the running loop's clock.
"""

import asyncio
from dataclasses import dataclass, field

from resolvers.tracing import Span


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
