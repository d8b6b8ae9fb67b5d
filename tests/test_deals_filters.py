"""Filters, orders and pages of lists equal those of plain Python over deals as a client sees them.

Of `schema.deals.filters`, `schema.deals.comparators` and `schema.deals.orders`.
"""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.deal_lists import DealGraph, deals_of, open_deals, simulated
from tests.fuzzing import bounded
from tests.shown_deals import (
    CODES,
    DAYS,
    ENUMS,
    KEYWORDS,
    MOMENTS,
    NUMBERS,
    ORDERS,
    SHOWN,
    TEXTS,
    Shown,
    key,
    meets,
    ordered,
)

PAGE = """query($filter: OpportunityFilter, $order: [OpportunityOrder!], $first: Int, $after: String, $last: Int,
  $before: String) {
  opportunities(filter: $filter, orderBy: $order, first: $first, after: $after, last: $last, before: $before) {
    totalCount nodes { source sourceId } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
}"""


class Lists:
    """One store for all examples, in a loop of its own: Hypothesis calls plain functions."""

    def __init__(self) -> None:
        self.runner = asyncio.Runner()
        some = {source: records[::3] for source, records in simulated().items()}
        self.opened = open_deals(*deals_of(some))
        self.graph: DealGraph = self.runner.run(self.opened.__aenter__())
        self.deals = self.runner.run(self._all())

    async def _all(self) -> list[Shown]:
        found: list[Shown] = []
        after = None
        query = "query($after: String) { opportunities(first: 100, after: $after) { nodes {%s} pageInfo {endCursor} } }"
        while page := (await self.graph.data(query % SHOWN, after=after))["opportunities"]:
            found += page["nodes"]
            after = page["pageInfo"]["endCursor"]
            if after is None:
                break
        return found

    def page(self, **variables: Any) -> Any:
        return self.runner.run(self.graph.data(PAGE, **variables))["opportunities"]

    def close(self) -> None:
        self.runner.run(self.opened.__aexit__(None, None, None))
        self.runner.close()


LISTS: list[Lists] = []


@pytest.fixture(scope="module", autouse=True)
def lists() -> Iterator[Lists]:
    LISTS.append(Lists())
    yield LISTS[0]
    LISTS.pop().close()


def values(table: dict[str, Any], name: str) -> list[Any]:
    """Return the values that deals have of a field, as JSON."""
    found = {table[name](deal) for deal in LISTS[0].deals} - {None}
    return sorted(one.isoformat() if hasattr(one, "isoformat") else one for one in found) or ["none"]


def several(of: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(of, max_size=4)


@st.composite
def comparisons(draw: st.DrawFn) -> dict[str, Any]:
    """Return a filter of one field with one comparison or two."""
    table = draw(st.sampled_from([TEXTS, KEYWORDS, CODES, ENUMS, MOMENTS, DAYS, NUMBERS]))
    name = draw(st.sampled_from(sorted(table)))
    known = values(table, name)  # type: ignore[arg-type] # tables of functions
    value = st.sampled_from(known)
    operators: dict[str, st.SearchStrategy[Any]] = {"eq": value, "isNull": st.booleans()}
    if table in (TEXTS, KEYWORDS, CODES):
        value = st.one_of(value, value.map(str.upper), st.sampled_from(["", "a", "É", "%", "_", "\\", "'"]))
        part = st.builds(
            lambda text, start, length: text[start : start + length], value, st.integers(0, 5), st.integers(0, 4)
        )
        operators |= {"eq": value, "contains": part, "startsWith": value.map(lambda text: text[:3])}
    if table not in (MOMENTS, DAYS):
        operators |= {"in": several(value), "notIn": several(value)}
    if table in (MOMENTS, DAYS, NUMBERS):
        operator = draw(st.sampled_from(["lt", "lte", "gt", "gte"]))
        operators[operator] = value
    if name == "source":
        del operators["isNull"]
    chosen = draw(st.lists(st.sampled_from(sorted(operators)), min_size=1, max_size=2, unique=True))
    return {name: {operator: draw(operators[operator]) for operator in chosen}}


AMOUNTS = st.one_of(
    st.decimals(0, 200_000, places=2).map(str),
    st.sampled_from(["0", "1250", "-1", "99999999.99", "0.0000001", "1E+30", "9223372036854.775807", "-1e-99"]),
)


@st.composite
def money(draw: st.DrawFn) -> dict[str, Any]:
    currency = draw(st.sampled_from(["USD", "EUR", "gbp", "XXX"]))
    operator = draw(st.sampled_from(["eq", "lt", "lte", "gt", "gte", "none", "isNull"]))
    if operator == "isNull":
        return {"value": {"isNull": draw(st.booleans())}}
    return {"value": {"currency": currency} | ({} if operator == "none" else {operator: draw(AMOUNTS)})}


@st.composite
def attributes(draw: st.DrawFn) -> dict[str, Any]:
    key_ = draw(st.sampled_from(["seats", "marketing_campaign", "from_campaign", "missing"]))
    part = draw(
        st.sampled_from(
            [
                {"text": {"contains": "face"}},
                {"text": {"notIn": ["facebook"]}},
                {"number": {"gte": "3"}},
                {"number": {"lt": "10.5"}},
                {"boolean": {"eq": True}},
                {"isNull": True},
                {"isNull": False},
            ]
        )
    )
    return {"custom": [{"key": key_, **part}]}


LEAVES = st.one_of(comparisons(), comparisons(), money(), attributes())
FILTERS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.fixed_dictionaries({"and": st.lists(inner, max_size=3)}),
        st.fixed_dictionaries({"or": st.lists(inner, max_size=3)}),
        st.fixed_dictionaries({"not": inner}),
    ),
    max_leaves=6,
)
KEYS = st.fixed_dictionaries(
    {
        "field": st.sampled_from(sorted(ORDERS)),
        "direction": st.sampled_from(["ASC", "DESC"]),
        "nulls": st.sampled_from(["FIRST", "LAST"]),
    }
)
KEY_LISTS = st.lists(KEYS, min_size=1, max_size=3, unique_by=lambda one: one["field"])


def depth(given_: Any) -> int:
    if isinstance(given_, list):
        return max(map(depth, given_), default=0)
    if not isinstance(given_, dict):
        return 0
    return max([depth(value) + (name in ("and", "or", "not")) for name, value in given_.items()], default=0)


def keys(nodes: list[Shown]) -> list[str]:
    return [key(node) for node in nodes]


@bounded
@given(filter_=FILTERS.filter(lambda one: depth(one) <= 3), order=KEY_LISTS, data=st.data())
def test_any_filter_and_order_gives_what_python_gives(filter_: Any, order: Any, data: st.DataObject) -> None:
    expected = keys(ordered([deal for deal in LISTS[0].deals if meets(deal, filter_)], order))
    size = data.draw(st.integers(1, 200))
    page = LISTS[0].page(filter=filter_, order=order, first=size)
    assert page["totalCount"] == len(expected)
    assert keys(page["nodes"]) == expected[:size]
    assert page["pageInfo"]["hasNextPage"] is (len(expected) > size)


@settings(bounded, max_examples=15)
@given(order=KEY_LISTS, size=st.integers(7, 60), is_backward=st.booleans())
def test_paging_through_a_list_either_way_gives_all_of_it_once(order: Any, size: int, is_backward: bool) -> None:
    expected, found, cursor = keys(ordered(LISTS[0].deals, order)), [], None
    while True:
        if is_backward:
            page = LISTS[0].page(order=order, last=size, before=cursor)
            found = keys(page["nodes"]) + found
            has_more, cursor = page["pageInfo"]["hasPreviousPage"], page["pageInfo"]["startCursor"]
        else:
            page = LISTS[0].page(order=order, first=size, after=cursor)
            found += keys(page["nodes"])
            has_more, cursor = page["pageInfo"]["hasNextPage"], page["pageInfo"]["endCursor"]
        if not has_more:
            break
    assert found == expected


def test_the_measure_knows_every_field_that_lists_have() -> None:
    from strawberry.utils.str_converters import to_camel_case

    from schema.deals.listed_fields import LISTED

    measured = {*TEXTS, *KEYWORDS, *CODES, *ENUMS, *MOMENTS, *DAYS, *NUMBERS, "value"}
    assert {to_camel_case(field.name) for field in LISTED} == measured
    assert {field.name.upper() for field in LISTED if field.is_ordered} == set(ORDERS)


def test_without_an_order_the_last_changed_come_first() -> None:
    expected = ordered(LISTS[0].deals, [{"field": "UPDATED_AT", "direction": "DESC"}])
    assert keys(LISTS[0].page(first=50)["nodes"]) == keys(expected)[:50]
