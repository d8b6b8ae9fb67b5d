"""Stores for tests, of both kinds: a connection whose changes are undone, and deals to put in.

`tests/conftest.py` makes fixtures of them, each test runs on both databases: `store_kind`, `connection`, `store_url`.
"""

import atexit
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache, partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

from sqlalchemy import Connection, Engine, MetaData, Select, Table, create_engine, create_mock_engine, select

from background import Turns
from store import change_log, memory, sqlite, sweeps
from store.deal_ids import deal_id
from store.deal_rows import WRITTEN, column_of
from store.deals import Deal
from store.migrations.upgrade import upgrade
from store.sequence import CURRENT
from store.tables import METADATA, ROW, DealColumns
from store.turns import pause_before_statements
from tests import postgres


def deals_as_written(names: Sequence[str] = ROW) -> Select[Any]:
    """Return the query for what deals were written with, which is theirs or their groups'."""
    return select(*map(column_of, names)).select_from(WRITTEN)


@cache
def server_url() -> str:
    """Return the URL of one database for all tests of a process, emptied for each."""
    url = postgres.server().create()
    engine = create_engine(url)
    with engine.begin() as connection:
        upgrade(connection)
    engine.dispose()
    return url


@cache
def engine_of(kind: str) -> Engine:
    """Return an engine over a database that has the tables, and no rows; the same one for all tests of a process."""
    engine = create_engine(server_url(), pool_size=1, pool_pre_ping=True) if kind == "postgresql" else _new_file()
    pause_before_statements(engine)
    return engine


@cache
def _statements() -> tuple[str, ...]:
    found: list[str] = []
    told: Any = create_mock_engine("sqlite://", lambda one, *_: found.append(str(one.compile(dialect=told.dialect))))
    MetaData.create_all(METADATA, told, checkfirst=False)  # the class's: `make_tables` may be in the place of its own
    return tuple(found)


def make_tables(connection: Connection) -> None:
    """Make the tables of a new store in SQLite: what `METADATA.create_all` says, in a quarter of the time."""
    driver: Any = connection.connection.driver_connection
    for statement in _statements():
        driver.execute(statement)


def _new_file() -> Engine:
    folder = _FOLDERS.enter_context(memory.private_folder())
    sqlite.protect(folder / "deals.db")
    engine = sqlite.make_engine(folder / "deals.db", 1)
    with engine.begin() as connection:
        make_tables(connection)
    return engine


_FOLDERS = ExitStack()
atexit.register(_FOLDERS.close)


@cache
def _engine_with(fill: Callable[[Connection], None]) -> Engine:
    engine = _new_file()
    with engine.begin() as connection:
        fill(connection)
    return engine


@contextmanager
def in_one_go() -> Iterator[None]:
    """Let work on a store go on without a moment for other threads, where there are none that wait."""
    with patch("store.turns.Turns", partial(Turns, sleep=lambda _: None)):
        yield


@contextmanager
def connected(kind: str, fill: Callable[[Connection], None] | None = None) -> Iterator[Connection]:
    """Connect to an empty store, or one that has been filled; all that is changed is undone in the end.

    A file is filled once for all tests of a process.
    """
    is_file = kind != "postgresql"
    with in_one_go(), (_engine_with(fill) if fill and is_file else engine_of(kind)).connect() as connection:
        transaction = connection.begin()
        if not is_file:
            _empty(connection)
            if fill:
                fill(connection)
        try:
            yield connection
        finally:
            transaction.rollback()


def url_of(kind: str, folder: Path = Path()) -> str:
    """Return what opens an empty store: a new file in the folder, or the database that has the tables."""
    if kind == "sqlite":
        return str(folder / "deals.db")
    with engine_of(kind).begin() as connection:
        _empty(connection)
    return server_url()


def _empty(connection: Connection) -> None:
    for table in reversed(METADATA.sorted_tables):  # few rows: ten times as quick as to truncate
        connection.execute(table.delete())


def deal(source_id: str | int = 1, **given: Any) -> Deal:
    """Return a deal; what is no part of one is a column of it."""
    own = {name: given.pop(name) for name in tuple(given) if name in Deal.__dataclass_fields__}
    return Deal(
        **{
            "source": "nexudus",
            "source_id": str(source_id),
            "body": b"{}",
            "read_at": 1,
            "is_whole": False,
            "columns": DealColumns(**given),
        }
        | own
    )


def begin_log(connection: Connection, source: str = "nexudus", account: str = "", *, at: int = 1) -> None:
    """Log what changes of an account from now on, as after its first complete sweep."""
    sweep = sweeps.begin_sweep(connection, source, account, at=at)
    sweeps.finish_sweep(connection, source, account, sweep=sweep, at=at)
    change_log.begin(connection, source, account, at=at)


def copied(connection: Connection, table: Table) -> list[dict[str, Any]]:
    """Return the rows of a table, for a time at which they are put back."""
    return [dict(row) for row in connection.execute(table.select()).mappings()]


def put_back(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Have these rows in a table, as where a backup is put back."""
    connection.execute(table.delete())
    if rows:
        connection.execute(table.insert(), rows)


def key(named: str) -> bytes:
    """Return the id of a deal: of `nexudus:1`, or of `nexudus@eu:1`, a further account's."""
    owner, _, source_id = named.partition(":")
    source, _, account = owner.partition("@")
    return deal_id(source, account, source_id)


def current(connection: Connection) -> int:
    """Return the number of the last change as a transaction sees it; 0 where nothing was ever changed."""
    return connection.scalar(CURRENT.statement) or 0
