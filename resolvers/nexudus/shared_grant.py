"""One sign-in for all processes that share a database: who needs the next token first gets it, and the others take it.

What is kept is encrypted with a key made of the password, so that a copy of the database is of no use without it. Who
has the password could sign in anyway.
"""

import asyncio
import hashlib
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import msgspec

from loans import GrantStore
from resolvers.errors import UpstreamBadResponse, UpstreamError, UpstreamForbidden, UpstreamUnauthorized
from resolvers.settings import Secret

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

CLAIM_SECONDS: Final = 5.0
"""For so long the others wait for the process that signs in; it may have died."""

LONGEST_WAIT_SECONDS: Final = 8.0
POLL_SECONDS: Final = 0.1

_VERSION: Final = b"1"
_SALT_BYTES: Final = 16
_NONCE_BYTES: Final = 12
_COST = 2**15  # of scrypt: 32 MB and a tenth of a second for each password that somebody tries
_REFUSALS: Final = {kind.code: kind for kind in (UpstreamUnauthorized, UpstreamForbidden, UpstreamBadResponse)}


class Kept(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a sign-in gave: tokens, or a refusal, after which nobody tries again for `pause_seconds`.

    Durations count from the moment at which it was written. A refresh token goes with the client id.
    """

    client_id: str
    access_token: str | None = None
    refresh_token: str | None = None
    life_seconds: float = 0.0
    refusal: str | None = None
    status: int | None = None
    refusals: int = 0
    pause_seconds: float = 0.0

    @property
    def use_seconds(self) -> float:
        """For how long it is of use."""
        return self.life_seconds if self.access_token else self.pause_seconds

    @property
    def failure(self) -> type[UpstreamError] | None:
        """What the refusal was, if it was one."""
        return _REFUSALS.get(self.refusal or "")


class Found(msgspec.Struct, frozen=True):
    """What was kept, how old it is, and whether it is for this process to sign in."""

    number: int
    kept: Kept | None
    age_seconds: float
    is_mine: bool


class SharedGrant:
    """What is kept of one user's sign-in at one address."""

    def __init__(self, store: GrantStore, url: str, username: str, password: Secret) -> None:
        self._store = store
        self._account = f"{url}\n{username}".encode()
        self._password = password
        self._key: tuple[bytes, str, AESGCM] | None = None
        """With the salt and the password that it was made of."""

    async def find(self, known: int) -> Found | None:
        """Return what is newer than the `known` one, as soon as there is, or the claim to it; None if nobody tells."""
        with suppress(Exception):
            async with asyncio.timeout(LONGEST_WAIT_SECONDS):
                while True:
                    claim = await self._store.claim(known, seconds=CLAIM_SECONDS)
                    if claim.is_mine or claim.number > known:
                        kept = await self._open(claim.sealed) if claim.sealed else None
                        if claim.is_mine or (kept is not None and claim.age_seconds < kept.use_seconds):
                            return Found(claim.number, kept, claim.age_seconds, claim.is_mine)
                        known = claim.number  # it is over, or another password's
                    else:
                        await asyncio.sleep(POLL_SECONDS)
        return None

    async def write(self, kept: Kept) -> int | None:
        """Keep it for all, after a claim; return its number, None if it could not be kept."""
        with suppress(Exception):
            return await self._store.write(await self._seal(kept))
        return None

    async def release(self) -> None:
        """Let another process try."""
        with suppress(Exception):
            await self._store.release()

    async def _open(self, sealed: bytes) -> Kept | None:
        version, salt, rest = sealed[:1], sealed[1 : 1 + _SALT_BYTES], sealed[1 + _SALT_BYTES :]
        if version != _VERSION:
            return None
        from cryptography.exceptions import InvalidTag

        try:
            text = (await self._cipher(salt)).decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], self._account)
            return msgspec.json.decode(text, type=Kept)
        except (InvalidTag, ValueError, msgspec.MsgspecError):
            return None

    async def _seal(self, kept: Kept) -> bytes:
        salt = self._key[0] if self._key else os.urandom(_SALT_BYTES)
        nonce = os.urandom(_NONCE_BYTES)
        sealed = (await self._cipher(salt)).encrypt(nonce, msgspec.json.encode(kept), self._account)
        return _VERSION + salt + nonce + sealed

    async def _cipher(self, salt: bytes) -> "AESGCM":
        """Return what encrypts; to make a key takes a tenth of a second, so that nobody can try many passwords."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # a process on its own never loads it

        password = self._password.reveal()
        if self._key is None or self._key[:2] != (salt, password):
            self._key = salt, password, AESGCM(await asyncio.to_thread(_derive, password, salt))
        return self._key[2]


def _derive(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=_COST, r=8, p=1, maxmem=2**26, dklen=32)
