"""Bearer tokens of frontends: JSON Web Tokens (RFC 7519) as an OpenID Connect issuer signs them.

Follows the best current practices of RFC 8725: algorithms are pinned and asymmetric; issuer, audience and expiry are
required. What a token allows is what it says in `scope` (RFC 8693, RFC 9068) or, at some issuers, `scp`.
"""

from collections.abc import Callable, Collection
from contextlib import suppress
from time import time
from typing import Any, Final

import jwt
from jwt.exceptions import PyJWTError
from jwt.types import Options

from web.auth.jwks import JWKSet
from web.auth.verified_tokens import BearerToken, VerifiedToken, VerifiedTokens

LONGEST_TOKEN: Final = 8_000
"""Characters. Issuers that put groups into tokens write up to some thousand."""

_CHECKED: Final[Options] = {
    "require": ["exp", "iss", "aud"],
    # At each use, with the clock given: `VerifiedToken.is_valid`.
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
}


class JWTVerifier:
    """Checks tokens of one issuer, meant for one audience. `scopes` are those that mean anything to this server."""

    def __init__(
        self,
        keys: JWKSet,
        *,
        issuer: str,
        audience: str,
        algorithms: Collection[str],
        leeway_seconds: float,
        scopes: Collection[str],
        clock: Callable[[], float] = time,
    ) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._algorithms = frozenset(algorithms)
        self._leeway_seconds = leeway_seconds
        self._scopes = frozenset(scopes)
        self._clock = clock
        self._verified = VerifiedTokens()
        self._version = keys.version

    async def scopes(self, token: BearerToken) -> frozenset[str] | None:
        """Return what a token allows, None where it is not valid; raises `HTTPError` if it cannot be checked."""
        known = self._verified.find(token.digest)
        # Settled before any key is looked for: a forged header must not cause a fetch.
        if known is None and self._header(token.text) is None:
            return None
        await self._keys.ready()
        if self._keys.version != self._version:
            self._verified.clear()
            self._version, known = self._keys.version, None
        now = self._clock()
        if known is None or not known.is_recent(now):
            known = await self._verify(token.text, now)
            if known is None:
                return None
            if known.is_valid(now, self._leeway_seconds):
                self._verified.add(token.digest, known)
        return known.scopes if known.is_valid(now, self._leeway_seconds) else None

    def reason(self, token: BearerToken) -> str:
        """Return why a token is not valid, in a sentence for the log, without anything that stands in it."""
        header = self._header(token.text)
        if header is None:
            return "The token is malformed, or signed by an algorithm that JWT_ALGORITHMS does not list."
        try:
            claims = self._claims(token.text, *header)
            if claims is None:
                return "No key of JWT_JWKS_URL fits the token's signature."
            now = self._clock()
            if (past := now - int(claims["exp"])) > 0:
                return f"The token expired {past:.0f} s ago, by this machine's clock."
            ahead = max(int(claims.get(name, 0)) for name in ("nbf", "iat")) - now
            return f"The token is not valid until {ahead:.0f} s from now, by this machine's clock."
        except jwt.InvalidIssuerError:
            return "The token is of another issuer than JWT_ISSUER."
        except jwt.InvalidAudienceError:
            return "The token is for another audience than JWT_AUDIENCE."
        except (PyJWTError, ValueError, TypeError, OverflowError, RecursionError):
            return "The token lacks a claim, or one is malformed: exp, iss and aud are required."

    def _header(self, token: str) -> tuple[str | None, str] | None:
        """Return the key id and the algorithm that a token names, None where it cannot be valid."""
        if not token.isascii() or len(token) > LONGEST_TOKEN:
            return None
        try:
            header = jwt.get_unverified_header(token)
        except (PyJWTError, ValueError, RecursionError):
            return None
        algorithm = header.get("alg")
        if not isinstance(algorithm, str) or algorithm not in self._algorithms:
            return None
        return header.get("kid"), algorithm

    async def _verify(self, token: str, now: float) -> VerifiedToken | None:
        header = self._header(token)
        assert header
        try:
            claims = self._claims(token, *header)
            if claims is None and await self._keys.refresh():
                claims = self._claims(token, *header)
            if claims is None:
                return None
            return VerifiedToken(
                _scopes(claims) & self._scopes,
                not_before=max(int(claims.get(name, 0)) for name in ("nbf", "iat")),
                expires_at=int(claims["exp"]),
                verified_at=now,
            )
        except (PyJWTError, ValueError, TypeError, OverflowError, RecursionError):
            return None

    def _claims(self, token: str, key_id: str | None, algorithm: str) -> dict[str, Any] | None:
        """Return what a token says, None where no key fits its signature; raises what PyJWT does for bad claims."""
        for key in self._keys.find(key_id, algorithm):
            with suppress(jwt.InvalidSignatureError):  # of another key with the same id, perhaps
                return jwt.decode(
                    token,
                    key.value,
                    algorithms=[algorithm],
                    issuer=self._issuer,
                    audience=self._audience,
                    options=_CHECKED,
                )
        return None


def _scopes(claims: dict[str, Any]) -> frozenset[str]:
    found: set[str] = set()
    for claim in (claims.get("scope"), claims.get("scp")):
        if isinstance(claim, str):
            found.update(claim.split())
        elif isinstance(claim, list):
            found.update(entry for entry in claim if isinstance(entry, str))
    return frozenset(found)
