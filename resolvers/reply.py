"""From the bytes of one HTTP reply to a meaning. Pure: no socket, no clock.

`decipher` tells an answer from a missing record from each kind of failure, by status and headers; `decode` makes a
typed record of a body. What both vendors document, and what was seen of them, differs little enough for one table.
"""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import msgspec

from httpclient.response import BYTE_ORDER_MARK, Response
from resolvers.errors import (
    UpstreamBadResponse,
    UpstreamError,
    UpstreamForbidden,
    UpstreamRateLimited,
    UpstreamUnauthorized,
    UpstreamUnavailable,
)
from resolvers.timestamp import Timestamp as Timestamp  # which records import from here, beside `decoder`
from resolvers.timestamp import decode_hook

T = TypeVar("T")

THROTTLED = frozenset({409, 429})
"""Nexudus documents 409 and was seen to send 429 (its page on API limitations); ChartMogul sends 429."""

ASK_AGAIN = frozenset({408, 421, 425})
"""Statuses of a source that is well, and wants the same request again: on another connection, or somewhat later. (RFC
9110, 15.5.9 and 15.5.20; RFC 8470, 5.2.) Nothing is ever sent as early data here."""


def decipher(source: str, reply: Response, *, now: datetime | None = None) -> bytes | None:
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


def retry_after_seconds(reply: Response, now: datetime) -> float | None:
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
    return msgspec.json.Decoder(type_, strict=False, dec_hook=decode_hook)


def decode(source: str, how: msgspec.json.Decoder[T], body: bytes | msgspec.Raw) -> T:
    """Return the typed value of a JSON body; raises `UpstreamBadResponse` for anything else.

    A byte order mark is skipped (RFC 8259, 8.1). Half a surrogate pair and bytes that are not UTF-8 are read as U+FFFD,
    as the decoders of the WHATWG's Encoding Standard do: a text that a vendor has cut inside an emoji costs this
    character, not the record.
    """
    try:
        try:
            return how.decode(body)
        except (msgspec.MsgspecError, ValueError):
            if (mended := _mended(bytes(body))) is None:
                raise
            return how.decode(mended)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        # msgspec names the place and the types, not the value. Other texts might hold a piece of the body.
        detail = str(error) if isinstance(error, msgspec.MsgspecError) else type(error).__name__
        raise UpstreamBadResponse(source, detail=detail) from None


MOST_NESTED = 100
"""Objects and lists within one another in a value whose form a vendor leaves open. msgspec reads deeper than any writer
of JSON goes: what is read must be writable."""


def check_nesting(value: Any) -> None:
    """Raise `ValueError` for a JSON value that is nested too deeply."""
    level = [value]
    for _ in range(MOST_NESTED + 1):
        level = [one for one in level if isinstance(one, dict | list)]
        if not level:
            return
        level = [inner for one in level for inner in (one.values() if isinstance(one, dict) else one)]
    raise ValueError("nested too deeply")


def readable(body: bytes) -> bytes:
    """Return JSON that any reader takes: without a byte order mark, and with U+FFFD for what is no Unicode text."""
    mended = _mended(body)
    return body if mended is None else mended


_HALF = re.compile(rb"\\u[dD][89a-fA-F]")
_ESCAPE = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<half>\\u[dD][89a-fA-F][0-9a-fA-F]{2})|\\."
)


def _mended(body: bytes) -> bytes | None:
    """Return JSON without its byte order mark and with U+FFFD for what is no character; None if nothing is to mend."""
    mended = body.removeprefix(BYTE_ORDER_MARK)
    try:
        mended.decode()
    except UnicodeDecodeError:
        mended = mended.decode(errors="replace").encode()
    if _HALF.search(mended):
        mended = _ESCAPE.sub(lambda found: b"\\ufffd" if found["half"] else found[0], mended)
    return mended if mended != body else None
