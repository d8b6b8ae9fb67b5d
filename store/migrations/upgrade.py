"""Bring a database to today's tables: a new one gets them at once, an earlier one step by step."""

import logging
from pathlib import Path
from time import perf_counter
from typing import Final

from sqlalchemy import Column, Connection, MetaData, String, Table, insert, inspect, select, text

import store.shared_tables  # noqa: F401 - METADATA has its tables too, once it is loaded
from store.tables import METADATA

logger: Final = logging.getLogger("opportunity_graph.store")

VERSION: Final = 15
"""Of `store/tables.py` and `store/shared_tables.py`; the highest number of a file in `versions/`."""

# As alembic would make it, by a name that no other program's migrations have.
VERSION_TABLE: Final = Table("store_version", MetaData(), Column("version_num", String(32), primary_key=True))

_LOCK = 0x64_65_61_6C_73  # any number that only migrations of a store take


class UnknownSchemaError(Exception):
    """The database holds what this program cannot read; the text says what that is."""


def found_version(connection: Connection) -> int | None:
    """Return the version of the store that there is, None where there are no tables yet.

    Raises UnknownSchemaError for a store of a later version, and for tables of something else.
    """
    found = set(inspect(connection).get_table_names())
    if VERSION_TABLE.name not in found:
        is_file = connection.dialect.name == "sqlite"  # a server's database may hold others' tables too
        if found if is_file else found & METADATA.tables.keys():
            raise UnknownSchemaError("holds tables of something else")
        return None
    version = connection.scalar(select(VERSION_TABLE.c.version_num)) or ""
    if not version.isdecimal():
        raise UnknownSchemaError("holds tables of something else")
    if int(version) > VERSION:
        raise UnknownSchemaError(f"is of version {version}, and this program knows those up to {VERSION}")
    return int(version)


def upgrade(connection: Connection) -> None:
    """Make the tables or bring them up to date, in the transaction under way; raises as `found_version` does."""
    if connection.dialect.name != "sqlite":
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        # Of several replicas that start at once, one migrates.
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    version = found_version(connection)
    if version is None:
        METADATA.create_all(connection)
        VERSION_TABLE.create(connection)
        connection.execute(insert(VERSION_TABLE).values(version_num=str(VERSION)))
    elif version < VERSION:
        logger.info("the store is brought from version %d to %d, which may take minutes", version, VERSION)
        started = perf_counter()
        migrate(connection)
        logger.info("the store is of version %d, after %.1f s", VERSION, perf_counter() - started)


def migrate(connection: Connection, to: str = "head") -> None:
    """Run the steps that are missing up to a version; alembic is loaded now, for it takes as long as all of a start."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, to)
