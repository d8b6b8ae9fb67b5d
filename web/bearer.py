"""Bearer tokens of frontends: JSON Web Tokens (RFC 7519) as an OpenID Connect issuer signs them.

Follows the best current practices of RFC 8725: algorithms are pinned and asymmetric; issuer, audience and expiry are
required. What a token allows is what it says in `scope` (RFC 8693, RFC 9068) or, at some issuers, `scp`.
"""

from collections.abc import Collection
from typing import Any, Final

import jwt
from jwt.exceptions import PyJWTError

from web.key_set import KeySet

LONGEST_TOKEN: Final = 8_000
"""Characters. Issuers that put groups into tokens write up to some thousand."""


class BearerTokens:
    """Checks tokens of one issuer, meant for one audience."""

    def __init__(
        self, keys: KeySet, *, issuer: str, audience: str, algorithms: Collection[str], leeway_seconds: float
    ) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._algorithms = list(algorithms)
        self._leeway_seconds = leeway_seconds

    async def scopes(self, token: str) -> frozenset[str] | None:
        """Return what a token allows, None where it is not valid; raises `HTTPProblem` if it cannot be checked."""
        if not token.isascii() or len(token) > LONGEST_TOKEN:
            return None
        try:
            header = jwt.get_unverified_header(token)
            # Settled before any key is looked for: a forged header must not cause a fetch.
            if header.get("alg") not in self._algorithms:
                return None
            key = await self._keys.key(header.get("kid"))
            if key is None or key.algorithm_name not in self._algorithms:
                return None
            claims = jwt.decode(
                token,
                key,
                algorithms=self._algorithms,
                issuer=self._issuer,
                audience=self._audience,
                leeway=self._leeway_seconds,
                options={"require": ["exp", "iss", "aud"]},
            )
        except (PyJWTError, ValueError, RecursionError):
            return None
        return _scopes(claims)


def _scopes(claims: dict[str, Any]) -> frozenset[str]:
    found: set[str] = set()
    for claim in (claims.get("scope"), claims.get("scp")):
        if isinstance(claim, str):
            found.update(claim.split())
        elif isinstance(claim, list):
            found.update(entry for entry in claim if isinstance(entry, str))
    return frozenset(found)
