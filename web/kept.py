"""Answers that are given again: the same bytes ask for them, and nothing that they hold has changed.

Frontends send the same few requests time and again, for records that are in the cache. Then the text of the answer is
the same, too. Whether it still is, whoever gave the answer says each time (`Lasts`); nothing is known of records here.
Answers are personal data: they are kept for a short time and in bounded memory, and for nobody but callers of the
same kind with the same rights.
"""

from collections import OrderedDict
from collections.abc import Callable
from time import monotonic
from typing import Protocol

from web.arrival import Arrival
from web.callers import Caller
from web.parameters import takes_kept

LONGEST_SECONDS = 60.0
"""After which an answer that nobody asks for goes, when another is given."""

MOST_BYTES = 10_000_000
"""Of requests and answers, and an estimate of what is kept beside them."""

ASKED_BEFORE = 4_096
"""Requests that are known to have come before, by their hashes. What is asked for only once is not worth keeping."""

FULL = 0.9
LET_IN = 8
"""When nine tenths of the room are taken, every eighth answer is let in. Else requests that take turns, and are more
than there is room for, would push each other out before any of them came again."""

Key = tuple[bytes, Caller]
"""What was asked, and who asked: all that is known of a caller, whatever that comes to be."""


class Lasts(Protocol):
    """Tells whether an answer would be the same if it were given now. Its length is the number of records in it."""

    def __call__(self) -> bool:
        """Return whether it would."""

    def __len__(self) -> int: ...


class KeptAnswers:
    """Answers by what was asked and who asked, the least recently used out first."""

    def __init__(self, *, clock: Callable[[], float] = monotonic, most_bytes: int = MOST_BYTES) -> None:
        self._clock = clock
        self._most_bytes = most_bytes
        self._bytes = 0
        self._answers: OrderedDict[Key, tuple[bytes, Lasts, float]] = OrderedDict()
        self._asked: dict[int, None] = {}
        self._at_the_door = 0

    def __len__(self) -> int:
        return len(self._answers)

    def find(self, arrival: Arrival, caller: Caller) -> bytes | None:
        """Return the answer to a request if it is kept, and is still the answer; raises `HTTPProblem` for a bad head.

        Only a request whose body is here as a whole is looked for.
        """
        if arrival.whole is None or not arrival.head.once(takes_kept):
            return None
        key = (arrival.whole, caller)
        kept = self._answers.get(key)
        if kept is None:
            return None
        text, lasts, _ = kept
        if not lasts():
            self._forget(key)
            return None
        self._answers.move_to_end(key)
        return text

    def keep(self, arrival: Arrival, caller: Caller, text: bytes, lasting: Callable[[], Lasts | None]) -> None:
        """Keep the answer to a request that has come before, if it is one that can last."""
        if arrival.whole is None:
            return
        key, now = (arrival.whole, caller), self._clock()
        self._clear(now)
        if self._was_asked(hash(key)) and self._has_room(len(text)) and (lasts := lasting()) is not None:
            self._forget(key)
            self._answers[key] = text, lasts, now
            self._bytes += _size(arrival.whole, text, lasts)
            self._clear(now)

    def _was_asked(self, number: int) -> bool:
        if number in self._asked:
            return True
        self._asked[number] = None
        if len(self._asked) > ASKED_BEFORE:
            del self._asked[next(iter(self._asked))]
        return False

    def _has_room(self, size: int) -> bool:
        room = FULL * self._most_bytes - size
        if self._bytes <= room:
            return True
        self._at_the_door += 1
        return self._at_the_door % LET_IN == 0 and room > 0

    def _clear(self, now: float) -> None:
        while self._answers:
            oldest = next(iter(self._answers))
            if self._bytes <= self._most_bytes and self._answers[oldest][2] > now - LONGEST_SECONDS:
                break
            self._forget(oldest)

    def _forget(self, key: Key) -> None:
        if (kept := self._answers.pop(key, None)) is not None:
            self._bytes -= _size(key[0], *kept[:2])


def _size(body: bytes, text: bytes, lasts: Lasts) -> int:
    return 1_000 + len(body) + len(text) + 150 * len(lasts)
