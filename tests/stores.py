"""Stores for tests, of both kinds: a connection whose changes are undone, and what a test file puts in.

`tests/conftest.py` makes fixtures of them, each test runs on both databases: `store_kind`, `connection`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from sqlalchemy import Connection, Engine, StaticPool, create_engine, event

from store.tables import METADATA
from tests import postgres

KINDS = ("sqlite", "postgresql")


@cache
def engine(kind: str) -> Engine:
    """Return an engine over a database that has the tables, and no rows; the same one for all tests of a process."""
    if kind == "postgresql":
        made = create_engine(postgres.server().create(), pool_size=1)
    else:
        made = create_engine("sqlite://", poolclass=StaticPool)
        # The driver would begin a transaction no sooner than at the first change, and savepoints before it would fail.
        event.listen(made, "connect", lambda raw, _: setattr(raw, "isolation_level", None))
        event.listen(made, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    METADATA.create_all(made)
    return made


@contextmanager
def connected(kind: str) -> Iterator[Connection]:
    """Connect; all that is changed is undone in the end."""
    with engine(kind).connect() as connection:
        transaction = connection.begin()
        try:
            yield connection
        finally:
            transaction.rollback()
