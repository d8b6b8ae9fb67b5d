"""`sync.customers`: names of customers come into their deals, slowly and seldom."""

import asyncio
import logging
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select

from simulator import faults
from store.tables import CUSTOMERS
from sync.customers import AT_ONCE, Customers
from sync.run import Counts
from tests import loops
from tests.sync_world import DAY_SECONDS, ROWS, World, open_world, world_sync

LOOPS = loops.WITH_ITS_OWN_TIME
SELDOM = {"customer_seconds": 7_200.0, "full_sweep_seconds": DAY_SECONDS}
"""Customers grow old sooner than the shortest setting has it, and deals do not change."""


def customers(world: World) -> list[Any]:
    return world.database.run(lambda connection: list(connection.execute(select(CUSTOMERS))))


async def test_deals_get_their_customers_names_and_can_be_found_by_them() -> None:
    async with open_world(sources=("chartmogul",), customers_per_minute=600) as world:
        await asyncio.sleep(120)
        customers = world.simulator.chartmogul.customers
        named = 0
        for id_, record in world.simulator.chartmogul.records.items():
            customer, deal = customers.get(record["customer_uuid"]), world.deal("chartmogul", id_)
            if customer is not None:
                assert (deal.customer_name, deal.customer_email) == (customer["name"], customer["email"])
                assert deal.customer_company == customer["company"]
                named += 1
        assert named > ROWS * 3 / 4
        deal = world.deal("chartmogul", id_)
        assert deal.customer_email_folded in deal.search_personal
        assert deal.customer_email_folded not in (deal.search_public or "")


async def test_they_are_asked_for_in_batches_and_not_again_before_they_are_old() -> None:
    async with open_world(sources=("chartmogul",), customers_per_minute=18, **SELDOM) as world:
        await asyncio.sleep(61)
        asked = len(world.calls("chartmogul", "customer"))
        assert 12 <= asked <= 24
        await asyncio.sleep(600)
        asked = len(world.calls("chartmogul", "customer"))
        assert len({call.path for call in world.calls("chartmogul", "customer")}) == asked
        await asyncio.sleep(SELDOM["customer_seconds"] - 800)
        assert len(world.calls("chartmogul", "customer")) == asked
        await asyncio.sleep(800)
        assert len(world.calls("chartmogul", "customer")) > asked


async def test_a_changed_name_changes_the_deals_of_its_customer_alone() -> None:
    async with open_world(sources=("chartmogul",), customers_per_minute=600, **SELDOM) as world:
        await asyncio.sleep(600)
        records = world.simulator.chartmogul.records
        id_ = list(records)[-1]
        whose = records[id_]["customer_uuid"]
        sequences = {one: world.deal("chartmogul", one).sequence for one in records}
        world.simulator.chartmogul.customers[whose]["name"] = "Renamed"
        await asyncio.sleep(SELDOM["customer_seconds"] + 600)
        assert world.deal("chartmogul", id_).customer_name == "Renamed"
        changed = {one for one in records if world.deal("chartmogul", one).sequence != sequences[one]}
        assert changed == {one for one in records if records[one]["customer_uuid"] == whose}


async def test_a_changed_deal_keeps_its_customers_name() -> None:
    async with open_world(sources=("chartmogul",), customers_per_minute=600) as world:
        await asyncio.sleep(200)
        id_ = list(world.simulator.chartmogul.records)[-1]
        name = world.deal("chartmogul", id_).customer_name
        assert name
        world.simulator.chartmogul.update(id_, {"pipeline_stage": "Moved"})
        await asyncio.sleep(310)
        deal = world.deal("chartmogul", id_)
        assert (deal.stage_name, deal.customer_name) == ("Moved", name)


async def test_a_customer_that_its_source_has_deleted_loses_its_names_in_deals_and_search() -> None:
    async with open_world(sources=("chartmogul",), customers_per_minute=600, **SELDOM) as world:
        await asyncio.sleep(200)
        records = world.simulator.chartmogul.records
        id_ = list(records)[-1]
        name = world.deal("chartmogul", id_).customer_name
        assert name
        del world.simulator.chartmogul.customers[records[id_]["customer_uuid"]]
        await asyncio.sleep(SELDOM["customer_seconds"] + 200)
        deal = world.deal("chartmogul", id_)
        assert (deal.customer_name, deal.customer_email, deal.customer_email_folded) == (None, None, None)
        assert deal.search_personal is None
        assert name not in {one.name for one in customers(world)}


async def test_one_odd_reply_takes_no_name_away() -> None:
    async with open_world(sources=("chartmogul",), customers_per_minute=600, **SELDOM) as world:
        await asyncio.sleep(200)
        named = {one.source_id: one.name for one in customers(world)}
        world.simulator.chartmogul.faults.add(faults.truncated(), times=None, kinds={"customer"})
        await asyncio.sleep(SELDOM["customer_seconds"] + 200)
        assert {one.source_id: one.name for one in customers(world)} == named
        asked = len(world.calls("chartmogul", "customer"))
        await asyncio.sleep(600)
        assert len(world.calls("chartmogul", "customer")) == asked  # not again before they are old again


async def test_names_of_customers_go_with_the_deals_that_are_gone_for_long() -> None:
    settings = {"customers_per_minute": 600, "customer_seconds": 90 * DAY_SECONDS, "brake_share": 1.0}
    days = [0]
    async with open_world(sources=("chartmogul",), is_open=False) as world:
        true, records = world.now, world.simulator.chartmogul.records
        world.now = lambda: true() + days[0] * DAY_SECONDS  # type: ignore[method-assign]
        id_ = list(records)[-1]
        whose = records[id_]["customer_uuid"]
        async with world_sync(world, **settings):
            await asyncio.sleep(200)
            for one in [one for one in records if records[one]["customer_uuid"] == whose]:
                del records[one]
            await asyncio.sleep(1_000)
            assert world.deal("chartmogul", id_).evidence == "sweeps"
        for days[0], is_known in ((29, True), (31, False)):
            async with world_sync(world, **settings):
                await asyncio.sleep(60)
                assert (whose in {one.source_id for one in customers(world)}) is is_known


async def test_customers_that_cannot_be_had_hold_up_no_sweep_and_what_was_had_is_kept() -> None:
    async with open_world(sources=("chartmogul",)) as world:
        world.simulator.chartmogul.faults.add(faults.status(503), times=None, kinds={"customer"}, after=5)
        await asyncio.sleep(700)
        assert len(world.runs("chartmogul", "sweep")) >= 3
        assert any(world.deal("chartmogul", id_).customer_name for id_ in world.simulator.chartmogul.records)


async def test_a_batch_is_asked_for_in_short_steps_so_that_pages_of_a_sweep_come_between() -> None:
    async with open_world(sources=("chartmogul",), is_open=False) as world:
        async with world_sync(world, customers_per_minute=3):
            await asyncio.sleep(1)
        async with world_sync(world, enabled=False, customers_per_minute=3 * (AT_ONCE + 1)) as sync:
            job, counts = Customers(sync._entries[0].parts), Counts()
            for is_done, count in ((False, AT_ONCE), (True, AT_ONCE + 1), (False, 2 * AT_ONCE + 1)):
                assert (await job.step(counts)).is_done is is_done
                assert (counts.requests, counts.rows) == (count, count)


async def test_the_log_says_when_names_are_lacking_and_when_no_longer(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="opportunity_graph.sync")
    async with open_world(sources=("chartmogul",), deals=(200, 200), customers_per_minute=30) as world:
        ids = {record["customer_uuid"] for record in world.simulator.chartmogul.records.values()}
        await asyncio.sleep(len(ids) * 2.2 + 30)
        await asyncio.sleep(600)
    assert [one for one in caplog.messages if "read" in one] == [
        f"chartmogul customers: {len(ids)} are to be read, 30 a minute; until then their deals are without names",
        "chartmogul customers: all are read",
    ]


async def test_customers_of_new_deals_are_read_soon_after_the_deals() -> None:
    async with open_world(sources=("chartmogul",), customers_per_minute=600) as world:
        await asyncio.sleep(200)
        id_, whose = list(world.simulator.chartmogul.records)[-1], f"cus_{uuid4()}"
        world.simulator.chartmogul.customers[whose] = {"uuid": whose, "name": "New", "company": "", "email": None}
        world.simulator.chartmogul.records[id_]["customer_uuid"] = whose
        await world.sync.refresh()
        await asyncio.sleep(1)
        assert world.deal("chartmogul", id_).customer_name == "New"
