"""`sync.status`: what `sources` shows."""

import asyncio

from sync.job import SECOND
from sync.status import Capability, State
from tests import loops
from tests.sync_world import ROWS, open_world, world_sync

LOOPS = loops.WITH_ITS_OWN_TIME


async def test_before_anything_was_read_nothing_is_claimed() -> None:
    async with open_world(sources=("nexudus",)) as world:
        status = await world.status("nexudus")
        assert (status.state, status.as_of, status.is_complete, status.rows) == (State.WAITING, None, False, 0)


async def test_the_first_sweep_says_how_far_it_is() -> None:
    async with open_world(sources=("nexudus",), page_rows=3, rationed=True) as world:
        await asyncio.sleep(1.4)
        status = await world.status("nexudus")
        assert (status.state, status.is_complete, status.as_of) == (State.FILLING, False, None)
        assert status.progress is not None
        assert 0 < status.progress.rows < ROWS
        assert status.progress.total == ROWS


async def test_a_source_that_tells_changes_is_as_new_as_its_last_increment() -> None:
    async with open_world(sources=("nexudus",)) as world:
        await asyncio.sleep(600)
        status = await world.status("nexudus")
        assert status.age_seconds is not None
        assert status.age_seconds <= 61
        assert status.is_complete
        assert status.drift == 0
        assert status.next_run_at is not None
        assert status.last_sweep_at is not None


async def test_a_source_that_does_not_is_as_new_as_the_start_of_its_last_sweep() -> None:
    async with open_world(sources=("chartmogul",)) as world:
        await asyncio.sleep(500)
        status = await world.status("chartmogul")
        assert status.age_seconds is not None
        assert 200 < status.age_seconds <= 300
        assert status.drift is None
        assert status.is_complete


async def test_capabilities_are_told() -> None:
    async with open_world() as world:
        await asyncio.sleep(30)
        all_of_nexudus = set(Capability) - {Capability.CUSTOMERS}
        assert (await world.status("nexudus")).capabilities == all_of_nexudus
        assert (await world.status("chartmogul")).capabilities == {
            Capability.BY_ID,
            Capability.LIST,
            Capability.CUSTOMERS,
        }


async def test_what_is_denied_is_no_capability_and_is_one_again_when_it_is_allowed() -> None:
    of_lists = {Capability.LIST, Capability.CHANGED_SINCE}
    async with open_world(sources=("nexudus",)) as world:
        await asyncio.sleep(30)
        world.simulator.nexudus.list_role_missing = True
        await asyncio.sleep(300)
        status = await world.status("nexudus")
        assert (status.state, status.last_error) == (State.FAILING, "UPSTREAM_UNAUTHORIZED")
        assert status.capabilities == set(Capability) - {Capability.CUSTOMERS} - of_lists
        world.simulator.nexudus.list_role_missing = False
        await asyncio.sleep(4_000)
        assert (await world.status("nexudus")).capabilities >= of_lists


async def test_a_process_that_does_not_sync_says_so_and_still_shows_the_stores_age() -> None:
    async with open_world(sources=("chartmogul",), is_open=False) as world:
        async with world_sync(world):
            await asyncio.sleep(30)
        async with world_sync(world, enabled=False):
            await asyncio.sleep(600)
            status = await world.status("chartmogul")
            assert (status.state, status.is_complete, status.next_run_at) == (State.OFF, True, None)
            assert status.age_seconds is not None
            assert status.age_seconds > 600


async def test_a_source_without_a_list_has_what_was_asked_for_by_id() -> None:
    async with open_world(sources=("chartmogul",), is_open=False) as world:
        world.schedulers["chartmogul"]._client.listing = None
        async with world_sync(world):
            id_ = next(iter(world.simulator.chartmogul.records))
            await world.fetch("chartmogul", id_)
            await asyncio.sleep(1)
            status = await world.status("chartmogul")
            assert (status.state, status.rows, status.is_complete) == (State.UNLISTED, 1, False)
            assert world.stored("chartmogul") == {id_}


async def test_the_next_run_is_the_next_that_reads_deals_and_not_names_of_customers() -> None:
    async with open_world(sources=("chartmogul",), deals=(200, 200)) as world:
        await asyncio.sleep(30)
        status, last = await world.status("chartmogul"), world.state("chartmogul").last_sweep_at
        assert status.unread_customers, "the next of these come within 20 seconds"
        assert last is not None
        assert status.next_run_at is not None
        assert 270 <= (status.next_run_at - last) / SECOND <= 300


async def test_customers_that_are_not_read_yet_are_counted_until_they_are() -> None:
    async with open_world(sources=("chartmogul",), deals=(200, 200), customers_per_minute=30, is_open=False) as world:
        ids = {record["customer_uuid"] for record in world.simulator.chartmogul.records.values()}
        async with world_sync(world, customers_per_minute=30):
            assert (await world.status("chartmogul")).unread_customers is None
            await asyncio.sleep(15)
            assert (await world.status("chartmogul")).unread_customers == len(ids) - 10
        async with world_sync(world, customers_per_minute=30):
            await asyncio.sleep(0.001)
            assert (await world.status("chartmogul")).unread_customers == len(ids) - 20
            await asyncio.sleep(len(ids) * 2.2 + 20)
            assert (await world.status("chartmogul")).unread_customers == 0
        async with world_sync(world, enabled=False):
            assert (await world.status("chartmogul")).unread_customers is None


async def test_deals_that_come_with_their_customers_lack_none() -> None:
    async with open_world(sources=("nexudus",)) as world:
        assert (await world.status("nexudus")).unread_customers == 0
