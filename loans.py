"""What processes that share a source's limits say to each other: what one reports, what it is lent, and through whom.

Durations are in seconds. Who limits (`resolvers/resilience`) and who lends (`store`) both import this, and nothing else
of each other.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

LEASE_SECONDS: Final = 1.5
"""For how long what is lent may be used."""

IDLE_LEASE_SECONDS: Final = 15.0
"""For how long a process need not report that has nothing, and waits for nothing."""


class Rate(Protocol):
    """At most `limit` requests in any `seconds`."""

    @property
    def limit(self) -> int:
        """How many."""

    @property
    def seconds(self) -> float:
        """In how long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a process says of a source.

    `sent`: how long ago each request went that was not reported yet, and whether it was one of the background. `held`:
    what it keeps of what it was lent, `wanted`: what it would like beside that. `slots_used`, `slots_wanted`: requests
    under way, now and as wished, of `slots` for all. `share`: its part of each rate while it is on its own, which it is
    now if `is_alone`, for `alone_seconds` by now.
    """

    rates: Sequence[Rate]
    sent: Sequence[tuple[float, bool]]
    held: int
    wanted: int
    is_waiting: bool
    is_alone: bool
    slots: int
    slots_used: int
    slots_wanted: int
    share: float
    lease_seconds: float
    alone_seconds: float = 0.0
    pause_seconds: float = 0.0
    failing_seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Loan:
    """What a process may do until it reports again.

    `sends` requests beside those that it held; if there are none, some may be lent after `wait_seconds`. `left` is what
    each rate has left for all. `now` is the database's time, `place` this process's among `places`. Who was on its own
    stays so for `settling_seconds`. `keeps_turns`: some process may be on its own, so that all keep to their turns.
    `failing_seconds`: for so long another's circuit breaker is open.
    """

    sends: int
    wait_seconds: float
    slots: int
    left: Sequence[int]
    pause_seconds: float
    failing_seconds: float
    others_wait: bool
    settling_seconds: float
    keeps_turns: bool
    place: int
    places: int
    now: float


@dataclass(frozen=True, slots=True)
class Claim:
    """The grant that is kept, how old it is, and whether it is for this process to get the next one.

    `number` is one more with each that is written; 0: there was none yet.
    """

    number: int
    sealed: bytes | None
    age_seconds: float
    is_mine: bool


class GrantStore(Protocol):
    """Keeps the grant of all; each call may raise."""

    async def claim(self, known: int, *, seconds: float) -> Claim:
        """Return the grant; claim the next one, for so long, if it is the `known` one still."""

    async def write(self, sealed: bytes) -> int | None:
        """Keep the grant that was claimed; return its number, None if another process has claimed it since."""

    async def release(self) -> None:
        """Give up the claim: the next one may try."""


class Lender(GrantStore, Protocol):
    """Keeps the books of one source for all processes; every call may raise, at once or after a second at most."""

    async def report(self, given: Report) -> Loan:
        """Take a report; return what is lent until the next."""

    async def withdraw(self) -> None:
        """Take everything back."""

    async def background_sends(self) -> list[float]:
        """Return how many seconds ago each request of the background was sent, by whichever process."""
