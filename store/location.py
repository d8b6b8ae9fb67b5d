"""Where a store is, a file or a server, and what differs between the two."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, exc, make_url, text

from background import Turns
from store import postgresql, sqlite
from store.errors import StoreUnavailable
from store.memory import is_private
from store.migrations.upgrade import VERSION, UnknownSchemaError, found_version, upgrade
from store.postgresql import CurrentUrl
from store.queries import DirectReads
from store.threads import Threads
from store.turns import begin_turns, end_turns, pause_before_statements


@dataclass(slots=True)
class Location:
    """An engine, what a message calls the place it leads to, and the file, where it is one."""

    engine: Engine
    name: str
    path: Path | None = None
    _known: tuple[sqlite.Identity, sqlite.Identity] = (None, None)

    def prepare(self, connection: Connection) -> None:
        """Make the tables or bring them up to date, in the transaction under way; raises StoreUnavailable."""
        self._refuse_damage(connection)
        try:
            upgrade(connection)
        except UnknownSchemaError as error:
            raise StoreUnavailable(f"{self.name} {error}") from None

    def check(self) -> str:
        """See whether the store could be opened, and change nothing; say what is there.

        Raises StoreUnavailable, and what drivers do.
        """
        with self.engine.connect() as connection:
            self._refuse_damage(connection)
            try:
                version = found_version(connection)
            except UnknownSchemaError as error:
                raise StoreUnavailable(f"{self.name} {error}") from None
            if self.path is None and connection.scalar(text("SHOW transaction_read_only")) == "on":
                raise StoreUnavailable(postgresql.in_words(self.engine.url, postgresql.READ_ONLY_NOW))
            may_create = text("SELECT has_schema_privilege(current_schema(), 'CREATE')")
            makes_tables = version is None or version < VERSION
            if self.path is None and makes_tables and not connection.scalar(may_create):
                raise StoreUnavailable(postgresql.in_words(self.engine.url, postgresql.DENIED))
            dialect = connection.dialect
            server = ".".join(str(number) for number in dialect.server_version_info or ())
        tables = "no tables yet, which will be made" if version is None else f"tables of version {version}"
        return f"{dialect.name} {server}, {tables}" + (
            f", which will become version {VERSION}" if version is not None and version < VERSION else ""
        )

    def protect(self) -> None:
        """Make the file, or see that it is a store of ours; raises StoreUnavailable."""
        if self.path is not None:
            sqlite.inspect(self.path)
            file_, log = sqlite.identities(self.path)
            if log is not None and log == self._known[1] and file_ != self._known[0]:
                sqlite.remove_log(self.path)
            sqlite.protect(self.path)
            self._known = sqlite.identities(self.path)

    @contextmanager
    def giving_turns(self, connection: Connection) -> Iterator[Turns]:
        """Let others have turns while a connection works, also in the midst of a statement where that can be."""
        turns = begin_turns(connection)
        try:
            if self.path is None:
                yield turns
                return
            with sqlite.interrupted(connection, turns.pause):
                yield turns
        finally:
            end_turns(connection)

    def empty_log(self, connection: Connection, turns: Turns) -> None:
        """Write what a change has left in the log of a file in memory to its place; outside of a transaction."""
        if self.path is not None and is_private(self.path):
            turns.pause(before_long=True)
            sqlite.empty_log(connection, self.path)

    def compacting(self) -> tuple[str, ...]:
        """Return the statements that give back memory which a store in memory does not need."""
        return sqlite.COMPACTING if self.path is not None and is_private(self.path) else ()

    def maintain(self, connection: Connection, statements: str) -> None:
        """Run one of these."""
        with self.giving_turns(connection) as turns:
            sqlite.maintain(connection, statements)
        self.empty_log(connection, turns)

    def direct_reads(self, readers: Threads, most: int) -> DirectReads:
        """Return what reads by single statements, in the driver's own words.

        `readers` open what is waited for, at most so many connections.
        """
        if self.path is not None:
            return sqlite.direct_reads(self.path, self.engine.dialect)
        from store.prepared_reads import PreparedReads  # who has no such database never loads psycopg

        return PreparedReads(partial(postgresql.open_for_reading, self.engine), readers, most)

    def has_moved(self) -> bool:
        """Return whether the file was deleted or replaced: what is open still leads to the one that was there."""
        if self.path is None:
            return False
        found = sqlite.identities(self.path)
        if found[0] != self._known[0]:
            return True
        self._known = found  # its log is another one from time to time
        return False

    def is_mistake(self, error: exc.DBAPIError, *, writes: bool) -> bool:
        """Return whether a statement of ours is wrong, and not the database away."""
        return postgresql.is_mistake(error, writes=writes) if self.path is None else sqlite.is_mistake(error)

    def outage(self, error: exc.DBAPIError) -> StoreUnavailable:
        """Return what an error of the driver means that is no mistake of ours."""
        if self.path is not None:
            return StoreUnavailable(sqlite.reason(self.path, error), is_full=sqlite.is_full(error))
        return StoreUnavailable(
            postgresql.reason(self.engine.url, error),
            may_pass=postgresql.may_pass(error),
            is_full=postgresql.is_full(error),
        )

    def _refuse_damage(self, connection: Connection) -> None:
        check = postgresql.check if self.path is None else sqlite.check
        if damage := check(connection):
            raise StoreUnavailable(f"{self.name} {damage}")


def server(
    url: str | URL, connections: int, limits: str = postgresql.SESSION, *, current_url: CurrentUrl | None = None
) -> Location:
    """Return a database of PostgreSQL; `current_url` as `postgresql.make_engine` has it."""
    engine = postgresql.make_engine(make_url(url), connections, limits, current_url=current_url)
    pause_before_statements(engine)
    return Location(engine, "the database")


def file(path: Path, connections: int) -> Location:
    """Return a file of SQLite; `protect` makes it."""
    engine = sqlite.make_engine(path, connections)
    pause_before_statements(engine)
    return Location(engine, str(path), path)
