"""PostgreSQL, by psycopg: a few connections that are looked at before they are used, and limits on what may hang."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, create_engine, event, exc, make_url

from store.errors import MISTAKES

DRIVER: Final = "postgresql+psycopg"

CONNECT_SECONDS: Final = 5

ENCODING: Final = "UTF8"

# For each session; what the operator's URL says comes after it, and wins. A reader keeps no transaction open.
SESSION: Final = "-c statement_timeout=30s -c lock_timeout=10s -c idle_in_transaction_session_timeout=60s"

READ_ONLY: Final = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
"""For reading: all statements of a transaction see one state."""


WALK: Final = (
    "SET default_transaction_read_only = on",
    "SET plan_cache_mode = force_generic_plan",  # to plan takes as long as to read a page
    "SET enable_sort = off",  # a page is met by a walk along the index of its order
    "SET enable_bitmapscan = off",
)
"""How direct reads are set: all of them are of deals that lie near in an order (`store/near.py`)."""


DENIED: Final = "42501"
"""SQLSTATE of a privilege that is missing, which the operator can grant: no mistake of a statement."""

READ_ONLY_NOW: Final = "25006"
"""SQLSTATE of a change in a transaction that may only read: on a standby, or where the operator has it so."""

FULL: Final = "53100"

REASONS: Final = {
    READ_ONLY_NOW: "takes no changes now: it is a standby, or set to read only",
    DENIED: "does not let this user write",
    FULL: "has no room left on its disk",
    "53200": "is out of memory",
    "53300": "has no connection left for this user",
    "57014": "did not answer in time",
    "55P03": "did not answer in time: others hold a lock",
    "40P01": "broke off a transaction: it and another waited for each other",
    "40001": "broke off a transaction: another has changed the same",
}
"""By SQLSTATE (https://www.postgresql.org/docs/current/errcodes-appendix.html)."""

AWAY: Final = frozenset({"08", "28", "3D", "40", "53", "55", "57", "58", "F0", "XX"})
"""Classes of SQLSTATE that tell of the server, and of no statement."""


PASSING: Final = frozenset({"08", "40", "53", "55", "57"})
"""Those of them that may have passed in a moment."""


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


CurrentUrl = Callable[[], str | None]
"""Gives the URL of a database as it is set now."""


def make_engine(
    url: str | URL, connections: int, limits: str = SESSION, *, current_url: CurrentUrl | None = None
) -> Engine:
    """Return an engine of so many connections; none is made yet.

    `current_url` gives the URL whose user and password each is made with, where these may be others by then.
    """
    parsed = make_url(url)
    given = {
        "options": f"{limits} {parsed.query.get('options', '')}".strip(),
        "connect_timeout": parsed.query.get("connect_timeout", str(CONNECT_SECONDS)),
        "application_name": "opportunity-graph",
        "client_encoding": "utf8",  # whatever the database's is: else texts might come as bytes
    }
    engine = create_engine(
        parsed,
        pool_size=connections,
        max_overflow=0,
        pool_pre_ping=True,
        pool_use_lifo=True,
        hide_parameters=True,
        connect_args=given,
    )
    event.listen(engine, "checkin", _forget_mode)
    if current_url is not None:
        event.listen(engine, "do_connect", partial(_renew_credentials, current_url))
    return engine


def _renew_credentials(current_url: CurrentUrl, _: object, __: object, ___: object, parameters: dict[str, Any]) -> None:
    found = make_url(current_url() or "")
    for name, text in (("user", found.username), ("password", found.password)):
        parameters.pop(name, None)
        if text is not None:
            parameters[name] = text


def _forget_mode(connection: Any, _: object) -> None:
    # After reading SQLAlchemy sets it to `read write`, which would overrule an operator's `read only` for all changes.
    if connection is not None and not connection.closed:
        connection.read_only = None


def check(connection: Connection) -> str | None:
    """Return what is wrong with a database, whatever it holds: another encoding cannot keep every text."""
    found = connection.exec_driver_sql("SHOW server_encoding").scalar()
    return None if found == ENCODING else f"has the encoding {found}: make one with ENCODING '{ENCODING}'"


@contextmanager
def pipeline(connection: Connection) -> Iterator[Any]:
    """Send what the block runs together, in one round trip; yield the driver's connection.

    What SQLAlchemy's own statements return cannot be had; the rows and counts of the driver's cursors can.
    """
    from psycopg import Error

    if not connection.in_transaction():
        connection.begin()  # as its own statements would: who ends it must know of it
    driver: Any = connection.connection.driver_connection
    failure: Exception | None = None
    try:
        with driver.pipeline():
            try:
                yield driver
            except Exception as error:  # kept from the driver, which would log what it meets after that
                failure = error
    except Error as error:
        failure = failure or error
    if isinstance(failure, Error):  # met in no call of SQLAlchemy's
        raise exc.OperationalError(None, None, failure) from failure
    if failure is not None:
        raise failure


def is_mistake(error: exc.DBAPIError, *, writes: bool) -> bool:
    """Return whether a statement is wrong, and not the server away; `writes`: its transaction was to change things."""
    state = getattr(error.orig, "sqlstate", None)
    if state is None:  # there was no answer
        return isinstance(error, MISTAKES)
    return state != DENIED and state[:2] not in AWAY and not (writes and state == READ_ONLY_NOW)


def open_for_reading(engine: Engine) -> Any:
    """Return a connection of psycopg's, of nobody else, for single statements that find deals near in an order."""
    made: Any = engine.raw_connection()
    raw = made.driver_connection
    made.detach()
    raw.autocommit = True
    for setting in WALK:
        raw.execute(setting)
    return raw


def reason(url: URL, error: exc.DBAPIError) -> str:
    """Return in one line why the server cannot be used; libpq's own text may quote what the URL says."""
    said, state = str(error.orig).lower(), getattr(error.orig, "sqlstate", None)
    if state in REASONS:
        return in_words(url, state)
    if "too many" in said or "remaining connection slots" in said:  # refused at the door, which has no SQLSTATE here
        return in_words(url, "53300")
    if (refusal := _refusal(said)) is not None:
        return f"{_where(url)} {refusal}"
    return f"{_where(url)} {'did not answer in time' if 'timeout' in said else 'cannot be reached'}"


def is_full(error: exc.DBAPIError) -> bool:
    """Return whether the server has no room left."""
    return getattr(error.orig, "sqlstate", None) == FULL


def may_pass(error: exc.DBAPIError) -> bool:
    """Return whether the server may do in a moment what it does not now, though nobody changes a setting."""
    state = getattr(error.orig, "sqlstate", None)
    return _refusal(str(error.orig).lower()) is None if state is None else state[:2] in PASSING


def _refusal(said: str) -> str | None:
    """Return what a server means that opens no connection, by its words: there is no SQLSTATE."""
    if "password" in said or "authentication" in said or "no pg_hba.conf entry" in said or "role" in said:
        return "refuses the user or the password"
    if "database" in said and "does not exist" in said:
        return "has no database of that name"
    return None


def in_words(url: URL, state: str) -> str:
    """Return what one of the `REASONS` means, and of which server."""
    return f"{_where(url)} {REASONS[state]}"


def _where(url: URL) -> str:
    host = url.host or "the local socket"
    return f"PostgreSQL at {host}:{url.port}" if url.port else f"PostgreSQL at {host}"
