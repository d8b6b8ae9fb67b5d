"""Response cache: an equal request of an equal caller gets the stored response while all of its records are unchanged.

Frontends send the same few requests time and again, for records that are in the cache. Whether the response is still
the right one, whoever made it says each time (`Lasts`); nothing is known of records here. Only the response's content
is stored. What else a response depends on is settled for each request before it is looked up (is the caller's
credential still valid?) or after (its media type, the CORS headers, the request id).

Responses are personal data: they are stored for a short time and in bounded memory, and for nobody but callers of the
same kind with the same scopes.
"""

from collections import OrderedDict
from collections.abc import Callable
from sys import getsizeof
from time import monotonic
from typing import Protocol

from web.arrival import Arrival
from web.callers import Caller
from web.header_values import cache_directives
from web.parameters import wants_fresh

LONGEST_SECONDS = 60.0
"""After which an answer that nobody asks for goes, when another is given."""

MOST_BYTES = 10_000_000
"""Of requests and answers, and an estimate of what is kept beside them."""

ASKED_BEFORE = 4_096
"""Requests that are known to have come before, by their hashes. What is asked for only once is not worth keeping."""

Key = tuple[bool, bytes, Caller]
"""Whether it is a POST, what was asked, and who asked: all that is known of a caller, whatever that comes to be."""


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
        self._answers: OrderedDict[Key, tuple[bytes, Lasts, float, int]] = OrderedDict()
        self._asked: dict[int, None] = {}

    def __len__(self) -> int:
        return len(self._answers)

    def find(self, arrival: Arrival, caller: Caller) -> bytes | None:
        """Return the answer to a request whose body has been read, if it is kept, and is still the answer."""
        if arrival.head.once(wants_fresh):
            return None
        key = _key(arrival, caller)
        kept = self._answers.get(key)
        if kept is None:
            return None
        text, lasts, _, _ = kept
        if not lasts():
            self._forget(key)
            return None
        self._answers.move_to_end(key)
        return text

    def keep(self, arrival: Arrival, caller: Caller, text: bytes, lasting: Callable[[], Lasts | None]) -> None:
        """Keep the answer to a request that has come before, if it is one that can last.

        Nothing is kept of a request that says `Cache-Control: no-store` (RFC 9111, 5.2.1.5).
        """
        if "no-store" in arrival.head.once(cache_directives):
            return
        key, now = _key(arrival, caller), self._clock()
        self._clear(now)
        if not self._was_asked(hash(key)) or (lasts := lasting()) is None:
            return
        size = _size(key, text, lasts)
        if size <= self._most_bytes:  # else all others would go for it
            self._forget(key)
            self._answers[key] = text, lasts, now, size
            self._bytes += size
            self._clear(now)

    def _was_asked(self, number: int) -> bool:
        if number in self._asked:
            return True
        self._asked[number] = None
        if len(self._asked) > ASKED_BEFORE:
            del self._asked[next(iter(self._asked))]
        return False

    def _clear(self, now: float) -> None:
        while self._answers:
            oldest = next(iter(self._answers))
            if self._bytes <= self._most_bytes and self._answers[oldest][2] > now - LONGEST_SECONDS:
                break
            self._forget(oldest)

    def _forget(self, key: Key) -> None:
        if (kept := self._answers.pop(key, None)) is not None:
            self._bytes -= kept[3]


def _key(arrival: Arrival, caller: Caller) -> Key:
    return arrival.method == "POST", arrival.content, caller


def _size(key: Key, text: bytes, lasts: Lasts) -> int:
    _, content, caller = key
    scopes = getsizeof(caller.scopes) + sum(map(getsizeof, caller.scopes))
    return 1_000 + len(content) + len(text) + 150 * len(lasts) + scopes
