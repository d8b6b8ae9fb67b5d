"""What is known of a source's limits, as one process reads it at a time."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import BigInteger, Connection, Row, Select, Text, and_, bindparam, func, select

from loans import Rate
from store.sends import NOW, SECOND, of
from store.sequence import insert_into
from store.shared_tables import RATION_HOLDERS, RATION_SENDS, RATIONS


def lock(connection: Connection, key: tuple[str, str]) -> Row[Any]:
    """Have the row of the source until the transaction ends, as nobody else then has; return it."""
    wanted = select(RATIONS).where(*of(RATIONS, key)).with_for_update()
    if (row := connection.execute(wanted).one_or_none()) is None:
        new = insert_into(connection.dialect.name, RATIONS).values(source=key[0], account=key[1])
        connection.execute(new.on_conflict_do_nothing())
        row = connection.execute(wanted).one()
    return row


def read(
    connection: Connection, key: tuple[str, str], rates: Sequence[Rate]
) -> tuple[int, list[int], Sequence[Row[Any]]]:
    """Return the time, how many requests were sent in the window of each rate, and the rows of the processes.

    By a statement that begins after the lock is there: what others have committed while it was waited for, it sees.
    """
    windows = {f"window_{number}": int(rate.seconds * SECOND) for number, rate in enumerate(rates)}
    rows = connection.execute(_book(len(rates)), {"of_source": key[0], "of_account": key[1], **windows}).all()
    counts = [getattr(rows[0], f"count_{number}") for number in range(len(rates))]
    return rows[0].now, counts, [row for row in rows if row.holder is not None]


@cache
def _book(count: int) -> Select[Any]:
    clock = select(NOW.label("now")).cte("clock")
    key = bindparam("of_source", type_=Text()), bindparam("of_account", type_=Text())
    counts = [
        select(func.coalesce(func.sum(RATION_SENDS.c.count), 0))
        .where(
            RATION_SENDS.c.source == key[0],
            RATION_SENDS.c.account == key[1],
            RATION_SENDS.c.sent_at > clock.c.now - bindparam(f"window_{number}", type_=BigInteger()),
        )
        .scalar_subquery()
        .label(f"count_{number}")
        for number in range(count)
    ]
    is_its = and_(RATION_HOLDERS.c.source == key[0], RATION_HOLDERS.c.account == key[1])
    return select(clock.c.now, *counts, *RATION_HOLDERS.c).select_from(clock.outerjoin(RATION_HOLDERS, is_its))
