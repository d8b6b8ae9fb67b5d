"""Tokens that have been verified, by SHA-256: to verify a signature costs more than all else that a request needs.

Nothing of a token is held but its hash, what it allows, and when. Refused tokens are not remembered: anybody can send
as many as they like.
"""

from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from lru import LRU

VERIFIED_SECONDS: Final = 300.0
"""How long a verification is relied on, at most."""

MAX_TOKENS: Final = 10_000
"""Half a kilobyte each, however long a token's list of scopes is: the server keeps only those it knows."""


@dataclass(frozen=True, slots=True)
class BearerToken:
    """A token as it was sent, and its SHA-256 hash, which is made once for all requests with the same head."""

    text: str
    digest: bytes

    @classmethod
    def of(cls, text: str) -> "BearerToken":
        """Return the token with this text."""
        return cls(text, sha256(text.encode("utf-8", "surrogatepass")).digest())


@dataclass(frozen=True, slots=True)
class VerifiedToken:
    """What a token with a good signature says: what it allows, from when until when (seconds since 1970)."""

    scopes: frozenset[str]
    not_before: int
    expires_at: int
    verified_at: float

    def is_valid(self, now: float, leeway_seconds: float) -> bool:
        """Return whether the token may be used now (RFC 7519, 4.1.4 to 4.1.6)."""
        return self.not_before <= now + leeway_seconds and self.expires_at > now - leeway_seconds

    def is_recent(self, now: float) -> bool:
        """Return whether it need not be verified again. After the clock was set back it must be."""
        return 0 <= now - self.verified_at < VERIFIED_SECONDS


class VerifiedTokens:
    """Verified tokens by hash, the least recently used evicted first."""

    def __init__(self, max_tokens: int = MAX_TOKENS) -> None:
        self._tokens: LRU[bytes, VerifiedToken] = LRU(max_entries=max_tokens)

    def __len__(self) -> int:
        return len(self._tokens)

    def find(self, digest: bytes) -> VerifiedToken | None:
        """Return the token with this hash, if it has been verified."""
        return self._tokens.get(digest)

    def add(self, digest: bytes, token: VerifiedToken) -> None:
        """Remember a token."""
        self._tokens.put(digest, token)

    def clear(self) -> None:
        """Forget all."""
        self._tokens.clear()
