"""Points in time as vendors write them."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

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
    if type_ is not Timestamp or type(value) is not str:
        raise TypeError("unexpected JSON type")
    try:
        moment = _moment(value)
        if moment.tzinfo is UTC:  # as nearly all are: one call less for each
            return moment
    except ValueError:
        pass
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
