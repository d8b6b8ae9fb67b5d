"""What Nexudus' token endpoint answers: a grant, or a refusal with status 200. Pure."""

from contextlib import suppress
from math import isfinite
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from resolvers.errors import UpstreamBadResponse, UpstreamUnauthorized
from resolvers.nexudus.record import SOURCE
from resolvers.reply import decode, decoder

_SHORTEST_LIFE_SECONDS = 60.0
"""A token that is said to end sooner is used all the same, or every request would be preceded by a sign-in."""


_UNKNOWN_LIFE_SECONDS = 1200.0
"""For a grant that does not say it; Nexudus' page promises no more than "minutes or hours"."""


class Grant(msgspec.Struct):
    """An access token, and perhaps the refresh token that gives the next one."""

    access_token: Annotated[str, Meta(pattern=r"^[\x21-\x7e]+$", max_length=16_384)]  # it becomes part of a header
    expires_in: msgspec.Raw = msgspec.Raw(b"null")  # which may be anything
    refresh_token: Any = None

    @property
    def life_seconds(self) -> float:
        """How long the access token may be used, whatever `expires_in` is."""
        try:
            life = float(bytes(self.expires_in).strip(b'"'))
        except ValueError:
            return _UNKNOWN_LIFE_SECONDS
        return max(life, _SHORTEST_LIFE_SECONDS) if isfinite(life) else _UNKNOWN_LIFE_SECONDS


class _Refusal(msgspec.Struct):
    error: str


_GRANT = decoder(Grant)
_REFUSAL = decoder(_Refusal)


def parse_grant(body: bytes, kind: str) -> Grant:
    """Return the grant; raises `UpstreamUnauthorized` for a refusal with status 200, `UpstreamBadResponse` else."""
    try:
        return decode(SOURCE, _GRANT, body)
    except UpstreamBadResponse:
        with suppress(UpstreamBadResponse):
            decode(SOURCE, _REFUSAL, body)
            raise UpstreamUnauthorized(SOURCE, status=200, detail=f"{kind} was refused") from None
        raise
