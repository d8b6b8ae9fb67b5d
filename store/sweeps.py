"""Sweeps are remembered page by page: where one goes on after a restart, what it has seen, and what it has not.

The ids seen on a page and the position of the next one are one transaction, with the last of its deals or after
them. Only a sweep that has read all pages says anything of deals that it has not seen.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Dialect, and_, case, delete, exists, func, or_, select, update

from store import change_log
from store.deal_rows import FOUND_BY_ID
from store.deals import StoredDeal, count_alive, deal_id
from store.sequence import hold, insert_into
from store.tables import ALIVE, CUSTOMERS, DEALS, SWEPT, SYNC_STATE
from store.together import IDS_AT_ONCE, DriverStatement

SKEW_MICROSECONDS = 60_000_000
"""By which the clocks of two processes that sync one after the other may differ."""

SEVERAL = ""
"""The derivation of an account's deals whose columns were not all made by the same."""

MISSES_OF_GONE = 2
"""Complete sweeps in a row that must have missed a deal before that is evidence."""


class SweepLost(Exception):
    """The sweep is no longer the one under way: it has ended, or another process has begun a new one."""


@dataclass(frozen=True, slots=True)
class SyncState:
    """What is known of an account's deals; times are microseconds, `store/tables.py` says more of each.

    `derivation`: by what their columns were made, None where that is not known; `sweep_derivation` is that of those
    which the sweep under way has read.
    """

    source: str
    account: str
    sweep: int | None
    sweep_position: str | None
    sweep_started_at: int | None
    sweep_rows: int
    sweep_total: int | None
    last_sweep_started_at: int | None
    last_sweep_at: int | None
    last_sweep_rows: int | None
    drift: int | None
    changes_until: int | None
    deletions_until: int | None
    derivation: str | None
    sweep_derivation: str | None

    @property
    def as_of(self) -> int | None:
        """The moment up to which everything was seen; None before the first complete sweep."""
        if self.last_sweep_started_at is None:
            return None
        return max(self.last_sweep_started_at, self.changes_until or 0)

    @property
    def expected_rows(self) -> int | None:
        """How many rows the sweep under way has in all: as the vendor counts, else as the last one had."""
        return self.sweep_total or self.last_sweep_rows

    @property
    def is_complete(self) -> bool:
        """Whether the store has all deals that the vendor counts, as far as is known."""
        return self.last_sweep_at is not None and (self.drift is None or self.drift >= 0)


_STATES = select(*(SYNC_STATE.c[one.name] for one in fields(SyncState)))


def state(connection: Connection) -> dict[tuple[str, str], SyncState]:
    """Return what is known, by source and account; nothing of those that were never swept."""
    rows = connection.execute(_STATES)
    return {(row[0], row[1]): SyncState(*row) for row in rows}


def begin_sweep(
    connection: Connection, source: str, account: str = "", *, at: int, derivation: str | None = None
) -> int:
    """Begin a sweep, in place of any that is under way; return its number. `derivation` makes its columns."""
    hold(connection)
    number = (connection.scalar(select(SYNC_STATE.c.sweep).where(*_of(SYNC_STATE, source, account))) or 0) + 1
    number = max(number, at)  # never one that was there before
    values = {"sweep": number, "sweep_started_at": at, "sweep_derivation": derivation}
    _set(connection, source, account, {**_NO_SWEEP, **values})
    connection.execute(delete(SWEPT).where(*_of(SWEPT, source, account)))
    return number


def continue_sweep(
    connection: Connection,
    source: str,
    account: str = "",
    *,
    sweep: int,
    seen: Iterable[str],
    position: str | None,
    total: int | None = None,
    derivation: str | None = None,
) -> int:
    """Remember a page: the source's own ids on it and where the next one is; return how many were not seen before.

    `derivation` made the columns of all pages so far. Raises SweepLost.
    """
    _require(connection, source, account, sweep)
    rows = [(source, account, deal_id(source, account, one)) for one in dict.fromkeys(seen)]
    new = _swept(connection.dialect).run(connection, rows, IDS_AT_ONCE)
    values: dict[str, Any] = {"sweep_position": position, "sweep_rows": SYNC_STATE.c.sweep_rows + new}
    values["sweep_derivation"] = derivation
    if total is not None:
        values["sweep_total"] = total
    connection.execute(update(SYNC_STATE).where(*_of(SYNC_STATE, source, account)).values(values))
    return new


def missing_after(connection: Connection, source: str, account: str = "") -> list[str]:
    """Return the source's ids of the deals that the sweep under way has not seen, but for those read since it began.

    The first are those whose copy is the oldest.
    """
    unseen = select(DEALS.c.source_id).where(_unseen(source, account))
    return list(connection.scalars(unseen.order_by(DEALS.c.read_at, DEALS.c.id)))


def note_misses(connection: Connection, source: str, account: str = "", *, sweep: int) -> list[bytes]:
    """Count a miss for each deal that the sweep has not seen, none for those seen; return the ids that are due.

    To be called once, when all pages are read. Those due are what two complete sweeps in a row have missed; whether
    they are deleted is for who calls to say, who knows how many deals there are (`store.deals.count_alive`).
    Raises SweepLost.
    """
    _require(connection, source, account, sweep)
    unseen = _unseen(source, account)
    misses = DEALS.c.misses
    more = case((misses > 0, misses + 1), else_=1)  # what was found by its id is missed for the first time
    connection.execute(update(DEALS).where(unseen).values(misses=more))
    unlisted = (*_of(DEALS, source, account), ALIVE, misses == 0, ~_SEEN)  # what was read meanwhile, perhaps by its id
    connection.execute(update(DEALS).where(*unlisted).values(misses=FOUND_BY_ID))
    connection.execute(update(DEALS).where(*_of(DEALS, source, account), misses != 0, _SEEN).values(misses=0))
    due = select(DEALS.c.id).where(unseen, misses >= MISSES_OF_GONE)
    return list(connection.scalars(due.order_by(DEALS.c.id)))


def finish_sweep(
    connection: Connection,
    source: str,
    account: str = "",
    *,
    sweep: int,
    at: int,
    is_complete: bool = True,
    has_read_all: bool = True,
) -> SyncState:
    """End a sweep that has read all pages, after what is missing was deleted; return what is known then.

    One that is not complete may have missed deals: it leaves behind its drift, and is not the last complete one.
    What it has seen and the store has not, since it could not be read, is drift in any case: nothing makes up for it.
    With `has_read_all` the columns of all deals are known to be of its derivation. Raises SweepLost.
    """
    _require(connection, source, account, sweep)
    columns = SYNC_STATE.c
    is_stored = exists().where(DEALS.c.id == SWEPT.c.deal_id)
    unread = -(connection.scalar(select(func.count()).where(*_of(SWEPT, source, account), ~is_stored)) or 0)
    # Null where no total is told.
    drift = count_alive(connection, source, account) - columns.sweep_total
    values: dict[str, Any] = {"drift": case((drift < unread, drift), else_=unread) if unread else drift}
    if has_read_all:
        values["derivation"] = columns.sweep_derivation
    if is_complete:
        values |= {"last_sweep_started_at": columns.sweep_started_at, "last_sweep_at": at}
        values |= {"last_sweep_rows": columns.sweep_rows}
    connection.execute(update(SYNC_STATE).where(*_of(SYNC_STATE, source, account)).values(values))
    abandon_sweep(connection, source, account)
    return state(connection)[source, account]


def abandon_sweep(connection: Connection, source: str, account: str = "") -> None:
    """Forget the sweep under way, and what it has seen."""
    _set(connection, source, account, _NO_SWEEP)
    connection.execute(delete(SWEPT).where(*_of(SWEPT, source, account)))


def mix_derivations(connection: Connection, source: str, account: str = "") -> None:
    """Note that from now on the columns of some deals are made otherwise than those of the others."""
    _set(connection, source, account, {"derivation": SEVERAL})


def newest_seen(connection: Connection, source: str, account: str = "") -> tuple[str, int] | None:
    """Return the source's id of the deal that was changed last before the last complete sweep began, of those that were
    stored when it ended and have not been read since, and when its source says that was; None where no deal has such a
    time. One before 1970 is none: a vendor writes the first year of all for it, and no time lies before that."""
    began, ended = (
        select(column).where(*_of(SYNC_STATE, source, account)).scalar_subquery()
        for column in (SYNC_STATE.c.last_sweep_started_at, SYNC_STATE.c.last_sweep_at)
    )
    # The first sweep of all is what has read them.
    listed = (*_of(DEALS, source, account), ALIVE, DEALS.c.misses == 0, DEALS.c.read_at <= ended)
    changed_at = DEALS.c.updated_at
    dated = select(DEALS.c.source_id, changed_at).where(*listed, changed_at.between(0, began))
    newest = dated.order_by(changed_at.desc()).limit(1)
    found = connection.execute(newest).one_or_none()
    return None if found is None else (found[0], found[1])


def note_watermarks(
    connection: Connection,
    source: str,
    account: str = "",
    *,
    changes_until: int | None = None,
    deletions_until: int | None = None,
) -> None:
    """Remember until when changes and deletions are known; what is not given stays, and so does what is later: two
    processes may sync for a moment, one after the other."""
    given = {"changes_until": changes_until, "deletions_until": deletions_until}
    hold(connection)
    known = state(connection).get((source, account))
    later = {name: value for name, value in given.items() if value is not None}
    if values := {name: value for name, value in later.items() if value > (getattr(known, name, None) or 0)}:
        _set(connection, source, account, values)


def forget_changes_until(connection: Connection, source: str, account: str = "") -> None:
    """Forget until when changes are known: what said so has left some out. What the last sweep has read stays known."""
    _set(connection, source, account, {"changes_until": None})


def forget_future(connection: Connection, source: str, account: str = "", *, at: int) -> bool:
    """Return whether something was remembered of a time after `at`, and forget it: then a clock was ahead.

    Until when the store knew all is then unknown, until the next sweep; and what is read from now on is newer than
    what is stored, or nothing of it would be taken until the clock has caught up.
    """
    known = state(connection).get((source, account))
    if known is None or max((getattr(known, name) or 0 for name in _TIMES), default=0) <= at + SKEW_MICROSECONDS:
        return False
    set_back(connection, source, account, later_than=at, at=at)
    abandon_sweep(connection, source, account)
    _set(connection, source, account, dict.fromkeys(_TIMES))
    return True


def is_ahead(deal: StoredDeal, now: int) -> bool:
    """Return whether a deal was read, or seen to be gone, later than a clock that is right can say now."""
    return max(deal.read_at, deal.deleted_at or 0) > now + SKEW_MICROSECONDS


def has_future(connection: Connection, source: str, account: str = "", *, now: int) -> bool:
    """Return whether some deal is ahead (`is_ahead`); all of them are looked through."""
    seen_at = (DEALS.c.read_at, DEALS.c.deleted_at)
    ahead = or_(*(column > now + SKEW_MICROSECONDS for column in seen_at))
    return connection.scalar(select(DEALS.c.id).where(*_of(DEALS, source, account), ahead).limit(1)) is not None


def confirmed_at(deal: StoredDeal, known: SyncState | None, *, now: int) -> int:
    """Return when a stored deal was last known to be as its source has it: unchanged ones are not written again. 0 if
    nobody knows when that was, since a clock that is ahead has read it.

    That is the moment that lists tell of their source (`SyncState.as_of`), or later that of its own reading. This alone
    counts for a deal that lists may leave out (`misses`), or from which they leave something out.
    """
    is_confirmed = known is not None and known.is_complete and deal.is_whole and not deal.misses
    seen_at = (known.as_of or 0) if known is not None and is_confirmed else 0
    is_known = seen_at <= now + SKEW_MICROSECONDS  # else a clock was ahead, which sync finds out soon
    return max(0 if is_ahead(deal, now) else deal.read_at, seen_at if is_known else 0)


def set_back(connection: Connection, source: str, account: str = "", *, later_than: int, at: int) -> None:
    """Have what was seen after `later_than`, by a clock that was ahead, be seen `at`: it would keep away what is newer.

    Nobody knows when that was; all else keeps its time, and with it what is newer.
    """
    hold(connection)
    change_log.forget_future(connection, source, account, later_than=later_than, at=at)
    for table, column in ((DEALS, "read_at"), (CUSTOMERS, "read_at"), (DEALS, "deleted_at")):
        late = (*_of(table, source, account), table.c[column] > later_than)
        connection.execute(update(table).where(*late).values({column: at}))


@lru_cache(4)
def _swept(dialect: Dialect) -> DriverStatement:
    names = ("source", "account", "deal_id")
    return DriverStatement(insert_into(dialect.name, SWEPT).on_conflict_do_nothing(), dialect, names)


_NO_SWEEP: Mapping[str, Any] = {
    "sweep": None,
    "sweep_position": None,
    "sweep_started_at": None,
    "sweep_rows": 0,
    "sweep_total": None,
    "sweep_derivation": None,
}
_TIMES = ("sweep_started_at", "last_sweep_started_at", "last_sweep_at", "changes_until", "deletions_until")


def _of(table: Any, source: str, account: str) -> Sequence[ColumnElement[bool]]:
    return (table.c.source == source, table.c.account == account)


_SEEN = exists().where(
    SWEPT.c.source == DEALS.c.source, SWEPT.c.account == DEALS.c.account, SWEPT.c.deal_id == DEALS.c.id
)


def _unseen(source: str, account: str) -> ColumnElement[bool]:
    began = select(SYNC_STATE.c.sweep_started_at).where(*_of(SYNC_STATE, source, account)).scalar_subquery()
    return and_(*_of(DEALS, source, account), ALIVE, DEALS.c.read_at < began, ~_SEEN)


def _require(connection: Connection, source: str, account: str, sweep: int) -> None:
    hold(connection)  # with another process at work, who comes second waits, and finds the sweep gone
    if connection.scalar(select(SYNC_STATE.c.sweep).where(*_of(SYNC_STATE, source, account))) != sweep:
        raise SweepLost


def _set(connection: Connection, source: str, account: str, values: Mapping[str, Any]) -> None:
    hold(connection)
    statement = insert_into(connection.dialect.name, SYNC_STATE).values(source=source, account=account, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=["source", "account"], set_=values))
