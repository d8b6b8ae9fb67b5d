"""The log of what changed is written: in the transaction of the change, and never but its oldest part forgotten.

An account's changes are logged from its first complete sweep on, which finds what there is. Positions are given while
the transaction keeps the sequence (`store/sequence.py`), so that they are committed in their order, and who goes on
behind one misses nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from operator import itemgetter
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Executable, delete, insert, select, update

from store.changes import COLUMNS, GENERATION, LOGGED, Field, Key, Kind, Origin, is_one_of, log_of
from store.queries import Query
from store.sequence import advance, insert_into
from store.tables import CHANGE_LOG, CHANGES, SYNC_STATE
from store.together import chunks, together
from store.turns import turns_of

MOST: Final = 250_000
"""Changes that are kept, whatever their age: so many are looked through in a tenth of a second."""

MOST_IN_MEMORY: Final = 50_000
"""The same of a store in memory, where they take 5 MB."""

KEYS_AT_ONCE: Final = 100

ROWS_AT_ONCE: Final = 25
"""After which who writes may pause: half a millisecond's work."""


_PLACES: Final = {
    one: slice(LOGGED.index(names[0]), LOGGED.index(names[0]) + len(names)) for one, names in COLUMNS.items()
}
_NOTHING: Final = tuple(0 if name == "value_is_inexact" else None for name in LOGGED)
_STATUS_BIT: Final = 1 << Field.STATUS
_INSERT: Final = insert(CHANGES)
_encode: Final = msgspec.msgpack.Encoder().encode
LOGGED_ACCOUNTS: Final = Query(
    select(SYNC_STATE.c.source, SYNC_STATE.c.account).where(SYNC_STATE.c.logged_since.is_not(None))
)
"""Asks for the accounts whose changes are logged, each with its source."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A change to be logged: what the deal had in the columns `LOGGED` before and has since, None where not there."""

    source: str
    account: str
    source_id: str
    observed_at: int
    before: Sequence[Any] | None
    after: Sequence[Any] | None


def logged_accounts(connection: Connection) -> set[tuple[str, str]]:
    """Return the accounts whose changes are logged, each with its source."""
    return {(row[0], row[1]) for row in connection.execute(LOGGED_ACCOUNTS.statement)}


def append(connection: Connection, seen: Iterable[Seen], origin: Origin) -> int:
    """Log what was seen, all of which has been written in the transaction under way; return how much it was.

    The transaction must have taken its number (`store.sequence.advance`).
    """
    turns, rows = turns_of(connection), []
    for one in seen:
        turns.pause()
        if (row := _row(one, origin)) is not None:
            rows.append(row)
    if not rows:
        return 0
    last = connection.execute(_move(connection.dialect.name), {"one": 1, "last": len(rows)}).scalar_one()
    for place, row in enumerate(rows, 1):
        row["position"] = last - len(rows) + place
    with together(connection):
        for some in chunks(rows, ROWS_AT_ONCE):
            connection.execute(_INSERT, some)
    return len(rows)


@cache
def _move(dialect: str) -> Executable:
    """Return what adds to the last position, `last`, and gives it: made once, for that takes longer than to run it."""
    statement = insert_into(dialect, CHANGE_LOG)
    moved = {"last": CHANGE_LOG.c.last + statement.excluded.last}
    return statement.on_conflict_do_update(index_elements=["one"], set_=moved).returning(CHANGE_LOG.c.last)


def begin(connection: Connection, source: str, account: str = "", *, at: int) -> None:
    """Log an account's changes from now on, if that is not done yet: all that it has is known."""
    columns = SYNC_STATE.c
    its_own = (columns.source == source, columns.account == account, columns.logged_since.is_(None))
    if connection.scalar(select(columns.source).where(*its_own)) is None:
        return
    advance(connection)
    # Later than any other began, whatever the clock says: what has begun tells logs apart.
    begun = (connection.scalar(GENERATION) or 0) + 1
    connection.execute(update(SYNC_STATE).where(*its_own).values(logged_since=max(at, begun)))


def end(connection: Connection) -> None:
    """Log nothing any more, and forget what was logged: who begins it anew does not know what happened in between."""
    begun = SYNC_STATE.c.logged_since.is_not(None)
    if logged_accounts(connection):
        advance(connection)
        connection.execute(update(SYNC_STATE).where(begun).values(logged_since=None))
    _drop(connection, log_of(connection).last)


def prune(connection: Connection, *, most: int, seen_before: int) -> None:
    """Forget changes beyond the newest so many, and those that were seen before a time, microseconds.

    What goes is always the oldest: a later one stays, whenever it was seen.
    """
    log = log_of(connection)
    young = (CHANGES.c.position > log.dropped, CHANGES.c.observed_at >= seen_before)
    first = connection.scalar(select(CHANGES.c.position).where(*young).order_by(CHANGES.c.position).limit(1))
    _drop(connection, max(log.last - most, log.last if first is None else first - 1))


def erase(connection: Connection, deals: Sequence[Key]) -> None:
    """Forget what these deals held: that they have changed stays."""
    key = (CHANGES.c.source, CHANGES.c.account, CHANGES.c.source_id)
    for start in range(0, len(deals), KEYS_AT_ONCE):
        theirs = (is_one_of(key, deals[start : start + KEYS_AT_ONCE]), CHANGES.c.held.is_not(None))
        if connection.scalar(select(CHANGES.c.position).where(*theirs).limit(1)) is not None:
            advance(connection)  # what was asked before has another answer now
            connection.execute(update(CHANGES).where(*theirs).values(held=None))


def forget_future(connection: Connection, source: str, account: str = "", *, later_than: int, at: int) -> None:
    """Have what a clock that was ahead saw after `later_than` be seen `at`: it would keep all that came later from
    going."""
    late = (CHANGES.c.source == source, CHANGES.c.account == account, CHANGES.c.observed_at > later_than)
    if connection.scalar(select(CHANGES.c.position).where(*late).limit(1)) is not None:
        advance(connection)
        connection.execute(update(CHANGES).where(*late).values(observed_at=at))


def _drop(connection: Connection, upto: int) -> None:
    if log_of(connection).dropped < upto:
        advance(connection)  # first, as who appends does, or two processes would wait for each other
        connection.execute(update(CHANGE_LOG).where(CHANGE_LOG.c.dropped < upto).values(dropped=upto))
        connection.execute(delete(CHANGES).where(CHANGES.c.position < upto))
        # The last one that goes is read no more; its mark tells who has come as far that it is this log (`Log.mark`).
        connection.execute(update(CHANGES).where(CHANGES.c.position == upto).values(held=None))


def _row(seen: Seen, origin: Origin) -> dict[str, Any] | None:
    before, after = seen.before or _NOTHING, seen.after or _NOTHING
    bits, held = 0, []
    for one, place in _PLACES.items():
        if before[place] != after[place]:
            bits |= 1 << one
            held.append((one, seen.before and before[place], seen.after and after[place]))
    if seen.before is None:
        kind = Kind.CREATED
    elif seen.after is None:
        kind = Kind.DELETED
    elif not bits:
        return None
    else:
        kind = Kind.UPDATED
    return {
        "source": seen.source,
        "account": seen.account,
        "source_id": seen.source_id,
        "kind": int(kind),
        "origin": int(origin),
        "observed_at": seen.observed_at,
        "fields": bits,
        "status": _status(after) if bits & _STATUS_BIT else None,
        "held": _encode(held),
    }


_status: Final = itemgetter(LOGGED.index("status"))
