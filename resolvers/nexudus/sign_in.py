"""One sign-in: by the refresh token that the last one gave, else by user name and password.

Follows Nexudus' page on token authentication: a refresh token is good for one use, and each use gives a new one; one
client id has one refresh token, so every process needs a client id of its own, unless all share what it gave.
"""

import uuid
from collections.abc import Callable, Collection

from httpclient.client import Request
from resolvers.errors import UpstreamBadResponse, UpstreamError, UpstreamUnauthorized
from resolvers.fetching.shared_fetch import SharedFetch, serve
from resolvers.fetching.upstream_context import UpstreamContext
from resolvers.nexudus.grant import Grant, parse_grant
from resolvers.nexudus.record import SOURCE
from resolvers.nexudus.sign_in_pause import SignInPause
from resolvers.resilience.transport import Transport
from resolvers.settings import Secret

_LONGEST_SECONDS = 10.0
"""A sign-in goes on when those who wait for it give up: the next ones need it too."""


class SignIn:
    """Gets grants for a user. `pause` says when the next sign-in is due after one that failed."""

    def __init__(
        self,
        base_url: str,
        username: str,
        password: Secret,
        transport: Transport,
        *,
        client_id: str | None,
        clock: Callable[[], float],
    ) -> None:
        self._url = f"{base_url}/api/token"
        self._username = username
        self._password = password
        self._transport = transport
        self._own_client_id = self.client_id = client_id or str(uuid.uuid4())
        self.refresh_token: str | None = None
        """Goes with the client id."""
        self.pause = SignInPause(clock)

    def begin_anew(self) -> None:
        """Sign in with the password of now, whatever the one before had come to."""
        self.refresh_token = None
        self.pause.end()

    def adopt(self, client_id: str, refresh_token: str | None) -> None:
        """Go on with what another process's sign-in gave."""
        self.client_id, self.refresh_token = client_id, refresh_token

    def use_own_client(self) -> None:
        """Go on without what another process's sign-in gave: its refresh token is everybody's."""
        if self.client_id != self._own_client_id:
            self.adopt(self._own_client_id, None)

    async def grant(self, waiters: Callable[[], Collection[UpstreamContext]]) -> Grant:
        """Return what Nexudus grants; raises an `UpstreamError`. `waiters` are the operations that wait for it."""
        if self.refresh_token is not None:
            form = {"grant_type": "refresh_token", "refresh_token": self.refresh_token}
            self.refresh_token = None
            try:
                return await self._request(form, "token-refresh", waiters)
            except UpstreamError as failure:
                if failure.retryable:
                    self.pause.begin(failure)
                    raise
            # Used up or too old: the password gives a new one.
        password = self._password.reveal()
        form = {"grant_type": "password", "username": self._username, "password": password}
        try:
            return await self._request(form, "token-password", waiters)
        except UpstreamError as failure:
            if password == self._password.reveal():  # else the failure is not that of the next sign-in
                self.pause.begin(failure)
            raise

    async def _request(
        self, form: dict[str, str], kind: str, waiters: Callable[[], Collection[UpstreamContext]]
    ) -> Grant:
        """Return the grant that a form gives; raises `UpstreamUnauthorized` if it is refused."""
        own = UpstreamContext(_LONGEST_SECONDS)
        shared_fetch = SharedFetch(lambda: {own, *waiters()})
        serve(shared_fetch)  # a renewal has a context of its own
        request = Request(self._url, kind, "POST", headers={"client_id": self.client_id}, form=form, keys=0)
        try:
            body = await self._transport.fetch(request, shared_fetch)
        except UpstreamError as error:
            if error.status in (400, 401, 403) and not error.retryable:
                raise UpstreamUnauthorized(SOURCE, status=error.status, detail=f"{kind} was refused") from None
            raise
        if body is None:
            raise UpstreamBadResponse(SOURCE, detail="no token endpoint there: is the base URL right?")
        grant = parse_grant(body, kind)
        self.refresh_token = (
            grant.refresh_token if isinstance(grant.refresh_token, str) and grant.refresh_token else None
        )
        self.pause.end()
        return grant
