"""`sync.fetched_customers`: the store's copy of a customer is served, and one that had to be fetched is stored."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

import pytest
from sqlalchemy import Connection

from resolvers.fetching.upstream_context import UpstreamContext
from sync.fetched_customers import FetchedCustomers
from tests import loops
from tests.sync_world import DAY_SECONDS, World, open_world

T = TypeVar("T")
LOOPS = loops.WITH_ITS_OWN_TIME


async def fetch(world: World, customer_id: str, **given: bool) -> str | None:
    customers = world.schedulers["chartmogul"].customers
    assert customers
    (outcome,) = await customers.fetch_many([customer_id], UpstreamContext(5.0, **given))
    return None if outcome is None else outcome.name  # type: ignore[no-any-return] # of a customer


def last_deal(world: World) -> tuple[str, str]:
    records = world.simulator.chartmogul.records
    id_ = list(records)[-1]
    return id_, records[id_]["customer_uuid"]


async def test_a_customer_that_was_fetched_is_in_its_deals_moments_later() -> None:
    async with open_world(sources=("chartmogul",), customers_per_minute=0.001) as world:
        await asyncio.sleep(20)
        id_, customer_id = last_deal(world)
        world.simulator.chartmogul.customers[customer_id]["name"] = "By hand"
        assert await fetch(world, customer_id) == "By hand"
        await asyncio.sleep(1)
        assert world.deal("chartmogul", id_).customer_name == "By hand"


async def test_a_customer_that_is_learnt_while_its_first_deal_is_on_its_way_is_in_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with open_world(sources=("chartmogul",), full_sweep_seconds=DAY_SECONDS) as world:
        await asyncio.sleep(1_000)
        simulated, database = world.simulator.chartmogul, world.database
        write, customers = database.write, world.schedulers["chartmogul"].customers
        assert customers
        id_, known_id = last_deal(world)
        new_id, customer_id = id_[:-4] + "0000", known_id[:-4] + "0000"
        simulated.customers[customer_id] = simulated.customers[known_id] | {"uuid": customer_id, "name": "New"}
        simulated.records[new_id] = simulated.records[id_] | {"uuid": new_id, "customer_uuid": customer_id}

        async def learn_first(work: Callable[[Connection], T]) -> T:
            monkeypatch.setattr(database, "write", write)
            assert await fetch(world, customer_id) == "New"
            assert isinstance(customers.record_store, FetchedCustomers)
            await customers.record_store.flush()
            return await write(work)

        monkeypatch.setattr(database, "write", learn_first)
        await world.fetch("chartmogul", new_id)
        await asyncio.sleep(1)
        deal = world.deal("chartmogul", new_id)
        assert (deal.customer_name, deal.search_personal.count("new")) == ("New", 1)


async def test_the_stores_copy_comes_before_the_source_and_is_what_lists_have() -> None:
    async with open_world(sources=("chartmogul",), customers_per_minute=600) as world:
        await asyncio.sleep(120)
        id_, customer_id = last_deal(world)
        name = world.deal("chartmogul", id_).customer_name
        world.simulator.chartmogul.customers[customer_id]["name"] = "Renamed"
        asked = len(world.calls("chartmogul", "customer"))
        assert await fetch(world, customer_id) == name
        assert len(world.calls("chartmogul", "customer")) == asked
        assert await fetch(world, customer_id, wants_fresh=True) == "Renamed"
        await asyncio.sleep(1)
        assert world.deal("chartmogul", id_).customer_name == "Renamed"
        assert await fetch(world, customer_id) == "Renamed"


async def test_without_a_store_the_source_is_asked_once() -> None:
    async with open_world(sources=("chartmogul",), is_open=False) as world:
        _, customer_id = last_deal(world)
        assert await fetch(world, customer_id) == await fetch(world, customer_id)
        assert len(world.calls("chartmogul", "customer")) <= 2


async def test_a_store_that_fails_is_passed_over() -> None:
    async with open_world(sources=("chartmogul",), customers_per_minute=0.001) as world:
        await asyncio.sleep(20)
        _, customer_id = last_deal(world)
        world.database.error = RuntimeError("away")
        assert await fetch(world, customer_id) == world.simulator.chartmogul.customers[customer_id]["name"]
        await asyncio.sleep(1)
        world.database.error = None
