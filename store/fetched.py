"""Which deals were read by their ids of late, by any process of the database, and which ones have changed."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, select

from store.deals import STORED_DEAL, StoredDeal, chunks, stored_deal
from store.sequence import insert_into
from store.tables import ALIVE, DEALS, FETCHED

CHANGES_AT_ONCE = 5_000


@dataclass(frozen=True, slots=True)
class Change:
    """A deal that another copy may differ from, if that was read before `at`, microseconds."""

    sequence: int
    source: str
    account: str
    source_id: str
    at: int


def mark_fetched(connection: Connection, times: Mapping[str, int]) -> None:
    """Note when these deals were read by their ids, microseconds; what is known to be later stays."""
    if times:
        statement = insert_into(connection.dialect.name, FETCHED)
        later = statement.on_conflict_do_update(
            index_elements=["id"],
            set_={"fetched_at": statement.excluded.fetched_at},
            where=statement.excluded.fetched_at > FETCHED.c.fetched_at,
        )
        # In one order, or two processes would wait for each other.
        connection.execute(later, [{"id": id_, "fetched_at": times[id_]} for id_ in sorted(times)])


def find_fetched(connection: Connection, ids: Collection[str], *, since: int) -> list[tuple[StoredDeal, int]]:
    """Return those of these deals that were read by their ids since a time, and when; not what is gone."""
    chosen = select(*STORED_DEAL, FETCHED.c.fetched_at).join(FETCHED, FETCHED.c.id == DEALS.c.id)
    return [
        (stored_deal(row[:-1]), row[-1])
        for part in chunks(ids)
        for row in connection.execute(
            chosen.where(ALIVE, DEALS.c.is_whole == 1, DEALS.c.id.in_(part), FETCHED.c.fetched_at >= since)
        )
    ]


def forget_fetched(connection: Connection, *, before: int) -> None:
    """Forget what was read before a time: nobody would serve it as fresh."""
    connection.execute(delete(FETCHED).where(FETCHED.c.fetched_at < before))


def changed_since(connection: Connection, sequence: int) -> list[Change]:
    """Return the deals that have changed after a number, in its order: at most `CHANGES_AT_ONCE`, and the rest of the
    transaction that the last one is of."""
    later = DEALS.c.sequence > sequence
    last = connection.scalar(
        select(DEALS.c.sequence).where(later).order_by(DEALS.c.sequence).offset(CHANGES_AT_ONCE - 1).limit(1)
    )
    at = func.coalesce(DEALS.c.deleted_at, DEALS.c.read_at)
    chosen = select(DEALS.c.sequence, DEALS.c.source, DEALS.c.account, DEALS.c.source_id, at).where(later)
    chosen = chosen if last is None else chosen.where(DEALS.c.sequence <= last)
    return [Change(*row) for row in connection.execute(chosen.order_by(DEALS.c.sequence))]
