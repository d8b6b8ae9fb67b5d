"""Pages of the store: `store.pages`, `store.paging`, `store.near`, `store.near_statements` and `store.walks`."""

import random
import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from functools import cache
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, delete, event, text, update

from store import near as near_pages
from store import walks as store_walks
from store.conditions import And, Compare, Condition, Not, Operator, Or, Search
from store.near import NEAR, find_near, near_page
from store.pages import FEW, OrderKey, Page, PageRequest, PageRow, Position, chunk, count, export, far_page, page
from store.paging import SORTED, body_of, full_order, id_of
from store.tables import DEALS, ORDERABLE
from tests.deal_rows import Deal, conditions, deal, deals, listed, orders, put
from tests.fuzzing import beside_databases
from tests.stores import connected, key

OPEN = Compare("status", Operator.EQ, "open")


def ids(rows: list[PageRow]) -> list[str]:
    return [row.id for row in rows]


def all_pages(connection: Connection, request: PageRequest) -> Iterator[Page]:
    position: Position | None = None
    while True:
        side = {"before": position} if request.is_backward else {"after": position}
        found = page(
            connection,
            PageRequest(request.condition, request.order, request.count, **side, is_backward=request.is_backward),
        )
        yield found
        if not (found.has_previous if request.is_backward else found.has_next):
            return
        position = found.rows[0 if request.is_backward else -1].position


@pytest.mark.programs
@given(
    rows=deals(),
    condition=st.none() | conditions,
    order=orders,
    size=st.integers(1, 7),
    is_backward=st.booleans(),
    near=st.sampled_from([0, 1, 3, NEAR]),
)
@beside_databases
def test_any_page_is_what_a_plain_filter_and_sort_give(
    store_kind: str,
    rows: list[Deal],
    condition: Condition | None,
    order: tuple[OrderKey, ...],
    size: int,
    is_backward: bool,
    near: int,
) -> None:
    with connected(store_kind) as connection, pytest.MonkeyPatch.context() as patch:
        patch.setattr(near_pages, "NEAR", near)
        put(connection, rows)
        expected = [one["id"] for one in listed(rows, condition, order)]
        seen: list[str] = []
        for found in all_pages(connection, PageRequest(condition, order, size, is_backward=is_backward)):
            assert len(found.rows) == min(size, len(expected) - len(seen))
            seen = ids(found.rows) + seen if is_backward else seen + ids(found.rows)
            before, after = len(seen) > len(found.rows), len(seen) < len(expected)
            assert (found.has_previous, found.has_next) == ((after, before) if is_backward else (before, after))
        assert seen == expected
        assert count(connection, condition) == len(expected)
        assert ids(list(export(connection, PageRequest(condition, order, size)))) == expected


@given(
    rows=deals(),
    order=orders,
    size=st.integers(1, 5),
    is_backward=st.booleans(),
    ends=st.tuples(st.integers(0, 30), st.integers(0, 30)),
)
@beside_databases
def test_a_page_between_two_positions_is_a_part_of_the_list(
    store_kind: str, rows: list[Deal], order: tuple[OrderKey, ...], size: int, is_backward: bool, ends: tuple[int, int]
) -> None:
    with connected(store_kind) as connection:
        put(connection, rows)
        everything = page(connection, PageRequest(None, order, 100)).rows
        if not everything:
            return
        first, last = (end % len(everything) for end in ends)
        between = everything[first + 1 : last]
        expected = between[-size:] if is_backward else between[:size]
        request = PageRequest(None, order, size, everything[first].position, everything[last].position, is_backward)
        found = page(connection, request)
        assert found.rows == expected
        if expected:
            assert (found.has_previous, found.has_next) == (True, True)
        of_parts = page(connection, replace(request, is_of_parts=True))
        assert [of_parts.position(place) for place in range(len(of_parts.found))] == [row.position for row in expected]
        assert list(map(body_of, of_parts.found)) == [row.body for row in expected]
        assert (of_parts.has_previous, of_parts.has_next) == (found.has_previous, found.has_next)


@pytest.mark.parametrize("size", range(1, 8))
@pytest.mark.parametrize("is_descending", [False, True])
@pytest.mark.parametrize("nulls_first", [False, True])
def test_fault_6_nulls_do_not_vanish_between_pages(
    connection: Connection, size: int, is_descending: bool, nulls_first: bool
) -> None:
    put(connection, [deal(number, value=value) for number, value in enumerate([None, 2, None, 1, 2, None, None])])
    order = (OrderKey("value", is_descending, nulls_first),)
    found = [row for one in all_pages(connection, PageRequest(None, order, size)) for row in one.rows]
    values = [row.position[0] for row in found]
    known = [2, 2, 1] if is_descending else [1, 2, 2]
    assert values == ([None] * 4 + known if nulls_first else known + [None] * 4)
    assert len({row.id for row in found}) == 7


@given(seed=st.integers(0, 2**32), order=orders, size=st.integers(1, 6))
@beside_databases
def test_fault_2_every_unchanged_deal_comes_once_while_others_come_change_and_go(
    store_kind: str, seed: int, order: tuple[OrderKey, ...], size: int
) -> None:
    chance = random.Random(seed)

    def some_values() -> dict[str, object]:
        return {"value": chance.choice([None, 1, 2, 3]), "status": chance.choice([None, "open", "won"])}

    with connected(store_kind) as connection:
        put(connection, [deal(number, **some_values()) for number in range(16)])
        unchanged = {key(f"nexudus:{number}") for number in range(0, 16, 2)}
        seen: list[str] = []
        for number, found in enumerate(all_pages(connection, PageRequest(None, order, size))):
            seen += ids(found.rows)
            other = key(f"nexudus:{chance.randrange(1, 16, 2)}")
            connection.execute(update(DEALS).where(DEALS.c.id == other).values(some_values()))
            connection.execute(delete(DEALS).where(DEALS.c.id == key(f"nexudus:{chance.randrange(1, 16, 2)}")))
            if number < 12:
                put(connection, [deal(1000 + number, **some_values())])
        assert sorted(one for one in seen if one in unchanged) == sorted(unchanged)


def test_fault_9_an_export_has_all_deals_however_many(connection: Connection) -> None:
    put(connection, [deal(number) for number in range(2500)])
    assert len({row.id for row in export(connection, PageRequest(None, (OrderKey("value"),), 1))}) == 2500
    assert count(connection, None) == 2500
    rows, following = chunk(connection, PageRequest(OPEN, (), 10))
    assert (rows, following) == ([], None)


def test_the_deal_of_a_position_may_be_gone(connection: Connection) -> None:
    put(connection, [deal(number, value=number) for number in range(3)])
    request = PageRequest(None, (OrderKey("value"),), 5, after=(1, key("nexudus:1")))
    connection.execute(delete(DEALS).where(DEALS.c.id == key("nexudus:1")))
    assert ids(page(connection, request).rows) == [key("nexudus:2")]
    connection.execute(delete(DEALS).where(DEALS.c.id == key("nexudus:2")))
    found = page(connection, request)
    assert (found.rows, found.has_previous, found.has_next) == ([], True, False)


def test_an_empty_page_behind_the_last_deal_has_that_deal_before_it(connection: Connection) -> None:
    put(connection, [deal(1, value=1)])
    found = page(connection, PageRequest(None, (OrderKey("value"),), 5, after=(1, key("nexudus:1"))))
    assert (found.rows, found.has_previous, found.has_next) == ([], True, False)


def test_a_position_of_another_order_is_refused(connection: Connection) -> None:
    with pytest.raises(ValueError, match="another order"):
        page(connection, PageRequest(None, (), 1, after=(1, key("nexudus:1"))))


def test_an_order_that_no_index_has_is_refused(connection: Connection) -> None:
    with pytest.raises(ValueError, match="not ordered by body"):
        page(connection, PageRequest(None, (OrderKey("body"),), 1))


def test_an_order_ends_with_the_id_and_begins_with_what_the_index_of_ids_has(connection: Connection) -> None:
    source, up, down = OrderKey("source", is_descending=True), OrderKey("id"), OrderKey("id", is_descending=True)
    assert full_order((up, OrderKey("value"))) == (up,), "no two deals have the same id"
    assert full_order((OrderKey("value"), down)) == (OrderKey("value"), down)
    assert full_order((source, down)) == full_order((source,)) == (down,)
    assert full_order((source, up)) == (source, up)
    put(connection, [deal(1), deal(2), deal(3, id=key("chartmogul:3"), source="chartmogul")])
    found = page(connection, PageRequest(None, (source, up), 5)).rows
    assert ids(found) == [key("nexudus:1"), key("nexudus:2"), key("chartmogul:3")]


@pytest.mark.parametrize("number", [FEW, FEW + 1])
def test_few_deals_that_meet_a_filter_are_listed_as_many_are(connection: Connection, number: int) -> None:
    rows = [deal(n, value=n % 7, search_public="acme") for n in range(number)] + [deal(number, value=1)]
    put(connection, rows)
    condition, order = Search("acme", is_personal=False), (OrderKey("value", is_descending=True),)
    found = [row.id for one in all_pages(connection, PageRequest(condition, order, 50)) for row in one.rows]
    assert found == [one["id"] for one in listed(rows, condition, order)]


@cache
def many_deals() -> list[Deal]:
    chance = random.Random(1)
    statuses = ("open", "won", "lost")
    return [
        deal(
            n, **{name: chance.choice([None, n]) for name in ORDERABLE if "_a" in name or name in ("value", "close_on")}
        )
        | {"status": statuses[n % 3], "pipeline_folded": f"p{n % 2}", "body": b"x" * 500}
        for n in range(3000)
    ]


def fill(connection: Connection) -> None:
    put(connection, many_deals())


@pytest.fixture
def connection(request: pytest.FixtureRequest, store_kind: str) -> Iterator[Connection]:
    """A connection to an empty store, or for those who look at plans to one with 3,000 deals."""
    with connected(store_kind, fill if "plans" in request.fixturenames else None) as found:
        yield found


@pytest.fixture
def plans(connection: Connection) -> Iterator[list[str]]:
    """The plans of all statements over 3,000 deals, as the database chooses them."""
    found: list[str] = []
    is_sqlite = connection.dialect.name == "sqlite"
    if not is_sqlite:
        # Of so few rows it would rather sort some: whether it must is the question.
        for setting in ("enable_sort", "enable_bitmapscan", "enable_seqscan"):
            connection.execute(text(f"SET LOCAL {setting} = off"))

    def explain(conn: Connection, cursor: object, statement: str, parameters: object, *_: object) -> None:
        if "SELECT deals.body, " in statement:
            with conn.connection.cursor() if not is_sqlite else closing(conn.connection.cursor()) as own:
                own.execute(("EXPLAIN QUERY PLAN " if is_sqlite else "EXPLAIN ") + statement, parameters)
                found.append("\n".join(str(row[-1]) for row in own.fetchall()))

    event.listen(connection.engine, "before_cursor_execute", explain)
    yield found
    event.remove(connection.engine, "before_cursor_execute", explain)


def plan_freely(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("RESET ALL"))
        connection.execute(text("ANALYZE deals"))


def walks(plan: str, column: str) -> bool:
    """Return whether a plan reads a part of the column's index, and neither sorts nor reads all rows."""
    plan = re.sub(r"SCAN (CONSTANT ROW|anon_\d+)", "", plan)  # the end of what is near, where the list ends before
    return f"deals_by_{column}" in plan and not any(word in plan for word in ("TEMP B-TREE", "Sort", "SCAN", "Seq"))


def test_a_page_reads_a_range_of_its_orders_index_at_any_depth(connection: Connection, plans: list[str]) -> None:
    conditions = (None, OPEN, And((OPEN, Compare("pipeline_folded", Operator.EQ, "p1"))))
    for column, is_descending in product(("updated_at", "value", "status"), (False, True)):
        order = (OrderKey(column, is_descending),)
        everything = page(connection, PageRequest(None, order, 3000)).rows
        for depth, condition, is_backward in product((100, 1500, 2900), conditions, (False, True)):
            position = everything[depth].position
            side = {"before": position} if is_backward else {"after": position}
            plans.clear()
            page(connection, PageRequest(condition, order, 5, **side, is_backward=is_backward))
            assert plans
            assert [(order, depth, plan) for plan in plans if not walks(plan, column)] == []


def test_a_filter_of_the_orders_column_narrows_the_range(connection: Connection, plans: list[str]) -> None:
    condition = And((Compare("value", Operator.GTE, 2990), Compare("value", Operator.LT, 2995)))
    page(connection, PageRequest(condition, (OrderKey("value"),), 5))
    assert "value<?" in plans[0] or "value < " in plans[0]
    assert walks(plans[0], "value")


def test_deals_of_one_customer_are_looked_up_whatever_the_order(connection: Connection, plans: list[str]) -> None:
    plan_freely(connection)
    page(connection, PageRequest(Compare("customer_email_folded", Operator.EQ, "a@b"), (OrderKey("updated_at"),), 5))
    assert all("deals_by_customer" in plan for plan in plans)


def test_a_filter_that_few_meet_does_not_walk_along_the_order(connection: Connection, plans: list[str]) -> None:
    plan_freely(connection)
    condition = Or((Compare("created_at", Operator.LT, 50), Compare("name_folded", Operator.EQ, "x")))
    page(connection, PageRequest(condition, (OrderKey("updated_at"),), 5))
    near, *plans = plans
    assert re.search(r"updated_at, ?\(?id\)?(::text)?\) ?<", near), "it looks around, and no further"
    assert not any("deals_by_updated_at" in plan for plan in plans)


@pytest.mark.parametrize(
    "condition",
    [
        Compare("pipeline_folded", Operator.IS_NULL, True),
        Compare("pipeline_folded", Operator.EQ, "rare"),
        And((OPEN, And((Compare("value", Operator.GTE, 0), Compare("pipeline_folded", Operator.EQ, "rare"))))),
    ],
)
def test_the_deals_of_few_groups_are_looked_up_though_the_orders_index_has_what_is_asked(
    connection: Connection, plans: list[str], condition: Condition
) -> None:
    """Of 100,000 deals the walk takes 14 ms, to look them up 2."""
    if connection.dialect.name == "postgresql":
        pytest.skip("PostgreSQL walks: it reads no groups for pages")
    few = [many_deals()[n] | deal(3_000 + n, pipeline_folded=name) for n, name in ((1, None), (2, "rare"), (6, "rare"))]
    few = [one | {"status": "open", "value": n, "updated_at": 9 - n} for n, one in enumerate(few)]
    put(connection, few)
    order = (OrderKey("updated_at"),)
    plans.clear()
    found = page(connection, PageRequest(condition, order, 5)).rows
    assert [row.id for row in found] == [one["id"] for one in listed([*many_deals(), *few], condition, order)]
    assert found
    near, *rest = plans
    assert "deals_by_updated_at" in near
    assert not any("deals_by_updated_at" in plan for plan in rest)


def test_a_statement_is_built_once_for_all_values_and_positions(connection: Connection) -> None:
    put(connection, [deal(n, value=n) for n in range(9)])
    caches = (store_walks._statements.cache, near_pages._query)
    for cache_ in caches:
        cache_.cache_clear()
    order = (OrderKey("updated_at"),)
    for value in (3, 5):
        condition = Not(Compare("value", Operator.LT, value))
        first = page(connection, PageRequest(condition, order, 2))
        second = page(connection, PageRequest(condition, order, 2, after=first.rows[-1].position))
        assert ids([*first.rows, *second.rows]) == [key(f"nexudus:{n}") for n in range(value, value + 4)]
        built = [cache_.cache_info().misses for cache_ in caches]
        assert sum(built) <= 6
    assert [cache_.cache_info().misses for cache_ in caches] == built


def test_of_deals_that_are_looked_up_no_statement_is_kept(connection: Connection) -> None:
    put(connection, [deal(n) for n in range(3)])
    store_walks._statements.cache.cache_clear()
    found = page(connection, PageRequest(Compare("status", Operator.NE, "open"), (OrderKey("updated_at"),), 2))
    assert len(found.rows) == 2
    found = page(connection, PageRequest(Compare("id", Operator.IN, [key("nexudus:1")]), (OrderKey("updated_at"),), 2))
    assert ids(found.rows) == [key("nexudus:1")]
    assert store_walks._statements.cache.cache_info().currsize <= 1
    for operator, value in ((Operator.EQ, "x"), (Operator.IN, ("x", "y"))):
        looked_up = And((OPEN, Compare("name_folded", operator, value)))
        assert near_page(PageRequest(looked_up, (OrderKey("updated_at"),), 2)) is None


def test_lists_of_as_many_values_are_asked_for_with_one_statement(connection: Connection) -> None:
    put(connection, [deal(n, status=status, value=n) for n, status in enumerate(("open", "won", "lost", None))])
    near_pages._query.cache_clear()
    for operator, expected in ((Operator.IN, [0, 1]), (Operator.NOT_IN, [2, 3])):
        for values in (("open", "won", None), ("won", "open"), ("won", "open", 2**70)):
            found = page(connection, PageRequest(Compare("status", operator, values), (OrderKey("value"),), 4))
            assert [row.position[0] for row in found.rows] == expected
    assert near_pages._query.cache_info().currsize == 2


def test_a_filter_of_the_orders_column_begins_where_its_deals_are(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not at the list's first deals, none of which meets it."""
    put(connection, [deal(n, value=n, status="open") for n in range(20)])
    monkeypatch.setattr(near_pages, "NEAR", 4)
    condition = And((OPEN, Compare("value", Operator.LT, 9)))
    near = near_page(PageRequest(condition, (OrderKey("value", is_descending=True),), 3))
    assert near is not None
    found = find_near(connection, near)
    assert found is not None
    assert ids(found.rows) == [key("nexudus:8"), key("nexudus:7"), key("nexudus:6")]


UNUSUAL = Or((Compare("won_at", Operator.EQ, 1), Compare("lost_at", Operator.EQ, 1)))
"""Met by some, which no index of the order tells."""


def test_what_is_near_does_not_fill_a_page_with_deals_from_further_on(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(connection, [deal(n, value=n if n < 6 else None, won_at=1) for n in range(10)])
    monkeypatch.setattr(near_pages, "NEAR", 1)
    found = page(connection, PageRequest(UNUSUAL, (OrderKey("value"),), 3))
    assert ids(found.rows) == [key("nexudus:0"), key("nexudus:1"), key("nexudus:2")]


def test_that_nothing_is_near_does_not_mean_that_nothing_comes_before(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(connection, [deal(n, value=n, won_at=int(n in (0, 6, 7, 8))) for n in range(10)])
    monkeypatch.setattr(near_pages, "NEAR", 2)
    found = page(connection, PageRequest(UNUSUAL, (OrderKey("value"),), 1, after=(5, key("nexudus:5"))))
    assert (ids(found.rows), found.has_previous) == ([key("nexudus:6")], True)


LATE = Compare("value", Operator.GTE, 5)


@pytest.mark.parametrize(
    ("condition", "after"), [(None, 2), (OPEN, 2), (LATE, 7), (And((OPEN, LATE)), None)], ids=lambda it: str(it)[:20]
)
def test_the_last_page_of_a_list_is_found_as_all_others_are(
    connection: Connection, condition: Condition | None, after: int | None
) -> None:
    put(connection, [deal(n, value=n, status="open") for n in range(10)])
    position = None if after is None else (after, key(f"nexudus:{after}"))
    request = PageRequest(condition, (OrderKey("value", is_descending=True),), 7, after=position)
    near = near_page(request)
    assert near is not None
    found = find_near(connection, near)
    assert found is not None
    assert found.has_next is False
    assert found == far_page(connection, request)


@pytest.mark.parametrize("condition", [None, OPEN])
def test_deals_without_a_value_are_behind_the_last_that_has_one(
    connection: Connection, condition: Condition | None
) -> None:
    put(connection, [deal(n, value=n or None, status="open") for n in range(3)])
    request = PageRequest(condition, (OrderKey("value"),), 5, after=(1, key("nexudus:1")))
    assert ids(page(connection, request).rows) == [key("nexudus:2"), key("nexudus:0")]


def test_what_a_look_has_not_come_to_is_behind_the_page(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(connection, [deal(n, value=n, status="open", won_at=int(n in (0, 1, 9))) for n in range(10)])
    monkeypatch.setattr(near_pages, "NEAR", 2)
    for condition in (UNUSUAL, And((UNUSUAL, Compare("value", Operator.LT, 20)))):
        found = page(connection, PageRequest(condition, (OrderKey("value"),), 2, after=(0, key("nexudus:0"))))
        assert ids(found.rows) == [key("nexudus:1"), key("nexudus:9")]


def test_a_page_by_customers_addresses_begins_where_its_cursor_is_also_behind_those_without(
    connection: Connection, plans: list[str]
) -> None:
    for is_descending, position in product((False, True), (("a@b", key("nexudus:1")), (None, key("nexudus:1500")))):
        order = (OrderKey("customer_email_folded", is_descending, nulls_first=position[0] is None),)
        page(connection, PageRequest(None, order, 50, after=position))
    assert plans
    assert [plan for plan in plans if not walks(plan, "customer_email_folded")] == []


def test_a_page_by_customers_ids_reads_the_deals_of_each_account_in_their_order(
    connection: Connection, plans: list[str]
) -> None:
    put(connection, [deal(1, id=key("chartmogul@eu:1"), source="chartmogul", account="eu", customer_source_id="c")])
    for is_descending in (False, True):
        order = (OrderKey("customer_source_id", is_descending),)
        assert len(page(connection, PageRequest(None, order, 50, after=("b", key("nexudus:1")))).rows) in (0, 50)
    assert plans
    assert all("deals_by_customer_id" in plan for plan in plans)


def test_a_page_of_parts_has_no_more_than_is_shown_wherever_its_deals_are_near(connection: Connection) -> None:
    put(connection, [deal(n, value=n, status="won" if n < 5 else "open") for n in range(2_000)])
    for status, is_of_parts in (("open", True), ("won", False)):
        condition = Compare("status", Operator.EQ, status)
        order = (OrderKey("value", is_descending=True),)
        found = page(connection, PageRequest(condition, order, 3, is_of_parts=True))
        assert found.is_of_parts is is_of_parts
        assert {len(row) for row in found.found} == {4 if is_of_parts else 9}
        assert found.position(0) == (1_999 if is_of_parts else 4, id_of(found.found[0]))


@pytest.mark.parametrize("column", sorted(SORTED))
def test_a_page_by_what_has_no_index_sorts_no_more_than_ids(
    connection: Connection, plans: list[str], column: str
) -> None:
    first = 4 if column in ("lead_source", "loss_reason") else "EUR"
    for position in ((first, key("nexudus:1")), (None, key("nexudus:1500"))):
        page(connection, PageRequest(None, (OrderKey(column),), 50, after=position))
    assert plans
    if connection.dialect.name == "sqlite":
        assert all("COVERING INDEX deals_grouped" in plan for plan in plans)
    elif column == "currency":
        assert all("deals_by_currency" in plan for plan in plans)
