"""Response cache: an equal request of an equal caller gets the stored response while all of its records are unchanged.

Frontends send the same few requests time and again, for records that are in the cache. Whether the response is still
the right one, whoever made it says each time (`Validator`); nothing is known of records here. Only the response's
content
is stored. What else a response depends on is settled for each request before it is looked up (is the caller's
credential still valid?) or after (its media type, the CORS headers, the request id).

Responses are personal data: they are stored for a short time and in bounded memory, and for nobody but callers of the
same kind with the same scopes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from sys import getsizeof
from time import monotonic
from typing import Protocol

from httpserver.request import HttpRequest
from lru import LRU
from web.auth.callers import Caller
from web.header_values import cache_directives
from web.parameters import wants_fresh

LONGEST_SECONDS = 60.0
"""After which an answer that nobody asks for goes, when another is given."""

MOST_BYTES = 10_000_000
"""Of requests and answers, and an estimate of what is kept beside them."""

ASKED_BEFORE = 4_096
"""Requests that are known to have come before, by their hashes. What is asked for only once is not worth keeping."""

RECENT_SECONDS = 1.0
"""An answer that was asked for so lately is not pushed out. Else requests that take turns, and are more than there is
room for, would push each other out before any of them came again. Where they come slowly, little is lost by that."""

Key = tuple[bool, bytes, Caller]
"""Whether it is a POST, what was asked, and who asked: all that is known of a caller, whatever that comes to be."""


class Validator(Protocol):
    """Tells whether an answer would be the same if it were given now. Its length is the number of records in it."""

    def __call__(self) -> bool:
        """Return whether it would."""

    def __len__(self) -> int: ...


@dataclass(slots=True)
class _Kept:
    text: bytes
    lasts: Validator
    used: float


class ResponseCache:
    """Answers by what was asked and who asked, the least recently used out first."""

    def __init__(self, *, clock: Callable[[], float] = monotonic, most_bytes: int = MOST_BYTES) -> None:
        self._clock = clock
        self._most_bytes = most_bytes
        self._answers: LRU[Key, _Kept] = LRU(max_size=most_bytes, size_of=_size)
        self._asked: LRU[int, bool] = LRU(max_entries=ASKED_BEFORE)

    def __len__(self) -> int:
        return len(self._answers)

    @property
    def memory_bytes(self) -> int:
        """Memory for requests and responses, estimated."""
        return self._answers.size

    def find(self, request: HttpRequest, caller: Caller) -> bytes | None:
        """Return the answer to a request whose body has been read, if it is kept, and is still the answer."""
        if request.headers.memoized(wants_fresh):
            return None
        key = _key(request, caller)
        stored = self._answers.get(key)
        if stored is None:
            return None
        if not stored.lasts():
            self._answers.remove(key)
            return None
        stored.used = self._clock()
        return stored.text

    def keep(
        self, request: HttpRequest, caller: Caller, text: bytes, validator: Callable[[], Validator | None]
    ) -> None:
        """Keep the answer to a request that has come before, if it is one that can last, and there is room.

        Nothing is kept of a request that says `Cache-Control: no-store` (RFC 9111, 5.2.1.5).
        """
        if "no-store" in request.headers.memoized(cache_directives):
            return
        key, now = _key(request, caller), self._clock()
        while (oldest := self._answers.oldest()) is not None and oldest[1].used <= now - LONGEST_SECONDS:
            self._answers.remove(oldest[0])
        # Room for the text alone is looked for first: to say how long an answer lasts takes a while with many records.
        if not self._was_asked(hash(key)) or not self._make_room(len(text), now) or (lasts := validator()) is None:
            return
        self._answers.remove(key)
        stored = _Kept(text, lasts, now)
        if self._make_room(_size(key, stored), now):
            self._answers.put(key, stored)

    def _was_asked(self, number: int) -> bool:
        if number in self._asked:
            return True
        self._asked.put(number, True)
        return False

    def _make_room(self, size: int, now: float) -> bool:
        """Return whether there is room for so many bytes; what nobody has asked for lately goes for it."""
        while self._answers.size + size > self._most_bytes:
            oldest = self._answers.oldest()
            if size > self._most_bytes or oldest is None or oldest[1].used > now - RECENT_SECONDS:
                return False
            self._answers.remove(oldest[0])
        return True


def _key(request: HttpRequest, caller: Caller) -> Key:
    return request.method == "POST", request.content, caller


def _size(key: Key, stored: _Kept) -> int:
    _, content, caller = key
    scopes = getsizeof(caller.scopes) + sum(map(getsizeof, caller.scopes))
    return 1_000 + len(content) + len(stored.text) + 150 * len(stored.lasts) + scopes
