"""What processes of a PostgreSQL database say to each other, with NOTIFY: each deployment has a channel of its own."""

from typing import Final

from sqlalchemy import Connection, func, select

CHANGED: Final = "changed"
"""Deals or customers have changed."""

REFRESH: Final = "refresh"
"""Somebody waits for what has changed in the sources: the process that syncs is to read them soon."""

SCHEMA: Final = func.current_schema()
CHANNEL: Final = func.concat("opportunity_graph_", func.md5(SCHEMA))


def notify(connection: Connection, text: str) -> None:
    """Say something to all processes, this one too, when the transaction is committed."""
    connection.execute(select(func.pg_notify(CHANNEL, text)))
