"""Random filters, orders and pages through the graph over one store, for tests that hold them against plain Python."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import msgspec
from hypothesis import strategies as st

from store.deals import Deal, Evidence, delete
from tests.deal_lists import NOW, DealGraph, deal, deals_of, open_deals, simulated
from tests.shown_deals import (
    CODES,
    DAYS,
    ENUMS,
    IDS,
    KEYWORDS,
    MOMENTS,
    NUMBERS,
    ORDERS,
    SHOWN,
    TEXTS,
    Shown,
    key,
)

PAGE = """query($filter: OpportunityFilter, $order: [OpportunityOrder!], $first: Int, $after: String, $last: Int,
  $before: String) {
  opportunities(filter: $filter, orderBy: $order, first: $first, after: $after, last: $last, before: $before) {
    totalCount nodes { source sourceId } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
}"""


ATTRIBUTES = ("seats", "marketing_campaign", "from_campaign", "missing")


class Lists:
    """One store for all examples, in a loop of its own: Hypothesis calls plain functions."""

    def __init__(self, url: str | None = None) -> None:
        self.runner = asyncio.Runner()
        self.records = {source: records[::3] for source, records in simulated().items()}
        self.seconds = 0
        read = [replace(one, read_at=one.read_at - n % 7 * 1_500_000) for n, one in enumerate(deals_of(self.records))]
        self.opened = open_deals(*read, url=url)
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

    def pages(self, *, size: int, is_backward: bool = False, **asked: Any) -> Iterator[list[str]]:
        """Yield the keys of each page of a list, from its start or from its end."""
        count, cursor, more, edge = (
            ("last", "before", "hasPreviousPage", "startCursor")
            if is_backward
            else ("first", "after", "hasNextPage", "endCursor")
        )
        info: dict[str, Any] = {edge: None, more: True}
        number = 0
        while info[more]:
            number += 1
            assert number < 500, "the list has no end"
            page = self.page(**asked, **{count: size, cursor: info[edge]})
            yield keys(page["nodes"])
            info = page["pageInfo"]

    def write(self, source: str, number: int, like: int, *, id_: int | None = None) -> Deal:
        """Give a record of a source the values of another one, or all of its own again, and perhaps another id."""
        record, other = self.records[source][number], self.records[source][like]
        name = "id" if source == "nexudus" else "uuid"
        known = getattr(record, name)
        changed = known if id_ is None else id_ if source == "nexudus" else f"{known[:-6]}{id_:06d}"
        found = deal(source, msgspec.structs.replace(other, **{name: changed}), NOW + self._tick())
        self.runner.run(self.graph.fill([found]))
        return found

    def delete(self, one: Deal) -> None:
        """Let a deal be gone."""
        at = int((NOW + self._tick()) * 1_000_000)
        work = self.graph.database.write(lambda c: delete(c, [one.id], evidence=Evidence.AUDIT, at=at))
        self.runner.run(work)

    def _tick(self) -> int:
        self.seconds += 1
        return self.seconds

    def close(self) -> None:
        self.runner.run(self.opened.__aexit__(None, None, None))
        self.runner.close()


def values(deals: Sequence[Shown], table: dict[str, Any], name: str) -> list[Any]:
    """Return the values that deals have of a field, as JSON."""
    found = {table[name](deal) for deal in deals} - {None}
    return sorted(one.isoformat() if hasattr(one, "isoformat") else one for one in found) or ["none"]


def several(of: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(of, max_size=4)


@st.composite
def comparisons(draw: st.DrawFn, lists: Lists) -> dict[str, Any]:
    """Return a filter of one field with one comparison or two."""
    table = draw(st.sampled_from([TEXTS, KEYWORDS, CODES, ENUMS, MOMENTS, DAYS, NUMBERS, IDS]))
    name = draw(st.sampled_from(sorted(table)))
    known = values(lists.deals, table, name)  # type: ignore[arg-type] # tables of functions
    value = st.sampled_from(known)
    operators: dict[str, st.SearchStrategy[Any]] = {"eq": value, "isNull": st.booleans()}
    if table in (TEXTS, KEYWORDS, CODES):
        value = st.one_of(value, value.map(str.upper), st.sampled_from(["", "a", "É", "%", "_", "\\", "'"]))
        part = st.builds(
            lambda text, start, length: text[start : start + length], value, st.integers(0, 5), st.integers(0, 4)
        )
        operators |= {"eq": value, "contains": part, "startsWith": value.map(lambda text: text[:3])}
        operators[draw(st.sampled_from(["lt", "lte", "gt", "gte"]))] = value
    if table not in (MOMENTS, DAYS):
        operators |= {"in": several(value), "notIn": several(value)}
    if table in (MOMENTS, DAYS, NUMBERS):
        operator = draw(st.sampled_from(["lt", "lte", "gt", "gte"]))
        operators[operator] = value
    if name in ("source", "id"):
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
    key_ = draw(st.sampled_from(ATTRIBUTES))
    part = draw(
        st.sampled_from(
            [
                {"text": {"contains": "face"}},
                {"text": {"notIn": ["facebook"]}},
                {"text": {"gte": "G", "lt": "s"}},
                {"number": {"gte": "3"}},
                {"number": {"lt": "10.5"}},
                {"boolean": {"eq": True}},
                {"isNull": True},
                {"isNull": False},
            ]
        )
    )
    return {"custom": [{"key": key_, **part}]}


def filters(lists: Lists) -> st.SearchStrategy[dict[str, Any]]:
    """Return filters that a store's deals meet, or some of them."""
    leaves = st.one_of(comparisons(lists), comparisons(lists), money(), attributes())
    found = st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.fixed_dictionaries({"and": st.lists(inner, max_size=3)}),
            st.fixed_dictionaries({"or": st.lists(inner, max_size=3)}),
            st.fixed_dictionaries({"not": inner}),
        ),
        max_leaves=6,
    )
    return found.filter(lambda one: depth(one) <= 3)


KEYS = st.builds(
    lambda *parts: {name: value for part in parts for name, value in part.items()},
    st.sampled_from(sorted(ORDERS)).map(lambda name: {"field": name})
    | st.sampled_from(ATTRIBUTES).map(lambda name: {"field": "CUSTOM", "key": name}),
    st.fixed_dictionaries({"direction": st.sampled_from(["ASC", "DESC"]), "nulls": st.sampled_from(["FIRST", "LAST"])}),
)
KEY_LISTS = st.lists(KEYS, min_size=1, max_size=3, unique_by=lambda one: (one["field"], one.get("key"))).filter(
    lambda found: sum("key" in one for one in found) <= 2
)


def depth(given_: Any) -> int:
    if isinstance(given_, list):
        return max(map(depth, given_), default=0)
    if not isinstance(given_, dict):
        return 0
    return max([depth(value) + (name in ("and", "or", "not")) for name, value in given_.items()], default=0)


def keys(nodes: list[Shown]) -> list[str]:
    return [key(node) for node in nodes]
