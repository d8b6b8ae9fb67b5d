"""Where looks of PostgreSQL end: `store.marks`."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from store import marks as marks_module
from store.conditions import And, Compare, Condition, Operator
from store.database import Database, open_database
from store.deals import upsert
from store.marks import Marks
from store.near import near_page
from store.pages import OrderKey, PageRequest, Position, far_page
from store.queries import Look
from tests import postgres, stores
from tests.stores import key

LAST = (99, b"z")
LOOK = Look("within", {}, 1, "value", False, [], ("end_0", "end_1"), LAST)
VALUES = [(value, b"%d" % number) for value in (10, 20, 20, 30, 40) for number in (1,)]
VALUES[2] = (20, b"2")


def ended(look: Look, **values: Any) -> Any:
    """Return where a look of 1,500 deals ends."""
    known = Marks(lambda: 0.0)
    known.put("value", VALUES)
    end = known.end(look, {"within": 1_500, **values})
    return end and (end["end_0"], end["end_1"])


def test_a_look_ends_behind_as_many_deals_as_it_goes_through() -> None:
    down = replace(LOOK, is_descending=True)
    assert ended(LOOK) == (20, b"2"), "two thousand deals behind the first mark, which is a thousand behind"
    assert ended(down) == (20, b"2")
    from_value = [("start_0", None)]
    assert ended(replace(LOOK, starts=from_value), start_0=11) == (30, b"1")
    assert ended(replace(down, starts=from_value), start_0=39) == (20, b"1")
    from_deal = [("start_0", "start_1")]
    assert ended(replace(LOOK, starts=from_deal), start_0=20, start_1=b"15") == (40, b"1")
    assert ended(replace(down, starts=from_deal), start_0=20, start_1=b"15") == LAST
    assert ended(replace(down, starts=from_deal), start_0=30, start_1=b"0") == (10, b"1")


def test_of_several_beginnings_the_last_one_counts() -> None:
    several = [("start_0", "start_1"), ("value_0", None)]
    for first, second in ((5, 11), (11, 5)):
        look = replace(LOOK, starts=several)
        assert ended(look, start_0=first, start_1=b"0", value_0=second) == (30, b"1")


def test_near_the_end_of_a_list_a_look_ends_with_it() -> None:
    assert ended(replace(LOOK, starts=[("start_0", None)]), start_0=25) == LAST
    assert ended(LOOK, within=100_000) == LAST


def test_a_look_that_begins_nobody_knows_where_counts() -> None:
    assert ended(replace(LOOK, starts=None)) is None


def test_marks_last_for_a_minute_and_are_asked_for_when_they_are_worth_it() -> None:
    now = [0.0]
    known = Marks(lambda: now[0])
    asked = [known.wanted(LOOK) is not None for _ in range(2 * marks_module.WORTH)]
    assert [place for place, one in enumerate(asked, 1) if one] == [100, 200]
    known.put("value", VALUES)
    assert known.end(LOOK, {"within": 1}) is not None
    assert not any(known.wanted(LOOK) for _ in range(2 * marks_module.WORTH))
    now[0] = 61.0
    assert known.end(LOOK, {"within": 1}) is None
    assert any(known.wanted(LOOK) for _ in range(marks_module.WORTH))


ROWS = 300
OPEN = Compare("status", Operator.EQ, "open")
RARE = Compare("status", Operator.EQ, "won")


@pytest.fixture
async def database(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Database]:
    """A store that sets marks at every tenth deal, at once."""
    monkeypatch.setattr(marks_module, "APART", 10)
    monkeypatch.setattr(marks_module, "WORTH", 1)
    monkeypatch.setattr("store.near.NEAR", 4)
    monkeypatch.setattr(marks_module, "_every", marks_module._every.__wrapped__)
    postgres.server()
    deals = [
        stores.deal(n, value=n // 7 * 7, status="won" if n in (0, ROWS - 1) else "open" if n % 3 else "lost")
        for n in range(ROWS)
    ]
    async with open_database(stores.url_of("postgresql"), threads=1) as opened:
        await opened.write(lambda connection: upsert(connection, deals))
        asked = near_page(PageRequest(OPEN, (OrderKey("value"),), 1))
        assert asked is not None
        await opened.fetch(asked.query, asked.values)
        await asyncio.gather(*opened._direct._tasks)  # type: ignore[attr-defined] # of PostgreSQL
        yield opened


async def test_pages_are_the_same_by_marks(database: Database) -> None:
    conditions: list[Condition] = [OPEN, And((OPEN, Compare("value", Operator.LT, 203)))]
    conditions += [And((OPEN, Compare("value", Operator.GTE, 100))), And((OPEN, Compare("value", Operator.EQ, 49)))]
    conditions += [And((OPEN, Compare("value", Operator.IN, (49, 147))))]
    positions: list[Position | None] = [
        None,
        (98, key("nexudus:101")),
        (98, key("nexudus:98")),
        (203, key("nexudus:9")),
    ]
    near = 0
    for condition in conditions:
        for is_descending in (False, True):
            for after in positions:
                for count in (2, 9):
                    request = PageRequest(condition, (OrderKey("value", is_descending),), count, after=after)
                    asked = near_page(request)
                    assert asked is not None
                    found = asked.page(await database.fetch(asked.query, asked.values))
                    expected = await database.read(lambda it, request=request: far_page(it, request))
                    assert found in (None, expected)
                    near += found is not None
    assert near > 40


async def test_the_last_page_is_found_by_marks(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("store.near.NEAR", 1)
    late = And((OPEN, Compare("value", Operator.GTE, 280)))
    down, up = (OrderKey("value", is_descending=True),), (OrderKey("value"),)
    requests = [PageRequest(OPEN, down, 30, after=(14, key("nexudus:20"))), PageRequest(late, up, 30)]
    requests += [PageRequest(late, down, 30), PageRequest(OPEN, down, 30, after=(287, key("nexudus:289")))]
    for request, is_last in zip(requests, (True, True, True, False), strict=True):
        asked = near_page(request)
        assert asked is not None
        found = asked.page(await database.fetch(asked.query, asked.values))
        assert (found is not None) is is_last
        assert found in (None, await database.read(lambda it, request=request: far_page(it, request)))


@pytest.mark.parametrize("is_descending", [False, True])
async def test_a_look_by_marks_does_not_go_on_to_a_rare_deal(database: Database, is_descending: bool) -> None:
    order = (OrderKey("value", is_descending),)
    asked = near_page(PageRequest(RARE, order, 1))
    assert asked is not None
    assert asked.query.look is not None
    end = database._direct._marks.end(asked.query.look, asked.values)  # type: ignore[attr-defined] # of PostgreSQL
    assert 0 < end["end_0"] < ROWS
    assert len(await database.fetch(asked.query, asked.values)) == 1, "the one at the list's other end is not met"
