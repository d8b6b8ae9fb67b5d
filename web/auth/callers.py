"""Who is calling, and how that is told from a request's headers.

Three kinds of credentials, each in a header of its own:

    Authorization: Bearer <token>     a frontend, for its user (RFC 6750); `web/auth/jwt.py`
    X-API-Key: <key>                  a machine; `web/auth/api_keys.py`
    X-Gateway-Key: <key>              a GraphQL gateway, perhaps with its user's token beside it

A refusal is always the same, whichever part of a credential was wrong: a stranger learns nothing from trying.
"""

from collections.abc import Callable
from functools import lru_cache, partial
from hashlib import sha256
from typing import Literal, NamedTuple, Protocol

from httpserver.http_errors import HTTPError
from httpserver.request import Headers, HttpRequest
from web.auth.api_keys import ApiKeys
from web.auth.verified_tokens import BearerToken

Kind = Literal["nobody", "frontend", "machine", "gateway"]

CHALLENGE = {"WWW-Authenticate": 'Bearer realm="opportunity-graph"'}
ONLY_LOCALLY = "This server answers callers without credentials only locally, and not through a proxy."
API_KEY = "X-API-Key"
GATEWAY_KEY = "X-Gateway-Key"


class Caller(NamedTuple):  # caches are keyed by it, and a tuple's hash takes no call
    """Who calls, and what it may see. `has_ambient_authority`: it proved nothing, where it calls from was enough."""

    kind: Kind
    scopes: frozenset[str]
    has_ambient_authority: bool = False


class Tokens(Protocol):
    """Checks bearer tokens."""

    async def scopes(self, token: BearerToken) -> frozenset[str] | None:
        """Return what a token allows, None where it is not valid; raises `HTTPError` if it cannot be checked."""

    def reason(self, token: BearerToken) -> str:
        """Return why a token is not valid, in a sentence for the log, without anything that stands in it."""


class Callers:
    """Tells who calls. `nobody` is who calls without a credential; None where one is required."""

    def __init__(
        self,
        *,
        nobody: Caller | None,
        tokens: Tokens | None = None,
        api_keys: ApiKeys | None = None,
        gateway_keys: ApiKeys | None = None,
        may_be_nobody: Callable[[HttpRequest], bool] = lambda _: True,
    ) -> None:
        """`may_be_nobody` tells whether a request without a credential comes from where none is needed."""
        self._nobody = nobody
        self._tokens = tokens
        self._api_keys = api_keys
        self._gateway_keys = gateway_keys
        self._may_be_nobody = may_be_nobody

    async def identify(self, request: HttpRequest) -> Caller:
        """Return who sends the request; raises `HTTPError`.

        A credential of a kind that is not configured counts as none: a proxy may pass on headers of its own.
        """
        gateway_key, api_key, token = request.headers.memoized(self._credentials)
        if gateway_key is not None:
            return await self._gateway(gateway_key, token)
        if api_key is not None:
            return _caller("machine", _known(self._api_keys, api_key))
        if token is not None:
            return _caller("frontend", await self._user(token))
        if self._nobody is None:
            raise unauthenticated()
        if not self._may_be_nobody(request):
            raise HTTPError(403, ONLY_LOCALLY, code="FORBIDDEN")
        return self._nobody

    def credential(self, request: HttpRequest) -> bytes | None:
        """Return what is the same for all requests with one credential, a hash of it, and different for others.

        None for who has none, and for a gateway that names no user: it speaks for many. Raises `HTTPError` as
        `identify` does.
        """
        _, api_key, token = request.headers.memoized(self._credentials)
        if token is not None:
            return token.digest
        return None if api_key is None else sha256(api_key.encode()).digest()

    def settle(self, request: HttpRequest) -> Caller | None:
        """Return who sends every request with this head, if it is nobody: a credential is looked at each time.

        Raises `HTTPError` as `identify` does.
        """
        has_none = not any(request.headers.memoized(self._credentials))
        return self._nobody if has_none and self._may_be_nobody(request) else None

    def _credentials(self, headers: Headers) -> tuple[str | None, str | None, BearerToken | None]:
        """Return the gateway key, the API key and the bearer token that a head carries; raises `HTTPError`."""
        gateway_key = _one(headers, GATEWAY_KEY) if self._gateway_keys else None
        api_key = _one(headers, API_KEY) if self._api_keys else None
        authorization = _one(headers, "Authorization") if self._tokens else None
        if api_key is not None and (gateway_key is not None or authorization is not None):
            raise unauthenticated()
        return gateway_key, api_key, None if authorization is None else _bearer_token(authorization)

    async def _gateway(self, key: str, token: BearerToken | None) -> Caller:
        """Return the gateway; where it passes on its user's token, with no more than that user may see."""
        scopes = _known(self._gateway_keys, key)
        return _caller("gateway", scopes if token is None else scopes & await self._user(token))

    async def _user(self, token: BearerToken) -> frozenset[str]:
        if self._tokens is None:
            raise unauthenticated()
        scopes = await self._tokens.scopes(token)
        if scopes is None:
            raise unauthenticated(partial(self._tokens.reason, token))
        return scopes


def unauthenticated(detail: Callable[[], str] | None = None) -> HTTPError:
    """Return the one refusal of a caller whose credential is missing or wrong; the log gets the `detail` as well."""
    return HTTPError(401, "A valid credential is required.", CHALLENGE, code="UNAUTHENTICATED", detail=detail)


@lru_cache(64)
def _caller(kind: Kind, scopes: frozenset[str]) -> Caller:
    """Return the caller of this kind with these scopes: one object, which is quicker to look up by than equal ones."""
    return Caller(kind, scopes)


def _known(keys: ApiKeys | None, key: str) -> frozenset[str]:
    scopes = keys.scopes(key) if keys else None
    if scopes is None:
        raise unauthenticated()
    return scopes


def _bearer_token(authorization: str) -> BearerToken:
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer":
        raise unauthenticated()
    return BearerToken.of(token.strip())


def _one(head: Headers, name: str) -> str | None:
    """Return a header's value. Two of them could mean one thing to a proxy and another here."""
    values = head.all(name.lower().encode())
    if len(values) > 1:
        raise unauthenticated()
    return values[0].decode("latin-1") if values else None
