"""Rows of deals are written in the driver's own words; no index is touched whose columns stay as they were.

Most of what a change costs is its indexes. SQLite writes an entry of an index anew if a column of it is assigned,
whatever the value; so a row that is there is compared first, and of the indexed columns those that differ are
assigned. From a list of rows to the database it is the driver's work, in which the interpreter is free for others.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from typing import Any, Final

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Dialect,
    and_,
    bindparam,
    case,
    delete,
    insert,
    literal_column,
    or_,
    select,
    update,
)

from store.change_log import LOGGED_ACCOUNTS, Seen
from store.changes import LOGGED
from store.sequence import hold_and_ask, insert_into
from store.tables import ALIVE, CUSTOMER_NAMED, DEAL_ATTRIBUTES, DEAL_GROUPS, DEALS, GROUPED, NAMED, ROW
from store.together import ByValues, DriverStatement, chunks, together

Row = tuple[Any, ...]


ROWS_AT_ONCE: Final = 5
"""After which the writer may pause, whatever the database: half a millisecond's work, or one of new rows."""

ATTRIBUTES_AT_ONCE: Final = 25
"""After which it may pause, too."""

FOUND_BY_ID: Final = -1
"""The misses of a deal that sweeps have missed, and a request for it has found since: perhaps no list shows it."""

MOST_STATEMENTS: Final = 256
"""Of a few kilobytes each; there is one for each set of indexed columns that have changed together."""

_INDEXED: Final = tuple(
    name for name in ROW if any(name in index.columns for index in DEALS.indexes) and name not in ("id", "sequence")
)
_OWN: Final = ("id", "sequence", *_INDEXED, "body", "hash", "read_at", "is_whole", "deleted_at")
LOOKED_AT: Final = tuple(dict.fromkeys((*_OWN, "misses", *LOGGED, *GROUPED, *CUSTOMER_NAMED)))
"""Columns of the rows that `look` gives, in their order."""


body_of: Final[Callable[[Row], bytes]] = itemgetter(LOOKED_AT.index("body"))
"""Gives the body of a row that `look` gives."""


def column_of(name: str) -> Column[Any]:
    """Return the column of `WRITTEN` that has what a deal is written with."""
    return (DEAL_GROUPS if name in NAMED else DEALS).c[name]


WRITTEN: Final = DEALS.outerjoin(DEAL_GROUPS, DEAL_GROUPS.c.id == DEALS.c.group_id)
"""Deals with what only their groups keep."""

_KNOWN: Final = ByValues(select(*map(column_of, LOOKED_AT)).select_from(WRITTEN), DEALS.c.id)
_KNOWN_INDEXED: Final = slice(2, 2 + len(_INDEXED))
_INDEXED_OF: Final = itemgetter(*map(ROW.index, _INDEXED))
_VERSION_NAMES: Final = ("read_at", "hash", "is_whole")
_VERSION: Final = itemgetter(*map(ROW.index, _VERSION_NAMES))
_KNOWN_VERSION: Final = itemgetter(*map(LOOKED_AT.index, _VERSION_NAMES))
_READ_AT: Final = itemgetter(ROW.index("read_at"))
_BODY: Final = itemgetter(ROW.index("body"))
_KNOWN_DELETED_AT: Final = itemgetter(LOOKED_AT.index("deleted_at"))
_KNOWN_MISSES: Final = itemgetter(LOOKED_AT.index("misses"))
_LOGGED_OF: Final = itemgetter(*map(ROW.index, LOGGED))
_KNOWN_LOGGED: Final = itemgetter(*map(LOOKED_AT.index, LOGGED))
_ATTRIBUTES: Final = ByValues(select(DEAL_ATTRIBUTES), DEAL_ATTRIBUTES.c.deal_id)
_PARAMETERS: Final = (*[f"new_{name}" for name in ROW], "was")
"""Of the values of a row, and of its last number behind them."""

_INSERT_ATTRIBUTES: Final = insert(DEAL_ATTRIBUTES)
_FORGOTTEN: Final = delete(DEAL_ATTRIBUTES).where(DEAL_ATTRIBUTES.c.deal_id.in_(bindparam("ids", expanding=True)))


@dataclass(frozen=True, slots=True)
class Known:
    """What is there of some deals: their rows, as far as `write`, `seen` and `store.groups` need them, and their
    attributes, both by id; and the accounts whose changes are logged, each with its source."""

    rows: Mapping[bytes, Row]
    attributes: Mapping[bytes, set[Row]]
    logged: Collection[tuple[str, str]]


def look(connection: Connection, ids: Sequence[bytes]) -> Known:
    """Return the rows of these ids that are there.

    They stay as they are until the end of the transaction, which holds the sequence from then on.
    """
    logged = LOGGED_ACCOUNTS.text(connection.dialect, {})
    asked = [*_KNOWN.asked(connection, ids), *_ATTRIBUTES.asked(connection, ids), logged]
    *found, accounts = hold_and_ask(connection, asked)
    rows = {row[0]: row for part in found[: len(found) // 2] for row in part}
    attributes: dict[bytes, set[Row]] = {}
    for row in (row for part in found[len(found) // 2 :] for row in part):
        attributes.setdefault(row[0], set()).add(tuple(row))
    return Known(rows, attributes, {(source, account) for source, account in accounts})


def write(connection: Connection, rows: Sequence[Row], known: Mapping[bytes, Row], pause: Callable[[], None]) -> int:
    """Write rows, of which those that are `known` are there already; return how many were not newer meanwhile."""
    shapes: dict[tuple[str, ...] | None, list[Row]] = {}
    for row in rows:
        pause()
        was, shape = known.get(row[0]), None
        if was is not None:
            pairs = zip(_INDEXED, _INDEXED_OF(row), was[_KNOWN_INDEXED], strict=True)
            shape, row = tuple([name for name, new, old in pairs if new != old]), (*row, was[1])
        shapes.setdefault(shape, []).append(row)
    written = 0
    for shape, some in shapes.items():
        count = _run(connection, shape, some)
        if shape is not None and count < len(some):  # another process has written since our look
            count += _run(connection, None, some)
        written += count
    return written


def seen(
    rows: Iterable[Row],
    known: Mapping[bytes, Row],
    were: Mapping[bytes, tuple[bytes, Row]],
    pause: Callable[[], None],
) -> Iterator[Seen]:
    """Yield what the writing of these rows changes, of those that have another record than what is `known`.

    A deal that was gone is a new one. `were` has records and what they stand for today, in the columns that are logged.
    """
    for row in rows:
        pause()
        was = known.get(row[0])
        before = None
        if was is not None:
            if not is_replaced(was, *_VERSION(row)):
                continue
            if _KNOWN_DELETED_AT(was) is None:
                if body_of(was) == _BODY(row):
                    continue
                body, means = were.get(row[0], (None, ()))
                before = means if body == body_of(was) else _KNOWN_LOGGED(was)
        _, source, account, source_id, *_ = row
        yield Seen(source, account, source_id, _READ_AT(row), before, _LOGGED_OF(row))


def write_attributes(
    connection: Connection,
    attributes: Mapping[bytes, Sequence[Mapping[str, Any]]],
    known: Mapping[bytes, set[Row]],
    pause: Callable[[], None],
) -> None:
    """Write the attributes of deals, by their ids, in place of those that are `known`."""
    changed = []
    for id_, rows in attributes.items():
        pause()
        if known.get(id_, set()) != {tuple(row.values()) for row in rows}:
            changed.append(id_)
    old = [id_ for id_ in changed if id_ in known]
    new = [row for id_ in changed for row in attributes[id_]]
    if not changed:
        return
    with together(connection):
        for ids in chunks(old):
            connection.execute(_FORGOTTEN, {"ids": ids})
        for some in chunks(new, ATTRIBUTES_AT_ONCE):
            connection.execute(_INSERT_ATTRIBUTES, some)


def is_replaced(was: Row, read_at: int, hash_: bytes, is_whole: bool) -> bool:
    """Return whether what was read takes the place of what is known, as `_replaces` asks the database."""
    known_at, known_hash, known_whole = _KNOWN_VERSION(was)
    deleted_at = _KNOWN_DELETED_AT(was)
    if deleted_at is not None:
        return bool(read_at >= max(known_at, deleted_at))
    return bool(read_at >= known_at and (hash_ != known_hash or is_whole > known_whole))


def is_found_again(was: Row, read_at: int) -> bool:
    """Return whether what was read shows a deal that sweeps have missed."""
    known_at, *_ = _KNOWN_VERSION(was)
    return bool(_KNOWN_MISSES(was) and read_at > known_at)


def misses_of(was: Row | None, read_at: int, *, is_listed: bool) -> int:
    """Return the misses of a deal that is written: as a list has shown it, or a request for it."""
    misses = 0 if was is None or is_listed else int(_KNOWN_MISSES(was))
    return FOUND_BY_ID if was is not None and misses and read_at > _KNOWN_VERSION(was)[0] else misses


def write_found(connection: Connection, found: Iterable[tuple[bytes, int, int]], *, is_listed: bool) -> None:
    """Write when deals were found as they are, by id: each with the number of its last change, and the time."""
    misses = 0 if is_listed else FOUND_BY_ID
    _found(connection.dialect).run(connection, [(*one, misses) for one in found], ROWS_AT_ONCE)


def _run(connection: Connection, shape: tuple[str, ...] | None, rows: Sequence[Row]) -> int:
    return _statement(connection.dialect, shape).run(connection, rows, ROWS_AT_ONCE)


@lru_cache(MOST_STATEMENTS)
def _statement(dialect: Dialect, shape: tuple[str, ...] | None) -> DriverStatement:
    """Return what writes a row: without a shape one that may be there or not, else one of which these columns differ,
    of those that are indexed."""
    given = {name: bindparam(f"new_{name}", type_=column.type) for name, column in DEALS.c.items()}
    if shape is None:
        upsert = insert_into(dialect.name, DEALS).values(given)
        new = upsert.excluded
        set_ = {name: new[name] for name in given if name != "id"}
        statement = upsert.on_conflict_do_update(index_elements=["id"], set_=set_, where=_replaces(new))
        return DriverStatement(statement, dialect, _PARAMETERS)
    same = {"id", *_INDEXED}.difference(shape)
    as_it_was = (DEALS.c.id == given["id"], DEALS.c.sequence == bindparam("was", type_=DEALS.c.sequence.type))
    values = {name: given[name] for name in given if name not in same}
    return DriverStatement(update(DEALS).where(*as_it_was, _replaces(given)).values(values), dialect, _PARAMETERS)


@lru_cache(4)
def _found(dialect: Dialect) -> DriverStatement:
    """Return what moves the time at which a deal was read, and touches no index."""
    columns = DEALS.c
    none: ColumnElement[int] = literal_column("0")
    names = {"one": columns.id, "was": columns.sequence, "at": columns.read_at, "found": columns.misses}
    one, was, at, found = (bindparam(name, type_=column.type) for name, column in names.items())
    misses = case((columns.misses == none, none), else_=found)
    as_it_was = (columns.id == one, columns.sequence == was, ALIVE, columns.read_at < at)
    return DriverStatement(update(DEALS).where(*as_it_was).values(read_at=at, misses=misses), dialect, tuple(names))


def _replaces(new: Any) -> ColumnElement[bool]:
    """Return whether a row is newer than the one that is there, and differs."""
    old = DEALS.c
    return and_(
        new["read_at"] >= old.read_at,
        or_(old.deleted_at.is_(None), new["read_at"] >= old.deleted_at),
        or_(old.deleted_at.is_not(None), new["hash"] != old.hash, new["is_whole"] > old.is_whole),
    )
