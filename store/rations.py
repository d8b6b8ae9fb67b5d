"""A source's rates and slots, shared by all processes of a database: what each was lent, and what each has sent.

A process reports what it has sent and what it is about to send, and is lent some further requests, for a second or so.
In every window of a rate there are never more requests than it allows: those that were sent count when they were sent,
those that are lent count as sent now. What a process had that does not report again counts as sent at the end of its
loan; and for some time its share of each rate is left alone, for it may go on with that.

Those who wait come first, in equal parts. While somebody waits, nothing is lent ahead or for the background of others:
it would lie there unused, and of a rate of one at a time that is all there is.

Who reports has the row of the source locked until its transaction ends: all others wait for that, so it takes few
round trips. All times are the database's own.
"""

from collections.abc import Sequence
from math import ceil
from typing import Any, Final

from sqlalchemy import Connection, Row, delete, update

from loans import IDLE_LEASE_SECONDS, LEASE_SECONDS, Loan, Report
from store.postgresql import pipeline
from store.ration_book import lock, read
from store.sends import SECOND, add, forget, leaves, of
from store.sequence import insert_into
from store.shared_tables import RATION_HOLDERS, RATIONS

MISSING_SECONDS: Final = 10.0
"""For so long the share of a process that does not report is left alone."""

SETTLING_SECONDS: Final = 2.0
"""After an outage, who comes back first waits so long for the others; they all share again from the same moment on."""

LOOK_AGAIN_SECONDS: Final = 0.04
"""Where only what others are about to send is in the way."""


def report(connection: Connection, key: tuple[str, str], holder: str, given: Report) -> Loan:
    """Take a process's report; return what it is lent."""
    ration = lock(connection, key)
    now, counts, rows = read(connection, key, given.rates)
    others = [row for row in rows if row.holder != holder]
    present = [row for row in others if row.expires_at >= now]
    missing = [row for row in others if row.expires_at < now]
    news = [row for row in missing if row.missing_since is None]
    sends = [(row.expires_at, row.held, 0) for row in news if row.held]
    sends += [(now - int(ago * SECOND), 1, int(is_background)) for ago, is_background in given.sent]
    is_after_outage = given.is_alone and (bool(news) or any(_is_unheard(row, given, now) for row in present))
    signs = _signs(ration, holder, given, now, is_after_outage=is_after_outage)
    is_signed = signs != {name: getattr(ration, name) for name in signs}
    if sends or missing or is_signed:
        with pipeline(connection):
            add(connection, key, sends)
            for row in missing:
                _note_missing(connection, key, row, now)
            if is_signed:
                connection.execute(update(RATIONS).where(*of(RATIONS, key)).values(signs))
    for number, rate in enumerate(given.rates):
        counts[number] += sum(count for at, count, _ in sends if at > now - int(rate.seconds * SECOND))
    left, waits = _left(connection, key, given, counts, present, missing, now)
    lent, waiting = 0, sum(row.is_waiting for row in present)
    if (pause := signs["paused_until"] - now) > 0:
        waits.append(pause / SECOND)
    elif given.wanted and (given.is_waiting or not waiting):
        free = min(left, default=given.wanted)
        lent = max(0, min(given.wanted, ceil(free / (1 + waiting))))
    place = next((row.place for row in rows if row.holder == holder), None)
    if place is None:
        place = min(set(range(len(rows) + 1)) - {row.place for row in rows})
    slots = _slots(given, present)
    values = {
        "place": place,
        "held": given.held + lent,
        "slots": slots,
        "slots_wanted": given.slots_wanted,
        "is_waiting": int(given.is_waiting),
        "is_alone": int(given.is_alone),
        "expires_at": now + int(given.lease_seconds * SECOND),
        "missing_since": None,
    }
    with pipeline(connection):
        _keep(connection, key, holder, values)
        if sends:
            forget(connection, key, now - int((max((rate.seconds for rate in given.rates), default=0) + 1) * SECOND))
    return Loan(
        sends=lent,
        wait_seconds=0.0 if lent else max(waits, default=LOOK_AGAIN_SECONDS),
        slots=slots,
        left=[max(0, free - lent) for free in left],
        pause_seconds=max(0, pause) / SECOND,
        failing_seconds=0.0 if signs["failing_for"] == holder else max(0, signs["failing_until"] - now) / SECOND,
        others_wait=waiting > 0,
        settling_seconds=max(0, signs["settled_at"] - now) / SECOND,
        keeps_turns=bool(missing) or any(row.is_alone for row in present),
        place=place,
        places=max([place, *(row.place for row in others)]) + 1,
        now=now / SECOND,
    )


def withdraw(connection: Connection, key: tuple[str, str], holder: str) -> None:
    """Give everything back: the process has reported all, and sends nothing any more."""
    lock(connection, key)
    connection.execute(delete(RATION_HOLDERS).where(*of(RATION_HOLDERS, key), RATION_HOLDERS.c.holder == holder))


def _note_missing(connection: Connection, key: tuple[str, str], row: Row[Any], now: int) -> None:
    """Note that a process has not reported in time; what it held counts as sent by now. Forget it after some time."""
    its_row = (*of(RATION_HOLDERS, key), RATION_HOLDERS.c.holder == row.holder)
    if row.missing_since is None:
        connection.execute(update(RATION_HOLDERS).where(*its_row).values(held=0, slots=0, missing_since=now))
    elif now - int(row.missing_since) > MISSING_SECONDS * SECOND:
        connection.execute(delete(RATION_HOLDERS).where(*its_row))


def _is_unheard(row: Row[Any], given: Report, now: int) -> bool:
    """Return whether another may not have reported since the outage of this one began, and be on its own as well."""
    if row.expires_at > now + int(LEASE_SECONDS * SECOND):  # it was idle, and need not report for long
        return bool(row.expires_at - int(IDLE_LEASE_SECONDS * SECOND) < now - int(given.alone_seconds * SECOND))
    return given.alone_seconds > IDLE_LEASE_SECONDS - LEASE_SECONDS


def _signs(ration: Row[Any], holder: str, given: Report, now: int, *, is_after_outage: bool) -> dict[str, Any]:
    """Return what all are told: until when the source is not asked, fails, and who was on its own stays so."""
    paused_until = now + int(given.pause_seconds * SECOND) if given.pause_seconds else 0
    failing = (ration.failing_until, ration.failing_for or "")
    if given.failing_seconds:
        failing = max(failing, (now + int(given.failing_seconds * SECOND), holder))
    is_settled = ration.settled_at > now - int(given.alone_seconds * SECOND)  # once for an outage
    return {
        "paused_until": max(ration.paused_until, paused_until),
        "failing_until": failing[0],
        "failing_for": failing[1] or None,
        "settled_at": now + int(SETTLING_SECONDS * SECOND) if is_after_outage and not is_settled else ration.settled_at,
    }


def _left(
    connection: Connection,
    key: tuple[str, str],
    given: Report,
    counts: Sequence[int],
    present: Sequence[Row[Any]],
    missing: Sequence[Row[Any]],
    now: int,
) -> tuple[list[int], list[float]]:
    """Return what each rate has left, below 0 where it is overdrawn, and how many seconds to wait for those without."""
    left, waits = [], []
    held = given.held + sum(row.held for row in present)
    alone = 0 if given.is_alone else sum(row.is_alone for row in present)
    for rate, count in zip(given.rates, counts, strict=True):
        part = int(rate.limit * given.share)
        # A rate that has no parts goes by turns while somebody may be on its own: nothing of it need be left alone.
        free = rate.limit - count - held - part * (len(missing) + alone)
        left.append(free)
        if free <= 0:
            moment = leaves(connection, key, rate, now, beside=given.held)
            waits.append(max(LOOK_AGAIN_SECONDS, (moment - now) / SECOND))
    return left, waits


def _slots(given: Report, others: Sequence[Row[Any]]) -> int:
    """Return how many requests may be under way: what others do not have, and may have of an equal part."""
    equal = max(1, given.slots // (1 + len(others)))
    elsewhere: int = sum(max(row.slots, min(equal, row.slots_wanted)) for row in others)
    return max(given.slots_used, min(given.slots_wanted, given.slots - elsewhere), 0)


def _keep(connection: Connection, key: tuple[str, str], holder: str, values: dict[str, Any]) -> None:
    new = insert_into(connection.dialect.name, RATION_HOLDERS).values(
        source=key[0], account=key[1], holder=holder, **values
    )
    connection.execute(new.on_conflict_do_update(index_elements=["source", "account", "holder"], set_=values))
