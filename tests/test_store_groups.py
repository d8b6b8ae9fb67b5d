"""What deals have in common, by number: `store.groups`."""

import asyncio
import re
from threading import Event
from typing import Any
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, Table, event, func, select

from store import groups
from store.database import open_database
from store.deals import Deal, Evidence, delete, purge, upsert
from store.groups import forget_unused
from store.sequence import advance
from store.tables import CUSTOMER_NAMED, CUSTOMER_NAMES, DEAL_GROUPS, DEALS, GROUPED, NAMED, NAMES, NUMBERED
from tests.fuzzing import beside_databases
from tests.stores import connected, current, deal, key
from tests.waiting import PATIENCE_SECONDS

ADA = {"customer_name": "Ada", "customer_name_folded": "ada"}


def numbers(connection: Connection) -> dict[str, tuple[int, int]]:
    found = connection.execute(select(DEALS.c.source_id, DEALS.c.group_id, DEALS.c.customer_names_id))
    return {source_id: (group, names) for source_id, group, names in found}


def kept(connection: Connection, table: Table) -> int:
    return connection.scalar(select(func.count()).select_from(table)) or 0


def differing(connection: Connection) -> list[Any]:
    """Return deals of which something differs from what their numbers stand for."""
    found = []
    for table, columns, number in (
        (DEAL_GROUPS, GROUPED, "group_id"),
        (CUSTOMER_NAMES, CUSTOMER_NAMED, "customer_names_id"),
    ):
        joined = DEALS.join(table, table.c.id == DEALS.c[number], isouter=True)
        pairs = [(DEALS.c[one].label(f"own_{one}"), table.c[one]) for one in columns if one not in NAMED]
        for id_, *values in connection.execute(
            select(table.c.id, *(one for pair in pairs for one in pair)).select_from(joined)
        ):
            if id_ is None or values[::2] != values[1::2]:
                found.append(values)
    for name, number in NUMBERED.items():
        joined = DEALS.join(NAMES, NAMES.c.id == DEALS.c[number], isouter=True)
        query = select(DEALS.c[name], NAMES.c.key).select_from(joined)
        found += [(own, key_) for own, key_ in connection.execute(query) if own != key_]
    return found


def test_deals_that_are_alike_have_one_number_and_others_another(connection: Connection) -> None:
    upsert(
        connection, [deal(1, stage_name="Lead", **ADA), deal(2, stage_name="Lead"), deal(3, stage_name="LEAD"), deal(4)]
    )
    upsert(connection, [deal(5, stage_name="Lead", **ADA), deal(6, stage_name="")])
    found = numbers(connection)
    assert found["1"] == found["5"]
    assert len({group for group, _ in found.values()}) == 4
    assert len({names for _, names in found.values()}) == 2


changes = st.lists(
    st.tuples(
        st.integers(1, 4),
        st.fixed_dictionaries(
            {
                "status": st.sampled_from([None, "", "open", "won"]),
                "win_likelihood": st.sampled_from([None, 0, 2**63 - 1, 2**63]),
                "customer_company": st.sampled_from([None, "Acme", "a\0b", "\ud800"]),
                "owner_folded": st.sampled_from([None, "", "sales", "a\0b"]),
                "pipeline_folded": st.sampled_from([None, "sales"]),
            }
        ),
    ),
    max_size=12,
)


@given(changes=changes, at_once=st.integers(1, 5))
@beside_databases
def test_whatever_is_written_a_deal_is_as_its_numbers_say(
    store_kind: str, changes: list[tuple[int, dict[str, Any]]], at_once: int
) -> None:
    with connected(store_kind) as connection:
        for start in range(0, len(changes), at_once):
            upsert(connection, [deal(number, **values) for number, values in changes[start : start + at_once]])
            forget_unused(connection)
        assert differing(connection) == []
        assert kept(connection, DEAL_GROUPS) == len({group for group, _ in numbers(connection).values()})
        names = connection.scalars(select(DEALS.c.owner_folded).union(select(DEALS.c.pipeline_folded))).all()
        assert kept(connection, NAMES) == len(set(names) - {None})


def test_names_are_forgotten_with_the_last_deal_that_has_them(connection: Connection) -> None:
    upsert(connection, [deal(1, owner_name="Bo", owner_folded="bo", **ADA), deal(2, pipeline_folded="sales")])
    delete(connection, [key("nexudus:1")], evidence=Evidence.AUDIT, at=5)
    purge(connection, deleted_before=5)
    assert [kept(connection, table) for table in (DEAL_GROUPS, CUSTOMER_NAMES, NAMES)] == [2, 2, 2]
    purge(connection, deleted_before=6)
    assert [kept(connection, table) for table in (DEAL_GROUPS, CUSTOMER_NAMES, NAMES)] == [1, 1, 1]
    assert differing(connection) == []


def test_a_name_that_was_changed_is_forgotten(connection: Connection) -> None:
    upsert(connection, [deal(1, **ADA)])
    upsert(connection, [deal(1, read_at=2, customer_name="Bo", customer_name_folded="bo")])
    purge(connection, deleted_before=0)
    assert connection.scalars(select(CUSTOMER_NAMES.c.customer_name)).all() == ["Bo"]


def test_where_all_is_used_nothing_is_changed(connection: Connection) -> None:
    with connection.begin_nested():
        upsert(connection, [deal(1, **ADA)])
    before = current(connection)
    with connection.begin_nested():
        assert forget_unused(connection) == 0
    assert current(connection) == before


async def test_processes_that_write_at_once_give_no_number_twice(store_url: str) -> None:
    async with open_database(store_url) as one, open_database(store_url) as other:
        rows = [[deal(10 * turn + n, stage_name=f"{n}", status=f"{turn}") for n in range(10)] for turn in range(10)]
        for turn in range(0, 10, 2):
            await asyncio.gather(
                one.write(lambda connection, turn=turn: upsert(connection, rows[turn])),
                other.write(lambda connection, turn=turn: upsert(connection, rows[turn + 1])),
                other.write(forget_unused),
            )
        assert await one.read(differing) == []
        assert await one.read(lambda connection: kept(connection, DEAL_GROUPS)) == 100


async def test_what_a_writer_under_way_has_named_is_not_forgotten(store_url: str) -> None:
    begun, goes_on = Event(), Event()

    def write(connection: Connection) -> None:
        upsert(connection, [deal(2, status="open")])
        begun.set()
        assert goes_on.wait(PATIENCE_SECONDS)

    def released(connection: Connection) -> int:
        goes_on.set()
        return advance(connection)

    async with open_database(store_url) as one, open_database(store_url) as other:
        for read_at, status in enumerate(["open", "won"], 1):
            await one.write(lambda connection, row=(read_at, status): upsert(connection, [changed(*row)]))
        writing = asyncio.create_task(one.write(write))
        await asyncio.to_thread(begun.wait, 10)
        if not one.is_shared:  # nobody else begins before the writer has ended
            goes_on.set()
        with patch.object(groups, "advance", released):
            assert await other.write(forget_unused) == 0
        goes_on.set()
        await writing
        assert await one.read(differing) == []


def changed(read_at: int, status: str) -> Deal:
    return deal(1, read_at=read_at, status=status)


def test_what_a_deal_keeps_is_not_looked_for(connection: Connection) -> None:
    found: list[str] = []
    upsert(connection, [deal(1, owner_name="Bo", **ADA), deal(2, stage_name="Lead", owner_name="Bo", **ADA)])
    before = numbers(connection)
    event.listen(connection, "before_cursor_execute", lambda *given: found.append(given[2]))
    upsert(connection, [deal(1, read_at=2, name="another", owner_name="Bo", **ADA)])
    assert numbers(connection) == before
    assert not [one for one in found if re.search(r"(FROM|INTO) (deal_groups|customer_names|names)\b", one)]
    upsert(connection, [deal(1, read_at=3, stage_name="Lead", owner_name="Bo", **ADA)])
    assert numbers(connection)["1"] == before["2"]
