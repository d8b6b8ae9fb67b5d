"""Requests that processes have sent to a source, for as long as one of its rates looks back."""

from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy import BigInteger, Connection, cast, delete, func, insert, select

from loans import Rate
from store.shared_tables import RATION_SENDS

SECOND: Final = 1_000_000
"""In microseconds, in which all times are kept."""

NOW: Final = cast(func.extract("epoch", func.clock_timestamp()) * SECOND, BigInteger)
"""The time of the database, when the statement is executed."""


def now_of(connection: Connection) -> int:
    """Return that time."""
    return connection.scalar(select(NOW)) or 0


def of(table: Any, key: tuple[str, str]) -> list[Any]:
    """Return what picks the rows of a source and account."""
    return [table.c.source == key[0], table.c.account == key[1]]


def add(connection: Connection, key: tuple[str, str], sends: Iterable[tuple[int, int, int]]) -> None:
    """Note requests: when they were sent, how many, and 1 where they were of the background."""
    rows = [
        {"source": key[0], "account": key[1], "sent_at": sent_at, "count": count, "is_background": is_background}
        for sent_at, count, is_background in sends
    ]
    if rows:
        connection.execute(insert(RATION_SENDS).inline(), rows)  # which asks for no number back


def leaves(connection: Connection, key: tuple[str, str], rate: Rate, now: int, *, beside: int) -> int:
    """Return when a rate has room for one more `beside` what is to be sent: when enough have left its window."""
    together = func.sum(RATION_SENDS.c.count).over(order_by=(RATION_SENDS.c.sent_at.desc(), RATION_SENDS.c.number))
    newest = (
        select(RATION_SENDS.c.sent_at, together.label("together"))
        .where(*of(RATION_SENDS, key), RATION_SENDS.c.sent_at > now - int(rate.seconds * SECOND))
        .subquery()
    )
    last = select(func.max(newest.c.sent_at)).where(newest.c.together >= rate.limit - beside)
    sent_at: int | None = connection.scalar(last)
    return now if sent_at is None else sent_at + int(rate.seconds * SECOND)


def background_sends(connection: Connection, key: tuple[str, str]) -> list[float]:
    """Return how many seconds ago each request of the background was sent, the latest last."""
    now = now_of(connection)
    rows = connection.execute(
        select(RATION_SENDS.c.sent_at, RATION_SENDS.c.count)
        .where(*of(RATION_SENDS, key), RATION_SENDS.c.is_background == 1)
        .order_by(RATION_SENDS.c.sent_at)
    )
    return [(now - sent_at) / SECOND for sent_at, count in rows for _ in range(count)]


def forget(connection: Connection, key: tuple[str, str], before: int) -> None:
    """Forget what was sent before a moment."""
    connection.execute(delete(RATION_SENDS).where(*of(RATION_SENDS, key), RATION_SENDS.c.sent_at < before))
