"""The public keys of a token issuer: a JSON Web Key Set (RFC 7517), fetched by URL and kept.

Fetched when first needed, again after ten minutes, and when a token names a key that is not known, but then at most
once a minute: anybody can send tokens with invented key ids. While the issuer is down the keys from before stay good.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Collection
from contextvars import Context
from time import monotonic
from typing import Any, Final

from jwt import PyJWK
from jwt.exceptions import PyJWTError

from web.problems import HTTPProblem

Fetch = Callable[[str], Awaitable[bytes]]
"""GETs an address; raises any `Exception` where there is no answer of status 200."""

LIFETIME_SECONDS: Final = 600.0
PAUSE_SECONDS: Final = 60.0
PAUSE_WITHOUT_KEYS_SECONDS: Final = 5.0
MAX_KEYS: Final = 100

logger = logging.getLogger("opportunity_graph.callers")


class KeySet:
    """The keys behind one address. Shared by all requests."""

    def __init__(
        self, url: str, fetch: Fetch, *, algorithms: Collection[str], clock: Callable[[], float] = monotonic
    ) -> None:
        self._url = url
        self._fetch = fetch
        self._algorithms = frozenset(algorithms)
        self._clock = clock
        self._keys: dict[str | None, PyJWK] = {}
        self._fetched_at = float("-inf")
        self._tried_at = float("-inf")
        self._refresh: asyncio.Task[None] | None = None

    async def key(self, key_id: str | None) -> PyJWK | None:
        """Return the key with this id, None where the issuer has none; raises `HTTPProblem` if that cannot be known.

        A token without an id is checked with the only key, if there is but one.
        """
        known = self._find(key_id)
        if known is None:
            if self._may_try():
                await self._refreshed()
                known = self._find(key_id)
            if known is None and not self._keys:
                raise HTTPProblem(
                    503,
                    "Tokens cannot be checked right now.",
                    {"Retry-After": str(int(PAUSE_WITHOUT_KEYS_SECONDS))},
                    code="SERVER_BUSY",
                    retryable=True,
                )
        elif self._clock() - self._fetched_at > LIFETIME_SECONDS and self._may_try():
            self._start_refresh()  # nobody waits: the key at hand is as good as it was
        return known

    def _find(self, key_id: str | None) -> PyJWK | None:
        if key_id is None:
            return next(iter(self._keys.values())) if len(self._keys) == 1 else None
        return self._keys.get(key_id)

    def _may_try(self) -> bool:
        pause = PAUSE_SECONDS if self._keys else PAUSE_WITHOUT_KEYS_SECONDS
        return self._refresh is not None or self._clock() - self._tried_at >= pause

    async def _refreshed(self) -> None:
        # Shielded: a caller that gives up must not spoil the fetch for those who wait for the same one.
        await asyncio.shield(self._start_refresh())

    def _start_refresh(self) -> asyncio.Task[None]:
        if self._refresh is None:
            self._tried_at = self._clock()
            # For several requests: the log would show the id of one.
            self._refresh = asyncio.create_task(self._fetch_keys(), context=Context())
            self._refresh.add_done_callback(self._done)
        return self._refresh

    def _done(self, _: asyncio.Task[None]) -> None:
        self._refresh = None

    async def _fetch_keys(self) -> None:
        try:
            found = read_key_set(await self._fetch(self._url), self._algorithms)
        except Exception as error:
            logger.warning("The token issuer's keys cannot be fetched: %s", type(error).__name__)
            return
        self._keys = found
        self._fetched_at = self._clock()


def read_key_set(text: bytes, algorithms: Collection[str]) -> dict[str | None, PyJWK]:
    """Return the usable keys by id; raises `ValueError` where there is none.

    Only keys for signatures, of the algorithms asked for: never a symmetric one, which the issuer would not publish.
    """
    given: Any = json.loads(text)
    entries = given.get("keys") if isinstance(given, dict) else None
    if not isinstance(entries, list):
        raise ValueError("not a key set")
    keys: dict[str | None, PyJWK] = {}
    for entry in entries[:MAX_KEYS]:
        if not isinstance(entry, dict) or entry.get("kty") == "oct" or entry.get("use", "sig") != "sig":
            continue
        try:
            key = PyJWK.from_dict(entry)
        except (PyJWTError, ValueError, TypeError):
            continue
        key_id = entry.get("kid")
        if key.algorithm_name in algorithms and isinstance(key_id, str | None):
            keys[key_id] = key
    if not keys:
        raise ValueError("no usable key")
    return keys
