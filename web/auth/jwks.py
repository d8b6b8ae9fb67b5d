"""The public keys of a token issuer: a JSON Web Key Set (RFC 7517), fetched by URL and cached.

Fetched when first needed, then again every five minutes while requests come, and at most once a minute when a token
fits no key: anybody can send tokens with invented key ids. A request waits for the fetch only if none has been tried
for ten minutes. So a withdrawn key is void ten minutes later, on a quiet server too. While the set cannot be fetched,
the last one is believed for `max_stale_seconds`; one that was fetched is believed as it is, even if it is empty.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection
from contextvars import Context
from time import monotonic
from typing import Final

from httpserver.http_errors import HTTPError
from web.auth.jwk import PublicKey, read_jwks

Fetch = Callable[[str], Awaitable[bytes]]
"""GETs an address; raises any `Exception` where there is no answer of status 200."""

REFRESH_SECONDS: Final = 300.0
LIFETIME_SECONDS: Final = 600.0
PAUSE_SECONDS: Final = 60.0
PAUSE_WITHOUT_KEYS_SECONDS: Final = 5.0
MAX_STALE_SECONDS: Final = 86_400.0

MAX_CANDIDATES: Final = 16
"""Keys that a token is tried with, where no key id tells which: each try costs some 50 microseconds."""

logger = logging.getLogger("opportunity_graph.callers")


class JWKSet:
    """The keys behind one address. Shared by all requests. `version` changes whenever the keys do."""

    def __init__(
        self,
        url: str,
        fetch: Fetch,
        *,
        algorithms: Collection[str],
        max_stale_seconds: float = MAX_STALE_SECONDS,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._url = url
        self._fetch = fetch
        self._algorithms = frozenset(algorithms)
        self._max_stale_seconds = max_stale_seconds
        self._clock = clock
        self._keys: tuple[PublicKey, ...] = ()
        self._fetched_at = float("-inf")
        self._tried_at = float("-inf")
        self._refresh_task: asyncio.Task[None] | None = None
        self.version = 0

    async def ready(self) -> None:
        """Return once the keys may be relied on; raises `HTTPError` (503) while they cannot be known."""
        now = self._clock()
        if now - self._tried_at > LIFETIME_SECONDS or not self._is_believed():
            await self.refresh()
        elif now - self._fetched_at > REFRESH_SECONDS and self._may_try():
            self._start_refresh()  # nobody waits: the keys are as good as they were
        if not self._is_believed():
            raise HTTPError(
                503,
                "Tokens cannot be checked right now.",
                code="SERVER_BUSY",
                retryable=True,
                retry_after_seconds=int(PAUSE_WITHOUT_KEYS_SECONDS),
            )

    def find(self, key_id: str | None, algorithm: str) -> list[PublicKey]:
        """Return the keys that may have signed a token whose header says this.

        Several keys may share an id, and keys need none (RFC 7517, 4.5): those without may belong to any token.
        """
        fitting = [key for key in self._keys if algorithm in key.algorithms]
        if key_id is not None:
            named = [key for key in fitting if key.id == key_id]
            fitting = named or [key for key in fitting if key.id is None]
        return fitting[:MAX_CANDIDATES]

    async def refresh(self) -> bool:
        """Fetch the set, unless that was tried just now; return whether the keys have changed."""
        version = self.version
        if self._may_try():
            # Shielded: a caller that gives up must not spoil the fetch for those who wait for the same one.
            await asyncio.shield(self._start_refresh())
        return self.version != version

    def _is_believed(self) -> bool:
        return self._clock() - self._fetched_at <= self._max_stale_seconds

    def _may_try(self) -> bool:
        pause = PAUSE_SECONDS if self._is_believed() else PAUSE_WITHOUT_KEYS_SECONDS
        return self._refresh_task is not None or self._clock() - self._tried_at >= pause

    def _start_refresh(self) -> asyncio.Task[None]:
        if self._refresh_task is None:
            self._tried_at = self._clock()
            # For several requests: the log would show the id of one.
            self._refresh_task = asyncio.create_task(self._fetch_keys(), context=Context())
            self._refresh_task.add_done_callback(self._done)
        return self._refresh_task

    def _done(self, _: asyncio.Task[None]) -> None:
        self._refresh_task = None

    async def _fetch_keys(self) -> None:
        asked_at = self._clock()
        try:
            found = read_jwks(await self._fetch(self._url), self._algorithms)
        except Exception as error:
            told = error if type(error) is ConnectionError else type(error).__name__  # others may quote what came
            logger.warning("The token issuer's keys cannot be fetched: %s", told)
            return
        self._fetched_at = asked_at
        if found != self._keys:
            self._keys = found
            self.version += 1
