"""Which deals were read by their ids of late, by any process of the database, and which ones have changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

from sqlalchemy import BigInteger, Connection, Integer, LargeBinary, delete, func, select

from store.database import Database
from store.deals import STORED_DEAL, StoredDeal, stored_deal
from store.queries import Query, parameter
from store.sequence import insert_into
from store.shared_tables import FETCHED
from store.tables import ALIVE, DEALS
from store.together import chunks

CHANGES_AT_ONCE = 5_000


@dataclass(frozen=True, slots=True)
class Change:
    """A deal that another copy may differ from, if that was read before `at`, microseconds."""

    sequence: int
    source: str
    account: str
    source_id: str
    at: int


def mark_fetched(connection: Connection, times: Mapping[bytes, int]) -> None:
    """Note when these deals were read by their ids, microseconds; what is known to be later stays."""
    if times:
        statement = insert_into(connection.dialect.name, FETCHED)
        later = statement.on_conflict_do_update(
            index_elements=["id"],
            set_={"fetched_at": statement.excluded.fetched_at},
            where=statement.excluded.fetched_at > FETCHED.c.fetched_at,
        )
        # In one order, or two processes would wait for each other.
        rows = [{"id": id_, "fetched_at": times[id_]} for id_ in sorted(times)]
        connection.execute(later, rows if len(rows) > 1 else rows[0])  # the driver would sync twice for many


async def find_fetched(database: Database, ids: Sequence[bytes], *, since: int) -> list[tuple[StoredDeal, int]]:
    """Return those of these deals that were read by their ids since a time, and when; not what is gone."""
    found = []
    for part in chunks(ids):
        size = 1 << (len(part) - 1).bit_length()  # of few sizes, each prepared once
        given = {f"id_{number}": part[min(number, len(part) - 1)] for number in range(size)}
        found += await database.fetch(_those_fetched(size), {**given, "since": since})
    return [(stored_deal(row[:-1]), row[-1]) for row in found]


@cache
def _those_fetched(count: int) -> Query:
    ids = [parameter(f"id_{number}", LargeBinary()) for number in range(count)]
    chosen = select(*STORED_DEAL, FETCHED.c.fetched_at).join(FETCHED, FETCHED.c.id == DEALS.c.id)
    since = parameter("since", BigInteger())
    return Query(chosen.where(ALIVE, DEALS.c.is_whole == 1, DEALS.c.id.in_(ids), FETCHED.c.fetched_at >= since))


def forget_fetched(connection: Connection, *, before: int) -> None:
    """Forget what was read before a time: nobody would serve it as fresh."""
    # In their order too, and without what somebody marks just now, which is not so old any more.
    old = select(FETCHED.c.id).where(FETCHED.c.fetched_at < before).order_by(FETCHED.c.id)
    connection.execute(delete(FETCHED).where(FETCHED.c.id.in_(old.with_for_update(skip_locked=True))))


async def changed_since(database: Database, sequence: int) -> list[Change]:
    """Return the deals that have changed after a number, in its order: at most `CHANGES_AT_ONCE`, and the rest of the
    transaction that the last one is of."""
    after: dict[str, str | int | bytes | None] = {"after": sequence}
    rows = await database.fetch(_FIRST_CHANGES, {**after, "limit": CHANGES_AT_ONCE})
    if len(rows) == CHANGES_AT_ONCE:
        rows = await database.fetch(_CHANGES_UP_TO, {**after, "last": rows[-1][0]})
    return [Change(*row) for row in rows]


_AT: Final = func.coalesce(DEALS.c.deleted_at, DEALS.c.read_at)
_CHANGES: Final = (
    select(DEALS.c.sequence, DEALS.c.source, DEALS.c.account, DEALS.c.source_id, _AT)
    .where(DEALS.c.sequence > parameter("after", BigInteger()))
    .order_by(DEALS.c.sequence)
)
_FIRST_CHANGES: Final = Query(_CHANGES.limit(parameter("limit", Integer())))
_CHANGES_UP_TO: Final = Query(_CHANGES.where(DEALS.c.sequence <= parameter("last", BigInteger())))
