"""From the bytes of one HTTP reply to a meaning. Pure: no socket, no clock.

`decipher` tells an answer from a missing record from each kind of failure, by status and headers; `decode` makes a
typed record of a body. What both vendors document, and what was seen of them, differs little enough for one table.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import msgspec

from resolvers.errors import (
    UpstreamBadResponse,
    UpstreamError,
    UpstreamForbidden,
    UpstreamRateLimited,
    UpstreamUnauthorized,
    UpstreamUnavailable,
)

T = TypeVar("T")

THROTTLED = frozenset({409, 429})
"""Nexudus documents 409 and was seen to send 429 (its page on API limitations); ChartMogul sends 429."""

ASK_AGAIN = frozenset({408, 421, 425})
"""Statuses of a source that is well, and wants the same request again: on another connection, or somewhat later. (RFC
9110, 15.5.9 and 15.5.20; RFC 8470, 5.2.) Nothing is ever sent as early data here."""


class Headers:
    """Headers as they came. Nothing is made of them before somebody looks: of most replies nobody does."""

    __slots__ = ("_lines",)

    def __init__(self, lines: Sequence[tuple[bytes, bytes]]) -> None:
        self._lines = lines

    def get(self, name: str, default: str = "", /) -> str:
        """Look up without regard to case; of several with one name, the first."""
        wanted = name.lower().encode()
        for given, value in self._lines:
            if given.lower() == wanted:
                return value.decode("latin-1").strip()
        return default


@dataclass(slots=True)
class Reply:
    """One HTTP reply: status, headers (looked up without regard to case), and the whole body."""

    status: int
    headers: Headers | Mapping[str, str]
    body: bytes


_moment = datetime.fromisoformat


class _AnyDatetime(type):
    """Lets msgspec take every `datetime` for what was to be decoded."""

    __instancecheck__ = datetime.__instancecheck__  # no function of ours: it is called for each value


class Timestamp(datetime, metaclass=_AnyDatetime):
    """The type of a record's field that is a point in time: a `datetime` in UTC.

    A type of its own only for the decoding: vendors send ISO 8601, of which msgspec by itself knows no more than RFC
    3339, and it rounds.
    """

    @staticmethod
    def of(text: str) -> datetime:
        """Return what a vendor's text means: ISO 8601, 0 to 7 fractional digits; without a zone it is UTC.

        Digits beyond microseconds are dropped. Raises `ValueError`, and `TypeError` for what is no text.
        """
        moment = _moment(text)
        if moment.tzinfo is UTC:
            return moment
        if moment.tzinfo is None:
            return moment.replace(tzinfo=UTC)
        try:
            return moment.astimezone(UTC)
        except OverflowError:
            raise ValueError("before the first year, or after the last") from None


def decipher(source: str, reply: Reply, *, now: datetime | None = None) -> bytes | None:
    """Return the body of an answer, or None where the source says that there is no such record.

    `now` is what a `Retry-After` date is counted from. Raises the `UpstreamError` that the status means. Error bodies
    are looked at only for Nexudus' "Ooops!", a server fault that it also sends as 400, and for its "Wait N seconds".
    """
    status = reply.status
    if status == 200:
        return reply.body
    if status == 404:
        # A web page is not a vendor's 404: a proxy, or a wrong base URL, would make every record "missing".
        if reply.headers.get("Content-Type", "").lower().startswith("text/html"):
            raise UpstreamBadResponse(source, detail="a web page with status 404: is the base URL right?")
        return None
    error: type[UpstreamError]
    if status in THROTTLED:
        error = UpstreamRateLimited
    elif status == 401:
        error = UpstreamUnauthorized
    elif status in (402, 403):
        error = UpstreamForbidden
    elif status >= 500 or status in ASK_AGAIN or (status == 400 and b"Ooops!" in reply.body[:1000]):
        error = UpstreamUnavailable
    else:
        error = UpstreamBadResponse
    wait = retry_after_seconds(reply, now or datetime.now(UTC))
    raise error(source, status=status, retry_after_seconds=wait)


def retry_after_seconds(reply: Reply, now: datetime) -> float | None:
    """Return the wait that the source asks for, in seconds: `Retry-After` (RFC 9110 10.2.3), or "Wait N seconds"."""
    text = reply.headers.get("Retry-After", "").strip()
    if re.fullmatch(r"[0-9]{1,9}", text):
        return float(text)
    if text:
        try:
            when = parsedate_to_datetime(text)
        except (ValueError, OverflowError):
            return None
        return max(0.0, (when.replace(tzinfo=when.tzinfo or UTC) - now).total_seconds())
    if reply.status in THROTTLED and (found := re.search(rb"([0-9]{1,6}) seconds", reply.body[:1000])):
        return float(found[1])
    return None


def decoder(type_: type[T]) -> msgspec.json.Decoder[T]:
    """Return a JSON decoder for `type_` that knows `Timestamp` and takes `"123"` for `123`."""
    return msgspec.json.Decoder(type_, strict=False, dec_hook=_decode_hook)


def decode(source: str, how: msgspec.json.Decoder[T], body: bytes | msgspec.Raw) -> T:
    """Return the typed value of a JSON body; raises `UpstreamBadResponse` for anything else."""
    try:
        return how.decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        # msgspec names the place and the types, not the value. Other texts might hold a piece of the body.
        detail = str(error) if isinstance(error, msgspec.MsgspecError) else type(error).__name__
        raise UpstreamBadResponse(source, detail=detail) from None


def _decode_hook(type_: type, value: Any) -> Any:
    if type_ is not Timestamp or type(value) is not str:
        raise TypeError("unexpected JSON type")
    try:
        moment = _moment(value)
        return moment if moment.tzinfo is UTC else Timestamp.of(value)
    except ValueError:
        raise ValueError("not a point in time") from None  # Python's own words repeat the value
