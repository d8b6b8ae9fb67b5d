"""`schema.deals.orders`, `store.order_columns`: lists ordered by custom attributes, and what is refused."""

from typing import Any

import msgspec
import pytest
from sqlalchemy import Connection, event

from store.pages import PageRequest, page
from store.paging import OrderKey, by_attribute
from store.walks import _statements
from tests.deal_lists import WITHOUT_CONTACTS, DealGraph, deal, open_deals, simulated

CHARTMOGUL = simulated()["chartmogul"][0]
VALUES: dict[int, Any] = {
    1: "Beta",
    2: 10,
    3: True,
    4: "alpha",
    5: 2.5,
    6: False,
    7: ["a list"],
    8: None,
    9: -3,
}
WITHOUT = [7, 8]
ASCENDING = [6, 3, 9, 5, 2, 4, 1]
NO_KEY = "`orderBy[0].key` must have from 1 to 200 characters."
QUERY = """query ($order: [OpportunityOrder!], $after: String, $first: Int, $last: Int, $before: String) {
  opportunities(orderBy: $order, first: $first, after: $after, last: $last, before: $before) {
    nodes { sourceId } pageInfo { endCursor startCursor }
  }
}"""


def several() -> list[Any]:
    return [
        deal(
            "chartmogul",
            msgspec.structs.replace(
                CHARTMOGUL, uuid=f"0000000{n}-0000-0000-0000-000000000000", custom={"worth": value}
            ),
        )
        for n, value in VALUES.items()
    ]


async def pages(graph: DealGraph, order: Any, size: int, *, is_backward: bool) -> list[int]:
    """Return a list's deals, page by page from its start or from its end."""
    found: list[int] = []
    count, argument, edge = ("last", "before", "startCursor") if is_backward else ("first", "after", "endCursor")
    cursor = None
    while True:
        page = (await graph.data(QUERY, order=order, **{count: size, argument: cursor}))["opportunities"]
        numbers = [int(one["sourceId"][7]) for one in page["nodes"]]
        found = numbers + found if is_backward else found + numbers
        cursor = page["pageInfo"][edge]
        if cursor is None:
            return found


@pytest.mark.parametrize("is_backward", [False, True])
@pytest.mark.parametrize("size", [1, 2, 50])
@pytest.mark.parametrize("nulls", ["FIRST", "LAST"])
@pytest.mark.parametrize("direction", ["ASC", "DESC"])
async def test_kinds_of_a_custom_attribute_come_one_after_the_other(
    direction: str, nulls: str, size: int, is_backward: bool, store_url: str
) -> None:
    order = [{"field": "CUSTOM", "key": "worth", "direction": direction, "nulls": nulls}]
    known = ASCENDING if direction == "ASC" else ASCENDING[::-1]
    without = WITHOUT if direction == "ASC" else WITHOUT[::-1]
    async with open_deals(*several(), url=store_url) as graph:
        found = await pages(graph, order, size, is_backward=is_backward)
        assert found == (without + known if nulls == "FIRST" else known + without)


@pytest.mark.parametrize(
    ("order", "refusal"),
    {
        "[{field: CUSTOM}]": "`orderBy[0].key` must be given with the field `CUSTOM`, and with no other.",
        '[{field: VALUE, key: "worth"}]': "`orderBy[0].key` must be given with the field `CUSTOM`, and with no other.",
        '[{field: CUSTOM, key: "a"}, {field: CUSTOM, key: "a"}]': (
            "`orderBy[1]` repeats a field that stands before it: give each once."
        ),
        '[{field: CUSTOM, key: "a"}, {field: CUSTOM, key: "b"}, {field: CUSTOM, key: "c"}]': (
            "`orderBy` takes at most 2 custom attributes, not 3."
        ),
        f'[{{field: CUSTOM, key: "{"a" * 201}"}}]': NO_KEY,
        '[{field: CUSTOM, key: ""}]': NO_KEY,
    }.items(),
)
async def test_wrong_orders_by_custom_attributes_are_refused_at_their_list(order: str, refusal: str) -> None:
    async with open_deals() as graph:
        code, message, path = await graph.refusal(
            f"{{ pipelines {{ name }} opportunities(orderBy: {order}) {{ totalCount }} }}"
        )
        assert (code, message, path) == ("BAD_USER_INPUT", refusal, ["opportunities"])


async def test_a_filter_takes_the_same_keys() -> None:
    query = '{ opportunities(filter: {custom: [{key: "%s", isNull: true}]}) { totalCount } }'
    async with open_deals() as graph:
        assert await graph.data(query % ("a" * 200))
        for key in ("a" * 201, ""):
            code, message, _ = await graph.refusal(query % key)
            assert (code, message.split(" ")[0]) == ("BAD_USER_INPUT", "`filter.custom[0].key`")


async def test_who_may_not_see_custom_attributes_cannot_order_by_them() -> None:
    async with open_deals(*several()) as graph:
        answer = await graph.ask(
            '{ opportunities(orderBy: [{field: CUSTOM, key: "worth"}]) { totalCount } }', WITHOUT_CONTACTS
        )
        assert answer["data"]["opportunities"] is None
        assert answer["errors"][0]["extensions"]["code"] == "FORBIDDEN"


async def test_a_cursor_is_of_one_attribute() -> None:
    async with open_deals(*several()) as graph:
        order = [{"field": "CUSTOM", "key": "worth"}]
        cursor = (await graph.data(QUERY, order=order, first=2))["opportunities"]["pageInfo"]["endCursor"]
        code, message, _ = await graph.refusal(QUERY, order=[{"field": "CUSTOM", "key": "size"}], after=cursor)
        assert (code, message.split(":")[0]) == ("BAD_USER_INPUT", "`after` is a cursor of another list")


async def test_a_key_that_no_deal_has_orders_by_id() -> None:
    async with open_deals(*several()) as graph:
        order = [{"field": "CUSTOM", "key": "\0 no such \ud800 key"}]
        assert await pages(graph, order, 4, is_backward=False) == sorted(VALUES)


async def test_dates_in_custom_attributes_have_ranges() -> None:
    days = {1: "2026-01-31", 2: "2026-02-01", 3: "2026-02-28T23:00:00Z", 4: "2026-03-01", 5: "later", 6: 20260215}
    deals = [
        deal(
            "chartmogul",
            msgspec.structs.replace(CHARTMOGUL, uuid=f"0000000{n}-0000-0000-0000-000000000000", custom={"on": day}),
        )
        for n, day in days.items()
    ]
    query = """{ opportunities(
      filter: {custom: [{key: "on", text: {gte: "2026-02-01", lt: "2026-03-01"}}]}
      orderBy: [{field: CUSTOM, key: "on"}]
    ) { nodes { sourceId } } }"""
    async with open_deals(*deals) as graph:
        nodes = (await graph.data(query))["opportunities"]["nodes"]
    assert [int(one["sourceId"][7]) for one in nodes] == [2, 3]


def test_orders_by_other_attributes_are_the_same_statements(connection: Connection) -> None:
    statements: list[str] = []
    event.listen(connection, "before_cursor_execute", lambda *told: statements.append(told[2]))
    built = _statements.cache.cache_info().currsize
    for name in ("worth", "seats", "region"):
        order = (*by_attribute(name), OrderKey("value"), *by_attribute(f"other {name}"))
        page(connection, PageRequest(None, order, 5))
    assert len(statements) >= 3
    assert len(set(statements)) == len(statements) // 3
    assert _statements.cache.cache_info().currsize <= built + len(statements) // 3
