"""Queries of SQLite that are broken off once they have looked far enough: `store.steps`."""

import asyncio
from pathlib import Path

import pytest

from store import near as near_pages
from store.conditions import And, Compare, Condition, Not, Operator, Or
from store.database import open_database
from store.deals import upsert
from store.near import near_page
from store.pages import OrderKey, Page, PageRequest, far_page
from store.steps import row_steps
from tests import stores

ROWS = 3_000
OPEN = Compare("status", Operator.EQ, "open")
RARE = Compare("status", Operator.EQ, "won")
ORDER = (OrderKey("value", is_descending=True),)


async def near(path: Path, request: PageRequest) -> tuple[Page | None, Page]:
    """Return the page as a look finds it, perhaps, and as it is."""
    asked = near_page(request)
    assert asked is not None
    async with open_database(str(path), threads=1) as database:
        found = asked.page(await database.fetch(asked.query, asked.values))
        return found, await database.read(lambda connection: far_page(connection, request))


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("steps") / "deals.db"
    rows = [
        stores.deal(
            n, value=n, currency="EUR" if n % 3 else "USD", status="won" if n < 60 else "open", lead_source=n % 5
        )
        for n in range(ROWS)
    ]

    async def fill() -> None:
        async with open_database(str(path), threads=1) as database:
            await database.write(lambda connection: upsert(connection, rows))

    asyncio.run(fill())
    return path


@pytest.mark.parametrize(
    "condition",
    [
        None,
        OPEN,
        And((OPEN, Compare("currency", Operator.EQ, "USD"))),
        And((OPEN, Compare("value", Operator.LT, 2_000))),
        Or((Compare("lead_source", Operator.EQ, 3), RARE)),
        Not(Compare("lead_source", Operator.IN, (1, 2))),
    ],
)
@pytest.mark.parametrize("after", [None, (1_500, stores.key("nexudus:1500"))])
async def test_a_page_that_is_near_is_found_within_the_steps(
    path: Path, condition: Condition | None, after: tuple[int, str] | None
) -> None:
    found, expected = await near(path, PageRequest(condition, ORDER, 50, after=after))
    assert found is not None
    assert found == expected


@pytest.mark.parametrize("condition", [None, RARE, And((OPEN, Compare("value", Operator.GTE, 2_980)))])
async def test_the_last_page_is_found_within_the_steps(path: Path, condition: Condition | None) -> None:
    after = None if isinstance(condition, And) else (20, stores.key("nexudus:20"))
    found, expected = await near(path, PageRequest(condition, ORDER, 50, after=after))
    assert found is not None
    assert found == expected
    assert (len(found.found), found.has_next) == (20, False)


async def test_a_look_that_leads_too_far_finds_nothing_and_the_next_one_does(path: Path) -> None:
    async with open_database(str(path), threads=1) as database:
        for condition, is_found in ((RARE, False), (OPEN, True), (RARE, False), (OPEN, True)):
            asked = near_page(PageRequest(condition, ORDER, 20))
            assert asked is not None
            rows = await database.fetch(asked.query, asked.values)
            assert bool(rows) is is_found


async def test_a_look_is_as_far_as_the_page_is_long(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    condition = And((OPEN, Compare("lead_source", Operator.EQ, 3)))
    for looked, is_found in ((1, False), (20, True)):
        monkeypatch.setattr(near_pages, "NEAR", looked)
        found, _ = await near(path, PageRequest(condition, ORDER, 199))
        assert (found is not None) is is_found


@pytest.mark.parametrize("count", [1, 3, 10, 20])
async def test_a_look_is_as_far_however_many_comparisons_there_are(path: Path, count: int) -> None:
    """One deal of five meets one of them; each of those that do not is compared with all."""
    condition = Or(tuple(Compare("lead_source", Operator.EQ, one) for one in range(4, 4 + count)))
    found, expected = await near(path, PageRequest(condition, ORDER, 100))
    assert found == expected


async def test_a_query_of_one_row_is_not_broken_off(path: Path) -> None:
    async with open_database(str(path), threads=1) as database:
        await database.poll()
        assert database.sequence == 1


def test_to_compare_what_the_index_has_takes_fewer_steps() -> None:
    both = And((OPEN, Compare("lead_source", Operator.EQ, 3)))
    assert row_steps(OPEN, {"status"}) < row_steps(OPEN)
    assert row_steps(both, {"status"}) == row_steps(both)
    assert row_steps(And((OPEN, OPEN)), {"status"}) == row_steps(OPEN, {"status"})
    assert row_steps(Not(OPEN), {"status"}) == row_steps(OPEN), "that is no comparison which all must meet"
