"""What the peers of the benchmark of lists ask: the deals of this server's stores in a flat table of their own."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine, Select, Table, func, insert, select

from benchmarks.list_stores import FILE, POSTGRESQL, ROWS_AT_ONCE, Place, Stores, engine
from benchmarks.peers.deal_model import DealModel
from store.deal_rows import WRITTEN, column_of
from store.tables import DEALS

TABLE: Final[Table] = DealModel.metadata.tables["deals"]


@dataclass(frozen=True, slots=True)
class PeerStores:
    """SQLAlchemy's URL by what kind of database it is; `place` is that of PostgreSQL, None where it is not installed.

    The schema there has nothing but the table, for a peer that makes types of whatever it finds.
    """

    urls: Mapping[str, str]
    place: Place | None


def peer_stores(made: Stores, scratch: Path) -> PeerStores:
    """Copy the deals of these stores into a file of SQLite, and into a schema of PostgreSQL."""
    file = scratch / "peers.db"
    for old in scratch.glob("peers.db*"):
        old.unlink()
    urls, place = {FILE: f"sqlite:///{file}"}, None
    _fill_file(urls[FILE], made.urls[FILE])
    if made.server is not None:
        urls[POSTGRESQL] = made.server.create()
        place = Place.of(made.server, urls[POSTGRESQL])
        _create(urls[POSTGRESQL]).dispose()
        place.copy({TABLE: _deals(made.urls[FILE])})
    return PeerStores(urls, place)


def _create(url: str) -> Engine:
    """Make the empty table; return the engine that did."""
    found = engine(url)
    DealModel.metadata.create_all(found)
    return found


def _fill_file(url: str, ours: str) -> None:
    names = TABLE.c.keys()
    theirs = _create(url)
    with theirs.connect() as connection:
        connection.exec_driver_sql("PRAGMA journal_mode = WAL")
        connection.execute(insert(TABLE), [dict(zip(names, row, strict=True)) for row in _deals(ours)])
        connection.commit()
        connection.exec_driver_sql("ANALYZE")
        connection.commit()
    theirs.dispose()


def _deals(url: str) -> Iterator[Sequence[Any]]:
    """Yield the rows of the table, by ascending ids, as the store at this URL has the deals."""
    number = func.row_number().over(order_by=DEALS.c.id)
    wanted: Select[Any] = select(number, *[column_of(column.name) for column in TABLE.c if column.name != "id"])
    ours = engine(url)
    with ours.connect() as connection:
        yield from connection.execute(wanted.select_from(WRITTEN).order_by(DEALS.c.id)).yield_per(ROWS_AT_ONCE)
    ours.dispose()
