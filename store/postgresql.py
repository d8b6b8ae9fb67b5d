"""PostgreSQL, by psycopg: a few connections that are looked at before they are used, and limits on what may hang."""

from typing import Final

from sqlalchemy import URL, Engine, create_engine, exc, make_url

DRIVER: Final = "postgresql+psycopg"

CONNECT_SECONDS: Final = 5

# For each session; what the operator's URL says comes after it, and wins. A reader keeps no transaction open.
SESSION: Final = "-c statement_timeout=30s -c lock_timeout=10s -c idle_in_transaction_session_timeout=60s"

READ_ONLY: Final = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
"""For reading: all statements of a transaction see one state."""


DENIED: Final = "42501"
"""SQLSTATE of a privilege that is missing, which the operator can grant: no mistake of a statement."""


def problem_with(url: URL) -> str | None:
    """Return in one line which parameters cannot be right; libpq's own text would quote their values."""
    from psycopg import ProgrammingError  # who has no such database never loads it
    from psycopg.conninfo import make_conninfo

    seconds = url.query.get("connect_timeout", "0")
    if not isinstance(seconds, str) or not seconds.isdecimal():
        return "connect_timeout must be a number of seconds"
    try:
        make_conninfo(**dict.fromkeys(url.query, ""))
    except ProgrammingError:
        return "has a parameter that PostgreSQL does not know"
    return None


def make_engine(url: str, connections: int, limits: str = SESSION) -> Engine:
    """Return an engine of so many connections; none is made yet."""
    parsed = make_url(url)
    options = f"{limits} {parsed.query.get('options', '')}".strip()
    connect_timeout = parsed.query.get("connect_timeout", str(CONNECT_SECONDS))
    return create_engine(
        parsed,
        pool_size=connections,
        max_overflow=0,
        pool_pre_ping=True,
        pool_use_lifo=True,
        hide_parameters=True,
        connect_args={"options": options, "connect_timeout": connect_timeout, "application_name": "opportunity-graph"},
    )


def reason(url: URL, error: exc.DBAPIError) -> str:
    """Return in one line why the server cannot be used; libpq's own text may quote what the URL says."""
    said = str(error.orig).lower()
    host = url.host or "the local socket"
    where = f"PostgreSQL at {host}:{url.port}" if url.port else f"PostgreSQL at {host}"
    if "password" in said or "authentication" in said or "no pg_hba.conf entry" in said or "role" in said:
        return f"{where} refuses the user or the password"
    if "database" in said and "does not exist" in said:
        return f"{where} has no database of that name"
    if "timeout" in said:
        return f"{where} did not answer in time"
    if "permission denied" in said or "read-only" in said:
        return f"{where} does not let this user write"
    return f"{where} cannot be reached"
