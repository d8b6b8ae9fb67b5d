"""The bearer token: whether it is good, and when the next one is got, never by two callers at once, or two processes.

How one is got: `sign_in.py`.
"""

import asyncio
from collections.abc import Callable

from resolvers.errors import UpstreamError, UpstreamUnauthorized
from resolvers.fetching.shared_fetch import SharedFetch
from resolvers.fetching.upstream_context import UpstreamContext
from resolvers.nexudus.record import SOURCE
from resolvers.nexudus.shared_grant import Found, Kept, SharedGrant
from resolvers.nexudus.sign_in import SignIn
from resolvers.nexudus.sign_in_pause import PAUSE_SECONDS
from resolvers.resilience.transport import Transport
from resolvers.settings import Secret

_RENEW_AT = 0.8
"""The part of a token's documented life after which it is renewed without waiting for a refusal."""


class GivenToken:
    """An access token from the settings. Nothing can renew it."""

    def __init__(self, token: Secret) -> None:
        self._token = token

    def current(self) -> str | None:
        """Return the token."""
        return self._token.reveal()

    async def get(self, shared_fetch: SharedFetch) -> str:
        """Return the token."""
        return self._token.reveal()

    async def renew(self, stale: str, shared_fetch: SharedFetch) -> str:
        """Return the token if it was replaced since; else raise `UpstreamUnauthorized`."""
        if (token := self._token.reveal()) != stale:
            return token
        raise UpstreamUnauthorized(SOURCE, detail="NEXUDUS_ACCESS_TOKEN was refused")

    def accepted(self, token: str) -> None:
        """Nothing to remember."""

    def begin_anew(self) -> None:
        """Nothing to forget."""


class PasswordTokens:
    """Tokens granted for a user name and a password."""

    def __init__(
        self,
        base_url: str,
        username: str,
        password: Secret,
        transport: Transport,
        *,
        client_id: str | None = None,
        shared: SharedGrant | None = None,
        clock: Callable[[], float],
    ) -> None:
        self._sign_in = SignIn(base_url, username, password, transport, client_id=client_id, clock=clock)
        self._shared = shared
        self._number = 0
        """Of the last grant that all processes know of."""
        self._clock = clock
        self._access: str | None = None
        self._renew_at = 0.0
        self._expires_at = 0.0
        self._unproven: str | None = None
        self._refused_until = 0.0
        self._renewal: asyncio.Task[str] | None = None
        self._waiting: list[SharedFetch] = []

    def current(self) -> str | None:
        """Return a token that should be good, None if one has to be got first."""
        now = self._clock()
        if self._access is None or now >= self._expires_at:
            return None
        if now >= self._renew_at:
            self._renew_at = now + PAUSE_SECONDS  # should this one fail; the old token is still good meanwhile
            self._start_renewal()
        return self._access

    async def get(self, shared_fetch: SharedFetch) -> str:
        """Return a token that should be good; gets one first if need be. Raises an `UpstreamError`."""
        return self.current() or await self._shared_renewal(shared_fetch)

    async def renew(self, stale: str, shared_fetch: SharedFetch) -> str:
        """Return a token other than `stale`, which was refused; raises an `UpstreamError`.

        Nexudus answers 401 to a missing role as well. So if the token that a renewal gave was refused too, no further
        one is asked for during the next 30 seconds.
        """
        if self._access not in (None, stale):
            return await self.get(shared_fetch)
        if stale == self._unproven:
            self._refused_until = self._clock() + PAUSE_SECONDS
            self._unproven = None
        if self._clock() < self._refused_until:
            raise UpstreamUnauthorized(SOURCE, detail="a renewed token was refused too: is the role missing?")
        self._access = None
        token = await self._shared_renewal(shared_fetch)
        self._unproven = token
        return token

    def accepted(self, token: str) -> None:
        """Remember that the source took this token."""
        if token == self._unproven:
            self._unproven = None

    def begin_anew(self) -> None:
        """Sign in with the password of now, and at once, whatever the one before had come to."""
        self._access = self._unproven = None
        self._refused_until = 0.0
        self._sign_in.begin_anew()

    async def _shared_renewal(self, shared_fetch: SharedFetch) -> str:
        # The renewal needs the permit, or what the fetch holds: its part of the ration and its slot.
        shared_fetch.release_permit()
        self._waiting.append(shared_fetch)
        try:
            # Shielded: a caller that gives up must not spoil the one use of the refresh token.
            return await asyncio.shield(self._start_renewal())
        finally:
            self._waiting.remove(shared_fetch)

    def _start_renewal(self) -> asyncio.Task[str]:
        if self._renewal is None:
            self._renewal = asyncio.create_task(self._renew())
            self._renewal.add_done_callback(self._renewed)
        return self._renewal

    def _renewed(self, task: asyncio.Task[str]) -> None:
        self._renewal = None
        if not task.cancelled():
            task.exception()  # marks it as seen, should every caller have given up

    async def _renew(self) -> str:
        self._sign_in.pause.check()
        found = await self._shared.find(self._number) if self._shared is not None else None
        if self._shared is None or found is None:
            self._sign_in.use_own_client()
            return await self._request()
        self._number = found.number
        if (token := self._adopt(found)) is not None:
            return token
        try:
            token = await self._request()
        except UpstreamError as failure:
            await self._share_refusal(self._shared, failure)
            raise
        life, sign_in = self._expires_at - self._clock(), self._sign_in
        kept = Kept(sign_in.client_id, access_token=token, refresh_token=sign_in.refresh_token, life_seconds=life)
        self._number = await self._shared.write(kept) or self._number
        return token

    def _adopt(self, found: Found) -> str | None:
        """Return the token that another process got, None if it is for this one to get one; raises what it met."""
        kept, pause = found.kept, self._sign_in.pause
        if kept is not None:
            self._sign_in.adopt(kept.client_id, kept.refresh_token)
        if kept is None or found.is_mine:
            return None
        if kept.failure is not None:
            seconds = kept.pause_seconds - found.age_seconds
            pause.adopt(kept.failure, kept.status, failures=kept.refusals, seconds=seconds)
            pause.check()
        if kept.access_token is not None:
            pause.end()
            self._accept(kept.access_token, kept.life_seconds, age_seconds=found.age_seconds)
        return kept.access_token

    async def _share_refusal(self, shared: SharedGrant, failure: UpstreamError) -> None:
        if failure.retryable:
            await shared.release()
            return
        pause = self._sign_in.pause
        kept = Kept(
            self._sign_in.client_id,
            refusal=failure.code,
            status=failure.status,
            refusals=pause.failures,
            pause_seconds=pause.seconds_left,
        )
        self._number = await shared.write(kept) or self._number

    async def _request(self) -> str:
        """Return the token that a sign-in gives; raises an `UpstreamError`."""
        grant = await self._sign_in.grant(self._waiters)
        self._accept(grant.access_token, grant.life_seconds)
        return grant.access_token

    def _waiters(self) -> set[UpstreamContext]:
        return {operation for waiting in self._waiting for operation in waiting.waiters()}

    def _accept(self, token: str, life_seconds: float, *, age_seconds: float = 0.0) -> None:
        granted_at = self._clock() - age_seconds
        self._access = token
        self._renew_at = granted_at + life_seconds * _RENEW_AT
        self._expires_at = granted_at + life_seconds
