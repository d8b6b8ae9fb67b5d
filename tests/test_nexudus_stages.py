"""The columns of Nexudus' boards, over real sockets: `resolvers.nexudus.stages`."""

from collections.abc import AsyncIterator

import pytest

from resolvers.errors import UpstreamUnavailable
from resolvers.listing import Stage, StagesPage
from resolvers.nexudus import NEXUDUS
from simulator import FAULTS, PAGE_FAULTS
from tests.listings import Listed, background, open_listing


@pytest.fixture
async def listed() -> AsyncIterator[Listed]:
    async with open_listing(NEXUDUS) as found:
        yield found


async def page(listed: Listed, position: str | None = None) -> StagesPage | None:
    list_stages = listed.scheduler.list_stages
    assert list_stages
    return await list_stages(position, background())


async def whole(listed: Listed) -> StagesPage:
    found = await page(listed)
    assert found is not None
    return found


async def test_a_stage_has_its_place_on_its_board(listed: Listed) -> None:
    found = await whole(listed)
    assert (found.next, found.is_whole, len(found.stages)) == (None, True, 72)
    assert found.stages[:2] == [
        Stage("1400000100", "Enquiry", "1400000011", "Sales Pipeline", 0),
        Stage("1400000101", "Office Tour", "1400000011", "Sales Pipeline", 1),
    ]
    (call,) = (call for call in listed.simulator.nexudus.calls if call.kind == "stages")
    assert call.query["orderBy"] == "Id", "an order that does not move"


async def test_pages_that_are_cut_down_leave_no_stage_out(listed: Listed) -> None:
    listed.simulator.nexudus.list_largest_size = 50
    first = await whole(listed)
    second = await page(listed, first.next)
    assert second is not None
    assert (len(first.stages), len(second.stages), second.next) == (50, 22, None)
    assert first.is_whole
    assert second.is_whole


@pytest.mark.parametrize("fault", ["moved-order", "row-without-id"])
async def test_a_page_that_may_lack_stages_says_so(listed: Listed, fault: str) -> None:
    listed.simulator.nexudus.faults.add(PAGE_FAULTS[fault], kinds={"stages"})
    assert not (await whole(listed)).is_whole


async def test_what_a_column_lacks_is_not_known_of_it(listed: Listed) -> None:
    columns = listed.simulator.nexudus.columns
    columns[1400000100] |= {"Name": "", "CrmBoardName": None, "Position": 2**40}
    columns[1400000101] |= {"Position": None}
    found = await whole(listed)
    assert found.stages[0] == Stage("1400000101", "Office Tour", "1400000011", "Sales Pipeline", None)
    assert (len(found.stages), found.is_whole) == (71, False)


@pytest.mark.parametrize("status", ["401", "403", "404"])
async def test_without_the_role_there_are_no_stages(listed: Listed, status: str) -> None:
    listed.simulator.nexudus.faults.add(FAULTS[status], kinds={"stages"}, times=None)
    assert await page(listed) is None
    assert (await listed.page()).rows, "which says nothing of other roles"


async def test_a_fault_of_nexudus_is_an_error(listed: Listed) -> None:
    listed.simulator.nexudus.faults.add(FAULTS["500"], kinds={"stages"}, times=None)
    with pytest.raises(UpstreamUnavailable):
        await page(listed)
