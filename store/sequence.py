"""The number of the last transaction that changed deals, customers or stages: what has the same number has not changed.

A transaction that changes takes the next number and keeps the row until its end, so that numbers are committed in
their order, by all processes of a database. The row is the first that it locks (`hold`): who waits for it has nothing
that others wait for.
"""

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, Executable, Table, Transaction, select
from sqlalchemy.dialects import sqlite

from store.queries import Query
from store.tables import SEQUENCE
from store.together import Asked, fetch

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql


def insert_into(dialect: str, table: Table) -> "postgresql.Insert | sqlite.Insert":
    """Return an insert that can say what happens where the row is there already; both databases read the same."""
    if dialect == "postgresql":
        from sqlalchemy.dialects import postgresql  # its engine has loaded it; who has no such database never does

        return postgresql.insert(table)
    return sqlite.insert(table)


@cache
def _advance(dialect: str) -> Executable:
    statement = insert_into(dialect, SEQUENCE).values(one=1, value=1)
    return statement.on_conflict_do_update(index_elements=["one"], set_={"value": SEQUENCE.c.value + 1}).returning(
        SEQUENCE.c.value
    )


_LOCKED: Final = select(SEQUENCE.c.value).with_for_update()
_LOCK: Final = Query(_LOCKED)


def hold(connection: Connection) -> None:
    """Keep the row until the end of the transaction under way, and its number, for what is no change that anybody sees.

    To be called before any other row is changed, of all tables but those that `store/README.md` names. SQLite's
    transactions have all of the file from their beginning on.
    """
    transaction = _under_way(connection)
    if transaction is None or connection.info.get("holds") is not transaction:
        if connection.dialect.name != "sqlite" and connection.scalar(_LOCKED) is None:
            first = insert_into(connection.dialect.name, SEQUENCE).values(one=1, value=0)
            connection.execute(first.on_conflict_do_nothing())
            connection.scalar(_LOCKED)
        connection.info["holds"] = transaction


def hold_and_ask(connection: Connection, asked: Sequence[Asked]) -> list[list[Any]]:
    """Keep the row, as `hold` does, and return the rows of each of these queries, which are asked after that."""
    if connection.dialect.name == "sqlite" or connection.info.get("holds") is _under_way(connection) is not None:
        hold(connection)
        return fetch(connection, asked)
    lock, *found = fetch(connection, [_LOCK.text(connection.dialect, {}), *asked])
    if not lock:
        hold(connection)
        return fetch(connection, asked)
    connection.info["holds"] = _under_way(connection)
    return found


def advance(connection: Connection) -> int:
    """Return the number of the transaction under way, the same one for all its changes; it then holds the row."""
    transaction = _under_way(connection)
    taken, number = connection.info.get("sequence", (None, 0))
    if transaction is None or taken is not transaction:
        number = connection.scalar(_advance(connection.dialect.name))
        connection.info["sequence"], connection.info["holds"] = (transaction, number), transaction
    return int(number)


def _under_way(connection: Connection) -> Transaction | None:
    return connection.get_nested_transaction() or connection.get_transaction()


def raise_above(connection: Connection, number: int) -> int:
    """Return the next number, above this one too: in a store that is new, or older than it, numbers would recur."""
    set_ = {"value": SEQUENCE.c.value + number}
    statement = insert_into(connection.dialect.name, SEQUENCE).values(one=1, value=number)
    connection.execute(statement.on_conflict_do_update(index_elements=["one"], set_=set_))
    return advance(connection)


def taken(connection: Connection) -> int:
    """Return the number that the transaction under way has taken; 0 if it has changed nothing."""
    transaction, number = connection.info.get("sequence", (None, 0))
    return number if transaction is connection.get_transaction() else 0


CURRENT: Final = Query(select(SEQUENCE.c.value))
"""Asks for the number; there is no row in a store that was never changed."""
