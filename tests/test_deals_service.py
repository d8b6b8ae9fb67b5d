"""`schema.deals.service`: operations take turns at the store."""

import asyncio
from typing import Any

import pytest

from schema.deals.service import READS_AT_ONCE
from store.database import Database
from tests import loops
from tests.deal_lists import open_deals, status

LOOPS = loops.WITH_ITS_OWN_TIME

SECONDS = 2.0
"""Of one read of the slow store."""


class Slow(Database):
    """Does one read after the other, in the order in which they come, as a store with one thread."""

    is_current = True

    def __init__(self, database: Database) -> None:
        self.sequence = 0
        self.database = database
        self.queue = asyncio.Lock()
        self.waiting = self.most_waiting = 0

    async def read(self, work: Any) -> Any:
        self.waiting += 1
        self.most_waiting = max(self.most_waiting, self.waiting)
        try:
            async with self.queue:
                await asyncio.sleep(SECONDS)
        finally:
            self.waiting -= 1
        return await self.database.read(work)

    async def statuses(self) -> Any:
        """Stand for sync, which reads them of the store."""
        await self.read(lambda _: None)
        return [status("nexudus"), status("chartmogul")]

    async def fetch(self, query: Any, values: Any) -> Any:
        return await self.database.fetch(query, values)


LIST = "opportunities(first: 1) { totalCount summary(groupBy: []) { rows { count } } }"
STATUSES = (
    "opportunities(first: 1, freshness: {maxAgeSeconds: 99}) { sources { source } summary(groupBy: []) { asOf } }"
)


@pytest.mark.parametrize("field", [LIST, STATUSES], ids=["deals", "statuses"])
async def test_who_asks_for_much_does_not_hold_up_who_asks_for_little(field: str) -> None:
    async with open_deals() as graph:
        graph.deadline_seconds = 1_000.0
        slow = Slow(graph.database)
        object.__setattr__(graph.deals, "database", slow)
        object.__setattr__(graph.deals, "sync", slow)
        much = " ".join(f"a{n}: {field}" for n in range(20))
        busy = asyncio.create_task(graph.data(f"{{ {much} }}"))
        await asyncio.sleep(SECONDS / 2)
        begun = asyncio.get_running_loop().time()
        await graph.data("{ pipelines { name } }")
        waited = asyncio.get_running_loop().time() - begun
        assert waited <= (READS_AT_ONCE + 1) * SECONDS
        assert slow.most_waiting <= READS_AT_ONCE + 1
        assert not busy.done()
        await busy


@pytest.mark.parametrize("field", [LIST, STATUSES], ids=["deals", "statuses"])
async def test_the_lists_of_an_operation_end_together_with_its_time_and_leave_no_turn_taken(field: str) -> None:
    async with open_deals() as graph:
        slow = Slow(graph.database)
        object.__setattr__(graph.deals, "database", slow)
        object.__setattr__(graph.deals, "sync", slow)
        much = " ".join(f"a{n}: {field}" for n in range(20))
        begun = asyncio.get_running_loop().time()
        for _ in range(3):  # executed, compiled, compiled before
            answer = await graph.ask(f"{{ {much} }}")
            assert {one["extensions"]["code"] for one in answer["errors"]} == {"STORE_UNAVAILABLE"}
            assert "ask for less at once" in answer["errors"][0]["message"]
            passed = asyncio.get_running_loop().time() - begun
            assert graph.deadline_seconds <= passed < graph.deadline_seconds + 1
            begun += passed
        assert slow.waiting == 0
        assert (await graph.data("{ pipelines { name } }"))["pipelines"] == []
