"""The issuer of frontends' tokens: whose keys they are verified with, over a connection of its own."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import aiohttp

from httpclient.client import open_session
from httpclient.failure_reason import failure_reason
from schema.access import SCOPES
from security.settings import JwtSettings

if TYPE_CHECKING:
    from web.auth.jwt import JWTVerifier

KEY_SET_SECONDS = 5.0
MAX_KEY_SET_BYTES = 256_000


class TokenIssuer:
    """The issuer that the settings name, if they name one."""

    def __init__(self, settings: JwtSettings) -> None:
        self._settings = settings
        self._session: aiohttp.ClientSession | None = None

    def verifier(self, *, clock: Callable[[], float], wall_clock: Callable[[], float]) -> "JWTVerifier | None":
        """Return what verifies its tokens; None where there is no issuer.

        `clock` says how old keys are, `wall_clock` the time that is meant in a token; both in seconds.
        """
        jwt = self._settings
        if not (jwt.issuer and jwt.audience and jwt.jwks_url):
            return None
        # Loaded only for servers that take tokens: the cryptography behind them takes a twentieth of the start.
        from web.auth.jwks import JWKSet
        from web.auth.jwt import JWTVerifier

        algorithms = jwt.algorithms.split()
        return JWTVerifier(
            JWKSet(
                jwt.jwks_url,
                self._fetch,
                algorithms=algorithms,
                max_stale_seconds=jwt.keys_max_stale_seconds,
                clock=clock,
            ),
            issuer=jwt.issuer,
            audience=jwt.audience,
            algorithms=algorithms,
            leeway_seconds=jwt.leeway_seconds,
            scopes=SCOPES,
            clock=wall_clock,
        )

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Hold a session for the token issuer's keys, apart from the one that carries the sources' credentials."""
        async with open_session() as self._session:
            yield

    async def check(self) -> tuple[str, bool] | None:
        """Return what comes from the token issuer's address, and whether it is of use; None where none is set."""
        jwt = self._settings
        if not jwt.jwks_url:
            return None
        from web.auth.jwk import read_jwks  # as above

        try:
            count = len(read_jwks(await self._fetch(jwt.jwks_url), jwt.algorithms.split()))
        except (ValueError, RecursionError):
            return "JWT_JWKS_URL: something else came than a key set", False
        except (OSError, aiohttp.ClientError) as error:
            reason = f" ({error})" if type(error) is ConnectionError else ""
            return f"JWT_JWKS_URL: cannot be reached, or does not answer{reason}", False
        found = f"JWT_JWKS_URL: {count} {'key' if count == 1 else 'keys'} that can be used with JWT_ALGORITHMS"
        return found, count > 0

    async def _fetch(self, url: str) -> bytes:
        if self._session is None:
            raise RuntimeError("the session for the token issuer is not open")
        timeout = aiohttp.ClientTimeout(total=KEY_SET_SECONDS)
        try:
            async with self._session.get(url, allow_redirects=False, timeout=timeout) as response:
                if response.status != 200:
                    raise ValueError("the status is not 200")
                body = await response.content.read(MAX_KEY_SET_BYTES)
                while chunk := await response.content.read(MAX_KEY_SET_BYTES):
                    body += chunk
                    if len(body) > MAX_KEY_SET_BYTES:
                        raise ValueError("too large")
                return body
        except aiohttp.ClientConnectionError as error:
            raise ConnectionError(failure_reason(error)) from None
