"""ChartMogul's own client works against the simulator, unchanged but for its address."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from typing import Any

import chartmogul
import pytest

from simulator import CHARTMOGUL_DOCUMENTED_ID, Simulator, faults

NEW = {
    "customer_uuid": "cus_f466e33d-ff2b-4a11-8f85-417eb02157a7",
    "owner": "testy.seller@example.com",
    "pipeline": "New Business",
    "pipeline_stage": "Discovery",
    "estimated_close_date": date(2026, 4, 1),
    "currency": "USD",
    "amount_in_cents": 5_000,
    "type": "recurring",
    "forecast_category": "pipeline",
    "win_likelihood": 3,
    "custom": [{"key": "from_campaign", "value": True}],
}


@pytest.fixture
def simulator() -> Simulator:
    return Simulator()


@pytest.fixture
async def config(simulator: Simulator) -> AsyncIterator[chartmogul.Config]:
    async with simulator.serve() as urls:
        config = chartmogul.Config(simulator.chartmogul.api_key, request_timeout=5, max_retries=0)
        config.uri = f"{urls.chartmogul}/v1"
        yield config


async def run(method: Any, config: chartmogul.Config, **arguments: Any) -> Any:
    """Call the blocking client in a thread."""
    return await asyncio.to_thread(lambda: method(config, **arguments).get())


async def test_ping(config: chartmogul.Config) -> None:
    assert (await run(chartmogul.Ping.ping, config)).data == "pong!"


async def test_retrieve_reads_every_field(config: chartmogul.Config) -> None:
    found = await run(chartmogul.Opportunity.retrieve, config, uuid=CHARTMOGUL_DOCUMENTED_ID)
    assert vars(found) == {
        "uuid": CHARTMOGUL_DOCUMENTED_ID,
        "customer_uuid": "cus_f466e33d-ff2b-4a11-8f85-417eb02157a7",
        "owner": "documented.seller@example.com",
        "pipeline": "New Business",
        "pipeline_stage": "Discovery",
        "estimated_close_date": date(2024, 4, 21),
        "currency": "USD",
        "amount_in_cents": 10_000,
        "type": "recurring",
        "forecast_category": "best_case",
        "win_likelihood": 40,
        "custom": {"seats": 3, "marketing_campaign": "Facebook"},
        "created_at": datetime(2024, 3, 20, 9, 55, 50, 156_000, tzinfo=UTC),
        "updated_at": datetime(2024, 3, 20, 9, 55, 50, 156_000, tzinfo=UTC),
    }


async def test_the_cursor_leads_to_the_end_of_the_list(config: chartmogul.Config, simulator: Simulator) -> None:
    # The client cannot read null in a field other than `custom`.
    del simulator.chartmogul.records["5c0de012-e54b-11ee-81c1-f303abf41acc"]
    seen: list[str] = []
    arguments: dict[str, Any] = {"per_page": 64}
    while True:
        page = await run(chartmogul.Opportunity.all, config, **arguments)
        seen += [one.uuid for one in page.entries]
        if not page.has_more:
            break
        arguments["cursor"] = page.cursor
    assert len(seen) == len(set(seen)) == 199
    assert [call.kind for call in simulator.chartmogul.calls] == ["list"] * 4


async def test_create_modify_and_destroy(config: chartmogul.Config, simulator: Simulator) -> None:
    created = await run(chartmogul.Opportunity.create, config, data=dict(NEW))
    assert created.custom == {"from_campaign": True}
    assert created.estimated_close_date == date(2026, 4, 1)
    changed = await run(chartmogul.Opportunity.modify, config, uuid=created.uuid, data={"amount_in_cents": 7_000})
    assert (changed.amount_in_cents, changed.uuid) == (7_000, created.uuid)
    await run(chartmogul.Opportunity.destroy, config, uuid=created.uuid)
    assert created.uuid not in simulator.chartmogul.records
    assert [call.status for call in simulator.chartmogul.calls] == [201, 200, 200]


async def test_a_missing_opportunity_is_an_error(config: chartmogul.Config) -> None:
    with pytest.raises(chartmogul.APIError, match="Opportunity not found"):
        await run(chartmogul.Opportunity.retrieve, config, uuid="00000000-e7fe-11ee-fa7f-f303abf41acc")


async def test_a_wrong_key_is_an_error(config: chartmogul.Config) -> None:
    config.auth = ("guess", "")
    with pytest.raises(chartmogul.APIError, match="No valid API key provided"):
        await run(chartmogul.Ping.ping, config)


async def test_an_overloaded_vendor_is_an_error(config: chartmogul.Config, simulator: Simulator) -> None:
    simulator.chartmogul.faults.add(faults.status(503, b"Service Unavailable"), times=1)
    with pytest.raises(chartmogul.APIError, match="Service Unavailable"):
        await run(chartmogul.Ping.ping, config)
    assert (await run(chartmogul.Ping.ping, config)).data == "pong!"
