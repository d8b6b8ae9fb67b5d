"""Stores for the benchmark of lists: the simulator's deals, once in SQLite and once in PostgreSQL, the same rows."""

import asyncio
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import psycopg
from sqlalchemy import Engine, Table, create_engine, make_url

from benchmarks.processes import LOAD_CPU
from resolvers import stored_record
from resolvers.chartmogul import record as chartmogul
from resolvers.errors import UpstreamBadResponse
from resolvers.nexudus import record as nexudus
from schema.deals.columns import columns
from simulator import Simulator
from simulator.replies import encode_json
from store.database import open_database
from store.deals import Deal, upsert
from store.memory import private_folder
from store.tables import METADATA
from tests.postgres import OPTIONS, Server, programs

ROWS_AT_ONCE: Final = 1_000

MEMORY, FILE, POSTGRESQL = "in memory", "SQLite file", "PostgreSQL"

SETTINGS: Final = ("shared_buffers=256MB", "random_page_cost=1.1", "synchronous_commit=on")
"""Of PostgreSQL, whose defaults are for a machine of long ago with disks that turn.

Rows of a transaction that may not be on the disk yet VACUUM does not mark as visible to all, and an index alone does
not do.
"""


def deals(nexudus_count: int, chartmogul_count: int) -> list[Deal]:
    """Return what the simulator has, as sync would hand it to the store."""
    simulator = Simulator(deals=(nexudus_count, chartmogul_count))
    found = []
    parsers: Mapping[Any, Callable[[bytes], Any]] = {
        simulator.nexudus: lambda body: nexudus.parse(body)[0],
        simulator.chartmogul: chartmogul.parse,
    }
    for upstream, parse in parsers.items():
        for id_, raw in upstream.records.items():
            with suppress(UpstreamBadResponse):
                record = parse(encode_json(raw))
                shown, attributes = columns(upstream.name, record)
                body = stored_record.encode(upstream.name, record)
                found.append(
                    Deal(
                        source=upstream.name,
                        source_id=str(id_),
                        body=body,
                        read_at=0,
                        is_whole=True,
                        columns=shown,
                        attributes=attributes,
                    )
                )
    return found


def fill(url: str, found: list[Deal]) -> None:
    """Write deals into a store."""

    async def write() -> None:
        async with open_database(url) as database:
            for at in range(0, len(found), ROWS_AT_ONCE):
                rows = found[at : at + ROWS_AT_ONCE]
                await database.write(lambda connection, rows=rows: upsert(connection, rows))

    asyncio.run(write())


def engine(url: str) -> Engine:
    """Return SQLAlchemy's engine for a `STORE_URL`."""
    return create_engine(url if "://" in url else f"sqlite:///{url}")


@contextmanager
def postgresql() -> Iterator[Server | None]:
    """Start a PostgreSQL server beside the load, until the block ends; None where it is not installed."""
    found = programs()
    if found is None or shutil.which("setpriv") is None:
        yield None
        return
    allowed = os.sched_getaffinity(0)
    with suppress(OSError):
        os.sched_setaffinity(0, {int(LOAD_CPU)})  # which its processes inherit
    try:
        server = Server(found, (*OPTIONS, *SETTINGS))
    finally:
        os.sched_setaffinity(0, allowed)
    try:
        yield server
    finally:
        server.close()


@dataclass(frozen=True, slots=True)
class Place:
    """Where tables of PostgreSQL are: the server, in libpq's words, and their schema."""

    server: str
    schema: str

    @classmethod
    def of(cls, server: Server, url: str) -> Self:
        """Return that of a `STORE_URL`."""
        name = str(make_url(url).query["options"]).partition("=")[2]
        return cls(f"postgresql:///postgres?host={server.folder}&user=tests", name)

    def copy(self, rows: Mapping[Table, Iterable[Sequence[Any]]]) -> None:
        """Have these rows in tables that are there, in place of what they have, and leave them as autovacuum would."""
        with psycopg.connect(self.server, autocommit=True) as connection:
            connection.execute(f"SET search_path = {self.schema}")
            connection.execute(f"TRUNCATE {', '.join(table.name for table in rows)}")
            for table, some in rows.items():
                with connection.cursor().copy(f"COPY {table.name} ({', '.join(table.c.keys())}) FROM STDIN") as copy:
                    for row in some:
                        copy.write_row(row)
            connection.execute("VACUUM ANALYZE")


@dataclass(frozen=True, slots=True)
class Stores:
    """`STORE_URL` by what kind of store it is."""

    urls: Mapping[str, str]
    server: Server | None

    def copy_rows(self) -> None:
        """Have what the file has in PostgreSQL, too."""
        if self.server is None:
            return
        url = self.urls[POSTGRESQL]
        fill(url, [])
        with closing(sqlite3.connect(self.urls[FILE])) as file:
            Place.of(self.server, url).copy({table: _rows(file, table) for table in METADATA.sorted_tables})


def _rows(file: sqlite3.Connection, table: Table) -> Iterator[Sequence[Any]]:
    yield from file.execute(f"SELECT {', '.join(table.c.keys())} FROM {table.name}")  # noqa: S608 - names of ours


@contextmanager
def stores(server: Server | None, scratch: Path, found: list[Deal]) -> Iterator[Stores]:
    """Make a store of each kind that holds these deals.

    That in memory is what a server makes of no `STORE_URL`: a file in the same kind of folder.
    """
    file = scratch / "deals.db"
    for old in scratch.glob("deals.db*"):
        old.unlink()
    with private_folder() as folder:
        urls = {MEMORY: str(folder / "deals.db"), FILE: str(file)}
        if server is not None:
            urls[POSTGRESQL] = server.create()
        if found:
            fill(urls[FILE], found)
            shutil.copy(file, urls[MEMORY])  # closed, it has nothing in its log
        made = Stores(urls, server)
        if found:
            made.copy_rows()
        yield made
