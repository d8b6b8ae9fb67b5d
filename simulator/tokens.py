"""Nexudus, "Token authentication (OAuth)": bearer tokens and the rotating refresh token of each client id."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Granted:
    """A pair of tokens as given to a client."""

    access: str
    refresh: str


class Tokens:
    """Tokens are opaque, and the same for the same seed and the same order of requests."""

    def __init__(self, seed: int, clock: Callable[[], float]) -> None:
        """Take the seed of the tokens' texts, and a clock in seconds."""
        self._seed = seed
        self._clock = clock
        self._count = 0
        self._access: dict[str, float] = {}
        self._refresh: dict[str, tuple[str, float]] = {}

    def grant(self, client_id: str, access_ttl: float, refresh_ttl: float) -> Granted:
        """Make a new pair; the client id's earlier refresh token dies, earlier access tokens live on."""
        now = self._clock()
        granted = Granted(self._next("access"), self._next("refresh"))
        self._access[granted.access] = now + access_ttl
        self._refresh[client_id] = (granted.refresh, now + refresh_ttl)
        return granted

    def may_refresh(self, client_id: str, refresh_token: str) -> bool:
        """Return whether this is the client id's present refresh token, and still alive."""
        token, expires = self._refresh.get(client_id, ("", 0.0))
        return bool(token) and token == refresh_token and self._clock() < expires

    def is_valid(self, access_token: str) -> bool:
        """Return whether a bearer token opens the API now."""
        expires = self._access.get(access_token)
        return expires is not None and self._clock() < expires

    def expire_access(self) -> None:
        """Make every present access token invalid."""
        self._access.clear()

    def expire_refresh(self) -> None:
        """Make every present refresh token invalid."""
        self._refresh.clear()

    def clear(self) -> None:
        """Forget all tokens and start counting again."""
        self.expire_access()
        self.expire_refresh()
        self._count = 0

    def _next(self, kind: str) -> str:
        self._count += 1
        digest = hashlib.sha256(f"{self._seed} {self._count}".encode()).hexdigest()
        return f"simulated-{kind}-{digest}"
