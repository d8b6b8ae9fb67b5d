"""What is doubted of list-by-ids on this account, each thing for some minutes: then it is tried again.

Nothing here is documented by the vendor. It is learnt from replies, and one odd reply must not decide for good.
"""

from collections.abc import Callable
from time import monotonic

from resolvers.nexudus.record import SOURCE
from resolvers.telemetry import ListByIdsSwitchedOff, Telemetry

DOUBT_SECONDS = 300.0
"""How long an observation is believed."""

MOST_KEPT_OUT = 1_000

_NOTHING: frozenset[str] = frozenset()


class ListDoubts:
    """The doubts about the lists of one account."""

    def __init__(self, telemetry: Telemetry, *, clock: Callable[[], float] = monotonic) -> None:
        self._telemetry = telemetry
        self._clock = clock
        self._off_until = float("-inf")
        self._none_found_is_404_until = float("-inf")
        self._last_absent = _NOTHING
        self._never_sent = _NOTHING
        self._never_sent_until = float("-inf")
        self._kept_out: dict[str, float] = {}

    @property
    def are_off(self) -> bool:
        """Whether several ids in one request do not work just now."""
        return self._clock() < self._off_until

    def switch_off(self, reason: str) -> None:
        """Ask for each record singly from now on, for some minutes."""
        if not self.are_off:
            self._off_until = self._clock() + DOUBT_SECONDS
            self._telemetry(ListByIdsSwitchedOff(SOURCE, reason))

    @property
    def none_found_is_404(self) -> bool:
        """Whether 404 means that there is none of the records, and not that there is no such route."""
        return self._clock() < self._none_found_is_404_until

    def learn_404(self) -> None:
        """Take note that a list was not found, nor the first of its records by itself."""
        self._none_found_is_404_until = self._clock() + DOUBT_SECONDS

    @property
    def never_sent(self) -> frozenset[str]:
        """The fields that the account does not send for single records either, hence may lack in a list's rows."""
        return self._never_sent if self._clock() < self._never_sent_until else _NOTHING

    def single_lacked(self, fields: frozenset[str]) -> None:
        """Take note of what a single record lacked; it takes two of them in a row to be believed."""
        self._never_sent = fields & self._last_absent
        self._last_absent = fields
        self._never_sent_until = self._clock() + DOUBT_SECONDS

    def is_kept_out(self, source_id: str) -> bool:
        """Whether a list with this record in it fails."""
        return bool(self._kept_out) and self._clock() < self._kept_out.get(source_id, 0.0)

    def keep_out(self, source_id: str) -> None:
        """Keep a record out of lists for some minutes."""
        now = self._clock()
        if len(self._kept_out) >= MOST_KEPT_OUT:
            self._kept_out = {one: until for one, until in self._kept_out.items() if now < until}
        if len(self._kept_out) < MOST_KEPT_OUT:
            self._kept_out[source_id] = now + DOUBT_SECONDS
