"""`store.fetched`: what was read by its id of late, and what has changed; and `store.sync_status`."""

from collections.abc import AsyncIterator
from functools import partial

import pytest
from sqlalchemy import Connection

from store import fetched
from store.database import Database, open_database
from store.deals import Evidence, delete, upsert
from store.fetched import changed_since, find_fetched, forget_fetched, mark_fetched
from store.sync_status import statuses, write_status
from tests.stores import deal, key


@pytest.fixture
async def database(store_url: str) -> AsyncIterator[Database]:
    """An empty store of each kind."""
    async with open_database(store_url) as found:
        yield found


async def test_what_was_read_by_its_id_since_a_time_is_found_with_that_time(database: Database) -> None:
    def write(connection: Connection) -> None:
        upsert(connection, [deal(number, is_whole=True) for number in range(4)] + [deal(9)])
        mark_fetched(connection, {key(f"nexudus:{number}"): at for number, at in ((0, 10), (1, 20), (9, 20), (77, 20))})
        delete(connection, [key("nexudus:3")], evidence=Evidence.AUDIT, at=30)
        mark_fetched(connection, {key("nexudus:3"): 25, key("nexudus:1"): 15})

    await database.write(write)
    ids = [key(f"nexudus:{number}") for number in (0, 1, 2, 3, 9, 77)]
    # Neither what is gone, nor what lists alone have had, nor what the store never had.
    assert [(found.source_id, at) for found, at in await find_fetched(database, ids, since=15)] == [("1", 20)]
    assert [found.source_id for found, _ in await find_fetched(database, ids[:1], since=10)] == ["0"]
    await database.write(lambda connection: forget_fetched(connection, before=15))
    assert [at for _, at in await find_fetched(database, ids, since=0)] == [20]
    assert await find_fetched(database, [], since=0) == []


async def test_changes_come_in_their_order_whole_transactions_at_a_time(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetched, "CHANGES_AT_ONCE", 2)
    for numbers in ((0,), (1, 2, 3), (4,)):
        deals = [deal(number, read_at=7) for number in numbers]
        await database.write(partial(upsert, deals=deals))
    first = await changed_since(database, 0)
    assert [change.source_id for change in first][:1] == ["0"]
    assert {change.source_id for change in first} == {"0", "1", "2", "3"}
    assert {change.at for change in first} == {7}
    (last,) = await changed_since(database, first[-1].sequence)
    assert (last.source, last.account, last.source_id) == ("nexudus", "", "4")
    assert await changed_since(database, last.sequence) == []


async def test_what_is_gone_has_changed(database: Database) -> None:
    await database.write(lambda connection: upsert(connection, [deal(1)]))
    (before,) = await changed_since(database, 0)
    await database.write(lambda connection: delete(connection, [key("nexudus:1")], evidence=Evidence.AUDIT, at=30))
    assert [change.at for change in await changed_since(database, before.sequence)] == [30]


def test_a_status_is_believed_for_a_while(connection: Connection) -> None:
    write_status(connection, "nexudus", "", b"first", at=1)
    write_status(connection, "nexudus", "", b"second", at=10)
    write_status(connection, "chartmogul", "", b"old", at=2)
    assert statuses(connection, since=5) == {("nexudus", ""): b"second"}
