"""The number of the last transaction that changed deals, customers or stages: what has the same number has not changed.

A transaction that changes takes the next number and keeps the row until its end, so that numbers are committed in
their order, by all processes of a database.
"""

from functools import cache
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, Executable, Table, select
from sqlalchemy.dialects import sqlite

from store.queries import Query
from store.tables import SEQUENCE

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


def advance(connection: Connection) -> int:
    """Return the number of the transaction under way, the same one for all its changes."""
    transaction = connection.get_nested_transaction() or connection.get_transaction()
    taken, number = connection.info.get("sequence", (None, 0))
    if transaction is None or taken is not transaction:
        number = connection.scalar(_advance(connection.dialect.name))
        connection.info["sequence"] = (transaction, number)
    return int(number)


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
