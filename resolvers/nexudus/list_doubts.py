"""What is doubted of list-by-ids on this account, each thing for some minutes: then it is tried again.

Nothing here is documented by the vendor. It is learnt from replies, and one odd reply must not decide for good.
"""

from collections.abc import Callable, Sequence

from resolvers.nexudus.record import SOURCE
from resolvers.telemetry import ListByIdsSwitchedOff, Telemetry

DOUBT_SECONDS = 300.0
"""How long an observation is believed."""

MOST_EXCLUDED = 1_000

_NOTHING: frozenset[str] = frozenset()


class ListDoubts:
    """The doubts about the lists of one account."""

    def __init__(self, telemetry: Telemetry, *, clock: Callable[[], float]) -> None:
        self._telemetry = telemetry
        self._clock = clock
        self._off_until = float("-inf")
        self._none_found_is_404_until = float("-inf")
        self._last_absent = _NOTHING
        self._never_sent = _NOTHING
        self._never_sent_until = float("-inf")
        self._excluded: dict[str, float] = {}

    @property
    def is_switched_off(self) -> bool:
        """Whether several ids in one request do not work just now."""
        return self._clock() < self._off_until

    def switch_off(self, reason: str) -> None:
        """Ask for each record singly from now on, for some minutes."""
        if not self.is_switched_off:
            self._off_until = self._clock() + DOUBT_SECONDS
            self._telemetry(ListByIdsSwitchedOff(SOURCE, reason))

    def begin_anew(self) -> None:
        """Switch lists on again: another credential may have the role."""
        self._off_until = float("-inf")

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

    def learn_absent(self, fields: frozenset[str]) -> None:
        """Take note of what a single record lacked; it takes two of them in a row to be believed."""
        self._never_sent = fields & self._last_absent
        self._last_absent = fields
        self._never_sent_until = self._clock() + DOUBT_SECONDS

    def listable(self, ids: Sequence[str]) -> Sequence[str]:
        """Return those of the ids that a list may have, in order; no list fails because of them."""
        if not self._excluded:
            return ids
        now = self._clock()
        return [source_id for source_id in ids if now >= self._excluded.get(source_id, now)]

    def exclude(self, source_id: str) -> None:
        """Ask for a record singly for some minutes: a list with it fails."""
        now = self._clock()
        if len(self._excluded) >= MOST_EXCLUDED:
            self._excluded = {one: until for one, until in self._excluded.items() if now < until}
        if len(self._excluded) < MOST_EXCLUDED:
            self._excluded[source_id] = now + DOUBT_SECONDS
