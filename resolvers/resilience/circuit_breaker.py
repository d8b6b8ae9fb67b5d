"""A circuit breaker: a source that keeps failing is left alone for a while, so that nobody waits for it in vain.

It opens when at least half of at least 20 verdicts within 10 seconds were failures. An exchange has one verdict for
each operation that waited for it: records of many operations share a request, so a source that hangs would otherwise
keep all of them waiting and yet never fail often enough. A failure alone, or two, opens nothing. It also opens when
20 verdicts were failures and for 2 seconds there was no other: a source that hangs fails slowly, and the good verdicts
of the time before would outnumber its failures for most of the 10 seconds. And where few are asking, it opens when 5
exchanges in a row had no answer in time, whatever time that took: each of those who ask would wait as long.

After 5 seconds it is half open: one exchange may probe; its verdict closes the breaker or opens it again. What is no
sign of ill health (a missing record, a refusal, a throttle) counts as a good verdict, and a caller that went away as
none at all.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from time import monotonic

from resolvers.errors import UpstreamUnavailable

WINDOW_SECONDS = 10.0
SLICE_SECONDS = 0.1
FEWEST_VERDICTS = 20
FEWEST_EXCHANGES = 3
SILENCE_SECONDS = 2.0
OPEN_SECONDS = 5.0


class State(Enum):
    """What the breaker lets through: everything, nothing, or one probe."""

    CLOSED = auto()
    OPEN = auto()
    HALF_OPEN = auto()


class Verdict(Enum):
    """What an exchange says of the source's health."""

    GOOD = auto()
    FAILED = auto()
    TIMED_OUT = auto()
    NONE = auto()


@dataclass(slots=True)
class Totals:
    """Sums over some exchanges: of verdicts, and of exchanges that failed."""

    failed_exchanges: int = 0
    failed: int = 0
    all: int = 0

    @property
    def exceed_threshold(self) -> bool:
        """Whether they are reason enough to open."""
        enough = self.failed_exchanges >= FEWEST_EXCHANGES and self.all >= FEWEST_VERDICTS
        return enough and self.failed * 2 >= self.all

    def add_failure(self, weight: int) -> None:
        """Count an exchange that failed."""
        self.all += weight
        self.failed_exchanges += 1
        self.failed += weight

    def subtract(self, others: "Totals") -> None:
        """Count some no more."""
        self.all -= others.all
        self.failed_exchanges -= others.failed_exchanges
        self.failed -= others.failed


class CircuitBreaker:
    """The health of one source, as the last exchanges show it."""

    def __init__(self, source: str, *, timeouts_in_a_row: int = 5, clock: Callable[[], float] = monotonic) -> None:
        """`timeouts_in_a_row` without a good verdict in between open it."""
        self._source = source
        self._most_timeouts = timeouts_in_a_row
        self._clock = clock
        self._slices: deque[tuple[float, Totals]] = deque()
        """Each with the moment at which it began, the latest last."""
        self._recent = Totals()
        """Of all slices: the last 10 seconds, less a tenth at the most."""
        self._in_a_row = Totals()
        """The failures since the last good verdict."""
        self._timeouts = 0
        """Exchanges that timed out since the last good verdict."""
        self._last_good = clock()
        self.is_closed = True
        """Whether everything is let through."""
        self._probe_at = 0.0
        """When it is half open, unless it is closed."""
        self._probe: object | None = None
        self._hinted_until = 0.0
        self.on_open: Callable[[], None] | None = None
        """Called when it opens, where other processes shall know."""

    @property
    def open_seconds(self) -> float:
        """For how long it stays open; 0 if it is not."""
        return 0.0 if self.is_closed else max(0.0, self._probe_at - self._clock())

    def hint(self, seconds: float) -> None:
        """Open at the first failure within so many seconds: another process has seen enough of them."""
        self._hinted_until = self._clock() + seconds

    @property
    def state(self) -> State:
        """Its state at this moment."""
        if self.is_closed:
            return State.CLOSED
        return State.HALF_OPEN if self._clock() >= self._probe_at else State.OPEN

    def check(self) -> None:
        """Raise `UpstreamUnavailable` if nothing may be sent now."""
        if self.state is State.OPEN or self._probe is not None:
            wait = round(max(self._probe_at - self._clock(), 1.0), 1)
            detail = "the circuit breaker is open"
            raise UpstreamUnavailable(self._source, detail=detail, retry_after_seconds=wait)

    def start(self, exchange: object) -> None:
        """Let an exchange begin, as the probe if there is to be one; raises like `check`. `record` has to follow."""
        self.check()
        if not self.is_closed:
            self._probe = exchange

    def record(self, exchange: object, verdict: Verdict, *, weight: int = 1) -> None:
        """Take the verdict of an exchange, which counts for as many as waited for it."""
        if exchange is self._probe:
            self._probe = None
            if verdict is Verdict.GOOD:
                self.is_closed = True
                self._last_good = self._clock()
            elif verdict is not Verdict.NONE:
                self._open()
        elif verdict is not Verdict.NONE and self.is_closed:
            self._count(weight, verdict)

    def _count(self, weight: int, verdict: Verdict) -> None:
        now, slices, recent = self._clock(), self._slices, self._recent
        # By slices and not one by one: a busy server has 100,000 exchanges in 10 seconds.
        if not slices or now >= slices[-1][0] + SLICE_SECONDS:
            slices.append((now, Totals()))
        while slices[0][0] <= now - WINDOW_SECONDS:
            recent.subtract(slices.popleft()[1])
        if verdict is Verdict.GOOD:
            slices[-1][1].all += weight
            recent.all += weight
            self._last_good = now
            self._timeouts = 0
            if self._in_a_row.all:
                self._in_a_row = Totals()
            return
        for totals in (slices[-1][1], recent, self._in_a_row):
            totals.add_failure(weight)
        self._timeouts += verdict is Verdict.TIMED_OUT
        # A row that is longer than what is recent reaches back too far; then what is recent are failures alone.
        is_silent = now - self._last_good >= SILENCE_SECONDS and self._in_a_row.all <= recent.all
        hangs = self._timeouts >= self._most_timeouts
        hangs |= now < self._hinted_until  # as it does for another process
        if hangs or recent.exceed_threshold or (is_silent and self._in_a_row.exceed_threshold):
            self._open()

    def _open(self) -> None:
        self.is_closed = False
        self._probe_at = self._clock() + OPEN_SECONDS
        self._slices.clear()
        self._recent = Totals()
        self._in_a_row = Totals()
        self._timeouts = 0
        if self.on_open is not None:
            self.on_open()
