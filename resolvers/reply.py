"""From the bytes of one HTTP reply to a meaning. Pure: no socket, no clock.

`decipher` tells an answer from a missing record from each kind of failure, by status and headers; `decode` makes a
typed record of a body. What both vendors document, and what was seen of them, differs little enough for one table.
"""

import re
from datetime import UTC, datetime, timedelta
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
        """Return what a vendor's text means: ISO 8601 and RFC 3339, any number of fractional digits.

        Without a zone it is UTC. Digits beyond microseconds are dropped. `24:00:00` is the next day's midnight, and so
        is a leap second, which no `datetime` can name. Raises `ValueError`, and `TypeError` for what is no text.
        """
        try:
            moment = _moment(text)
        except ValueError:
            return _unusual_moment(text)
        if moment.tzinfo is UTC:
            return moment
        if moment.tzinfo is None:
            return moment.replace(tzinfo=UTC)
        try:
            return moment.astimezone(UTC)
        except OverflowError:
            raise ValueError("before the first year, or after the last") from None


def decode_hook(type_: type, value: Any) -> Any:
    """Return what a `Timestamp` field is (msgspec's `dec_hook`); raises what msgspec makes its own error of."""
    try:
        if type_ is Timestamp and (moment := _moment(value)).tzinfo is UTC:  # as nearly all are: one call for each
            return moment
    except (ValueError, TypeError):
        pass
    if type_ is not Timestamp or type(value) is not str:
        raise TypeError("unexpected JSON type")
    try:
        return Timestamp.of(value)
    except ValueError:
        raise ValueError("not a point in time") from None  # Python's own words repeat the value


_UNUSUAL = re.compile(
    r"(?P<date>[0-9W-]{7,10})[Tt ](?P<hour>[0-9]{2})(?P<colon>:?)(?P<minute>[0-9]{2})"
    r"(?:(?P=colon)(?P<second>[0-9]{2})(?P<fraction>[.,][0-9]+)?)?(?P<zone>[Zz]|[+-][0-9:]{2,8})?",
    re.ASCII,
)


def _unusual_moment(text: str) -> datetime:
    """Return the moment of a text that Python does not read: `z` (RFC 3339, 5.6), 24:00:00 (ISO 8601), 23:59:60."""
    found = _UNUSUAL.fullmatch(text)
    if found is None:
        raise ValueError("not a point in time")
    hour, minute, second = found["hour"], found["minute"], found["second"] or "00"
    fraction, later, is_leap = found["fraction"] or "", timedelta(0), second == "60"
    if is_leap:
        second, later = "59", timedelta(seconds=1)
    elif hour == "24" and minute == second == "00" and not fraction.strip(".,0"):
        hour, later = "00", timedelta(days=1)
    try:
        usual = f"{found['date']}T{hour}:{minute}:{second}{fraction}{(found['zone'] or 'Z').upper()}"
        moment = (_moment(usual) + later).astimezone(UTC)
    except OverflowError:
        raise ValueError("before the first year, or after the last") from None
    # RFC 3339, 5.7: only the last minute of a month, in UTC, may have one second more.
    if is_leap and (moment.day, moment.hour, moment.minute, moment.second) != (1, 0, 0, 0):
        raise ValueError("a minute has no 61st second")
    return moment


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
