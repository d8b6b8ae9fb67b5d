"""Tables of what several processes share: a source's limits and sign-in, what was fetched of late, how sync stands.

They are among `store.tables.METADATA` once this module is loaded, as whatever opens a store does.
"""

from typing import Final

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, SmallInteger, Table

from store.tables import METADATA, Text

FETCHED: Final = Table(
    "fetched",
    METADATA,
    Column("id", LargeBinary, primary_key=True),
    Column("fetched_at", BigInteger, nullable=False),
)
"""When a deal was last read by its id, by any process: its row in `deals` is at least as new, in every field. Only kept
where several processes share the store."""

RATIONS: Final = Table(
    "rations",
    METADATA,
    Column("source", Text, primary_key=True),
    Column("account", Text, primary_key=True, server_default=""),
    Column("paused_until", BigInteger, nullable=False, server_default="0"),  # the source has asked for it
    Column("failing_until", BigInteger, nullable=False, server_default="0"),  # a process's circuit breaker is open
    Column("failing_for", Text),  # the process whose breaker it is
    Column("settled_at", BigInteger, nullable=False, server_default="0"),  # those on their own share again then
)
"""A source's limits, which all processes share; who changes them, or what is below, locks the row. All these times are
the database's own."""

RATION_HOLDERS: Final = Table(
    "ration_holders",
    METADATA,
    Column("source", Text, primary_key=True),
    Column("account", Text, primary_key=True, server_default=""),
    Column("holder", Text, primary_key=True),  # a process, by a name that it made up at its start
    Column("place", Integer, nullable=False),  # the lowest that was free when it came
    Column("held", Integer, nullable=False),  # requests that it may send, or is about to
    Column("slots", Integer, nullable=False),  # requests that it may have under way
    Column("slots_wanted", Integer, nullable=False),
    Column("is_waiting", SmallInteger, nullable=False),
    Column("is_alone", SmallInteger, nullable=False),  # keeps to its own part, since a report had failed
    Column("expires_at", BigInteger, nullable=False),  # by when it will have reported again
    Column("missing_since", BigInteger),  # when it was noticed that it has not
)
"""What each process holds of a source's limits."""

RATION_SENDS: Final = Table(
    "ration_sends",
    METADATA,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("source", Text, nullable=False),
    Column("account", Text, nullable=False, server_default=""),
    Column("sent_at", BigInteger, nullable=False),
    Column("count", Integer, nullable=False),
    Column("is_background", SmallInteger, nullable=False),
)
"""Requests that were sent, for as long as a documented rate looks back."""

Index("ration_sends_by_time", RATION_SENDS.c.source, RATION_SENDS.c.account, RATION_SENDS.c.sent_at)

GRANTS: Final = Table(
    "grants",
    METADATA,
    Column("source", Text, primary_key=True),
    Column("account", Text, primary_key=True, server_default=""),
    Column("number", BigInteger, nullable=False, server_default="0"),  # one more with each that is written
    Column("sealed", LargeBinary),  # encrypted by who wrote it
    Column("written_at", BigInteger, nullable=False, server_default="0"),
    Column("claimed_by", Text),
    Column("claimed_until", BigInteger, nullable=False, server_default="0"),
)
"""What a source's sign-in gave, for all processes; and which of them signs in just now."""

SYNC_STATUS: Final = Table(
    "sync_status",
    METADATA,
    Column("source", Text, primary_key=True),
    Column("account", Text, primary_key=True, server_default=""),
    Column("body", LargeBinary, nullable=False),
    Column("written_at", BigInteger, nullable=False),
)
"""What the process that syncs knows beside the tables: for the others, which show it."""
