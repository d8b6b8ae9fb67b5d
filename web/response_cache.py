"""Response cache: an equal request of an equal caller gets the stored response while all of its records are unchanged.

Frontends send the same few requests time and again, for records that are in the cache. Whether the response is still
the right one, whoever made it says each time (`Validator`); nothing is known of records here. Only the response's
content is stored. What else a response depends on is settled for each request before it is looked up (is the caller's
credential still valid?) or after (its media type, the CORS headers, the request id).

Responses are personal data: they are stored for a short time and in bounded memory, and for nobody but callers of the
same kind with the same scopes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from sys import getsizeof
from time import monotonic
from typing import NamedTuple, Protocol

from httpserver.request import HttpRequest
from lru import LRU
from web.auth.callers import Caller

MAX_UNUSED_SECONDS = 60.0
"""After which a response that nobody requests is evicted, when another one is stored."""

MAX_BYTES = 10_000_000
"""Of requests and responses, and an estimate of what is stored beside them."""

MAX_SEEN = 4_096
"""Requests that are known to have come before, by their hashes. The response to one that comes once is not stored."""

RECENT_SECONDS = 1.0
"""A response that was requested so lately is not evicted. Else requests that take turns, and are more than there is
room for, would evict each other before any of them came again. Where they come slowly, little is lost by that."""

MAX_OPERATIONS = 100
"""How many operations have their hits counted by name."""

MAX_NAME_CHARACTERS = 64
"""Of an operation whose hits are counted by its name."""

OTHER_OPERATIONS = "(other)"


class Key(NamedTuple):
    """Whether it is a POST, what was requested, and by whom: all that is known of a caller."""

    is_post: bool
    content: bytes
    caller: Caller


def key_of(request: HttpRequest, body: bytes | None, caller: Caller) -> Key:
    """Return the key of a request with this body: what it asks for is that, or else its query string."""
    if request.method != "POST":
        return Key(False, request.query_string, caller)
    assert body is not None, "the body has not been read"
    return Key(True, body, caller)


class Validator(Protocol):
    """Tells whether a response would be the same if it were made now. Its length is the number of records in it."""

    def __call__(self) -> bool:
        """Return whether it would."""

    def __len__(self) -> int: ...


@dataclass(slots=True)
class OperationHits:
    """How many requests for one operation got a stored response. `name` is None where it has none."""

    name: str | None
    hits: int = 0


@dataclass(slots=True)
class StoredResponse:
    """The response to a request, and how long it is valid."""

    content: bytes
    validator: Validator
    used_at: float
    operation: OperationHits


class ResponseCache:
    """Responses by request and caller, the least recently used evicted first."""

    def __init__(self, *, clock: Callable[[], float] = monotonic, max_bytes: int = MAX_BYTES) -> None:
        self._clock = clock
        self._max_bytes = max_bytes
        self._responses: LRU[Key, StoredResponse] = LRU(max_size=max_bytes)
        self._seen: LRU[int, bool] = LRU(max_entries=MAX_SEEN)
        self._hits: dict[str | None, OperationHits] = {}
        self._further = OperationHits(OTHER_OPERATIONS)
        self.misses = 0
        """Those for which none was stored, or none that is still valid."""

    def __len__(self) -> int:
        return len(self._responses)

    @property
    def hits(self) -> int:
        """Requests that got a stored response."""
        return sum(one.hits for one in self._hits.values()) + self._further.hits

    @property
    def hits_by_operation(self) -> Mapping[str | None, int]:
        """The same by the name of the operation; those beyond a number of names together."""
        found = {name: one.hits for name, one in self._hits.items()}
        return found | ({self._further.name: self._further.hits} if self._further.hits else {})

    @property
    def memory_bytes(self) -> int:
        """Memory for requests and responses, estimated."""
        return self._responses.size

    def find(self, key: Key) -> StoredResponse | None:
        """Return the response to a request, if one is stored and still valid."""
        stored = self._responses.peek(key)
        if stored is None:
            self.misses += 1
            return None
        if not stored.validator():
            self._responses.remove(key)
            self.misses += 1
            return None
        self._responses.touch(key)
        stored.operation.hits += 1
        stored.used_at = self._clock()
        return stored

    def store(
        self,
        key: Key,
        content: bytes,
        validator: Callable[[], Validator | None],
        *,
        operation_name: str | None = None,
    ) -> None:
        """Store the response to a request that has come before, if it has a validator and there is room."""
        now = self._clock()
        unused = now - MAX_UNUSED_SECONDS
        while self._responses.size and (oldest := self._responses.oldest()) and oldest[1].used_at <= unused:
            self._responses.remove(oldest[0])
        if not self._seen.peek(number := hash(key)):
            self._seen.put(number, True)
            return
        # Room for the content alone is looked for first: a validator of many records takes a while to make.
        if not self._make_room(len(content), now) or (valid := validator()) is None:
            return
        self._responses.remove(key)
        stored = StoredResponse(content, valid, now, self._operation(operation_name))
        size = _size(key, stored)
        if self._make_room(size, now):
            self._responses.put(key, stored, size)

    def _operation(self, name: str | None) -> OperationHits:
        found = self._hits.get(name)
        if found is None:
            if len(self._hits) >= MAX_OPERATIONS or len(name or "") > MAX_NAME_CHARACTERS:
                return self._further
            found = self._hits[name] = OperationHits(name)
        return found

    def _make_room(self, size: int, now: float) -> bool:
        """Return whether there is room for so many bytes; what nobody has requested lately is evicted for it."""
        while self._responses.size + size > self._max_bytes:
            oldest = self._responses.oldest()
            if size > self._max_bytes or oldest is None or oldest[1].used_at > now - RECENT_SECONDS:
                return False
            self._responses.remove(oldest[0])
        return True


def _size(key: Key, stored: StoredResponse) -> int:
    scopes = getsizeof(key.caller.scopes) + sum(map(getsizeof, key.caller.scopes))
    return 1_000 + len(key.content) + len(stored.content) + 150 * len(stored.validator) + scopes
