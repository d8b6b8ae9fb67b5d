"""Large lists of the simulated vendors, what is written to them, and what can go wrong with their pages.

`simulator.nexudus_audit`, `simulator.nexudus_columns`, `simulator.page_faults`, and what `simulator.control` writes.
"""

import json
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest

from simulator import CHARTMOGUL_EXAMPLE_ID, NEXUDUS_EXAMPLE_ID, PAGE_FAULTS, Simulator, Urls
from simulator.__main__ import main
from simulator.chartmogul_records import chartmogul_records
from simulator.nexudus_records import nexudus_records
from tests.simulated import Clock

TODAY = datetime(2026, 11, 1, 12, tzinfo=UTC)
NEXUDUS = {"Authorization": aiohttp.encode_basic_auth("gateway@example.com", "simulated-password-3f9c")}
CHARTMOGUL = {"Authorization": aiohttp.encode_basic_auth("simulated-key-5d1e", "")}
CRM, AUDIT, OPPORTUNITIES = "/api/crm/crmopportunities", "/api/sys/audittrailentries", "/v1/opportunities"
COLUMNS = "/api/crm/crmboardcolumns"


class World:
    def __init__(self, simulator: Simulator, clock: Clock, urls: Urls, session: aiohttp.ClientSession) -> None:
        self.simulator, self.clock, self.urls, self.session = simulator, clock, urls, session

    async def nexudus(self, path: str = CRM, **query: str) -> Any:
        async with self.session.get(self.urls.nexudus + path, params=query, headers=NEXUDUS) as response:
            return await response.json() if response.status == 200 else response.status

    async def chartmogul(self, path: str = OPPORTUNITIES, **query: str) -> Any:
        async with self.session.get(self.urls.chartmogul + path, params=query, headers=CHARTMOGUL) as response:
            return await response.json()

    async def write(self, **what: Any) -> tuple[int, Any]:
        async with self.session.post(f"{self.urls.control}/deals", json=what) as response:
            return response.status, await response.json()


@pytest.fixture
async def world() -> AsyncIterator[World]:
    clock = Clock()
    simulator = Simulator(deals=(600, 700), today=TODAY, clock=clock)
    async with simulator.serve() as urls, aiohttp.ClientSession() as session:
        yield World(simulator, clock, urls, session)


def test_there_are_as_many_as_wanted_the_special_ones_among_them() -> None:
    simulator = Simulator(deals=(600, 700), today=TODAY)
    nexudus, chartmogul = simulator.nexudus.records, simulator.chartmogul.records
    assert (len(nexudus), len(chartmogul)) == (600, 700)
    assert nexudus_records(1).items() <= nexudus.items()
    assert chartmogul_records(1).items() <= chartmogul.items()
    assert Simulator(deals=(600, 700), today=TODAY).nexudus.records == nexudus
    with pytest.raises(ValueError, match="at least 200"):
        Simulator(deals=(5_000, 100))


def test_they_vary_as_real_ones_do_and_are_dated_around_today() -> None:
    simulator = Simulator(deals=(1_200, 1_200), today=TODAY)
    rows = list(simulator.nexudus.records.values())[200:]
    moments = [datetime.fromisoformat(row[name]) for row in rows for name in ("CreatedOn", "UpdatedOn")]
    assert TODAY - timedelta(days=500) <= min(moments) < max(moments) <= TODAY
    assert max(moments) > TODAY - timedelta(days=10)
    for name, most in (("Status", 3), ("LossReason", 22), ("CrmBoardColumnCrmBoardName", 2), ("UtmCampaign", 4)):
        assert len(Counter(row[name] for row in rows)) == most
    others = list(simulator.chartmogul.records.values())[200:]
    assert {row["forecast_category"] for row in others} == {"pipeline", "best_case", "committed", "won", "lost"}
    assert {row["customer_uuid"] for row in others} <= simulator.chartmogul.customers.keys()
    emails = {row["CoworkerEmail"].lower() for row in rows if row["CoworkerEmail"]}
    customers = [simulator.chartmogul.customers[row["customer_uuid"]]["email"] for row in others]
    assert sum(email.lower() in emails for email in customers) > 50
    assert any(email.isupper() for email in customers)


def test_reset_restores_all(world: World) -> None:
    simulator = world.simulator
    before = dict(simulator.nexudus.records), dict(simulator.chartmogul.records)
    simulator.nexudus.delete(NEXUDUS_EXAMPLE_ID)
    simulator.chartmogul.update(CHARTMOGUL_EXAMPLE_ID, {"pipeline": "Other"})
    simulator.reset()
    assert (simulator.nexudus.records, simulator.chartmogul.records) == before
    assert simulator.nexudus.audit_trail == []


async def test_the_records_can_be_looked_at_from_outside(world: World) -> None:
    async with world.session.get(f"{world.urls.control}/deals", params={"upstream": "nexudus"}) as response:
        found = await response.json()
    assert list(found) == ["nexudus"]
    assert [row["Id"] for row in found["nexudus"]] == list(world.simulator.nexudus.records)


async def test_what_is_written_has_the_vendors_time_and_is_in_the_audit_trail(world: World) -> None:
    world.clock.now += 3_600
    _, created = await world.write(upstream="nexudus", fields={"Name": "New"})
    world.clock.now += 60
    await world.write(upstream="nexudus", id=NEXUDUS_EXAMPLE_ID, fields={"Status": 2})
    world.clock.now += 60
    await world.write(upstream="nexudus", id=NEXUDUS_EXAMPLE_ID + 1)

    changed = await world.nexudus(from_CrmOpportunity_UpdatedOn="2026-11-01T13:00", orderBy="Id")
    assert {row["Id"]: row["UpdatedOn"] for row in changed["Records"]} == {
        NEXUDUS_EXAMPLE_ID: "2026-11-01T13:01:00.0000007Z",
        created["id"]: "2026-11-01T13:00:00.0000007Z",
    }
    trail = (await world.nexudus(AUDIT))["Records"]
    assert [(row["AuditType"], row["EntityId"]) for row in trail if row["PropertyName"] in (None, "Status")] == [
        (1, created["id"]),
        (2, NEXUDUS_EXAMPLE_ID),
        (3, NEXUDUS_EXAMPLE_ID + 1),
    ]
    status = next(row for row in trail if row["PropertyName"] == "Status")
    assert (status["OldValue"], status["NewValue"], status["CreatedOn"]) == ("1", "2", "2026-11-01T13:01:00.0000007Z")


async def test_the_audit_trail_is_filtered_and_is_another_role(world: World) -> None:
    nexudus = world.simulator.nexudus
    for number in (1, 2):
        nexudus.delete(NEXUDUS_EXAMPLE_ID + number)
        world.clock.now += 3_600
    query = {"AuditTrailEntry_AuditType": "3", "AuditTrailEntry_EntityShortName": "CrmOpportunity"}
    since = {"from_AuditTrailEntry_CreatedOn": "2026-11-01T12:30"}
    assert (await world.nexudus(AUDIT, **query))["TotalItems"] == 2
    found = await world.nexudus(AUDIT, **query, **since)
    assert [row["EntityId"] for row in found["Records"]] == [NEXUDUS_EXAMPLE_ID + 2]
    assert (await world.nexudus(AUDIT, **query | {"AuditTrailEntry_AuditType": "1"}))["Records"] == []
    nexudus.audit_role_missing = True
    assert await world.nexudus(AUDIT) == 401
    assert (await world.nexudus())["TotalItems"] == 598


async def test_the_columns_of_boards_are_those_that_records_are_in(world: World) -> None:
    columns = (await world.nexudus(COLUMNS, size="1000"))["Records"]
    known = {(row["Id"], row["Name"], row["CrmBoardId"], row["CrmBoardName"]) for row in columns}
    stages = ("CrmBoardColumnId", "CrmBoardColumnName", "CrmBoardColumnCrmBoardId", "CrmBoardColumnCrmBoardName")
    for record in world.simulator.nexudus.records.values():
        assert (int(record[stages[0]]), *(record[name] for name in stages[1:])) in known


def test_a_record_can_be_moved_to_a_column_that_no_other_is_in() -> None:
    nexudus = Simulator().nexudus
    nexudus.columns[7] = {**nexudus.columns[1400000101], "Id": 7, "Name": "Call", "CrmBoardName": "New"}
    nexudus.update(NEXUDUS_EXAMPLE_ID, {"CrmBoardColumnId": 7})
    record = nexudus.records[NEXUDUS_EXAMPLE_ID]
    assert (record["CrmBoardColumnName"], record["CrmBoardColumnCrmBoardName"]) == ("Call", "New")


async def test_columns_are_paged_filtered_and_ordered_and_are_another_role(world: World) -> None:
    page = await world.nexudus(COLUMNS, page="2", orderBy="Id")
    assert (len(page["Records"]), page["TotalItems"], page["HasNextPage"]) == (25, 72, True)
    assert page["Records"][0]["Id"] == min(world.simulator.nexudus.columns) + 41, "six columns a board, ten ids apart"
    board = {"CrmBoardColumn_CrmBoard": "1400000012", "orderBy": "Position", "dir": "-1"}
    found = (await world.nexudus(COLUMNS, **board))["Records"]
    assert [(row["Name"], row["Position"]) for row in found][-2:] == [("Office Tour", 1), ("Enquiry", 0)]
    assert (await world.nexudus(COLUMNS, CrmBoardColumn_Name="none"))["Records"] == []
    world.simulator.nexudus.columns_role_missing = True
    assert await world.nexudus(COLUMNS) == 401
    assert (await world.nexudus())["TotalItems"] == 600


async def test_chartmogul_is_written_too(world: World) -> None:
    _, created = await world.write(upstream="chartmogul", fields={"amount_in_cents": 100})
    world.clock.now += 60
    await world.write(upstream="chartmogul", id=created["id"], fields={"pipeline_stage": "Demo"})
    row = await world.chartmogul(f"{OPPORTUNITIES}/{created['id']}")
    assert (row["created_at"], row["updated_at"]) == ("2026-11-01T12:00:00.000Z", "2026-11-01T12:01:00.000Z")
    assert (await world.chartmogul())["entries"][0] == row
    await world.write(upstream="chartmogul", id=created["id"])
    assert created["id"] not in world.simulator.chartmogul.records


@pytest.mark.parametrize(
    "what",
    [
        {"upstream": "nexudus", "id": 1},
        {"upstream": "nexudus", "id": 1, "fields": {}},
        {"upstream": "chartmogul", "id": "x"},
        {"upstream": "chartmogul", "fields": {"currency": "euros"}},
        {"upstream": "other", "fields": {}},
    ],
)
async def test_what_cannot_be_written_is_refused(world: World, what: dict[str, Any]) -> None:
    status, answer = await world.write(**what)
    assert status == 400
    assert "error" in answer


@pytest.mark.parametrize("name", PAGE_FAULTS)
async def test_every_fault_of_a_page_harms_a_page_and_no_record(world: World, name: str) -> None:
    simulator = world.simulator
    for upstream in simulator.upstreams:
        upstream.faults.add(PAGE_FAULTS[name], times=None)
    one = await world.nexudus(f"{CRM}/{NEXUDUS_EXAMPLE_ID}") if name != "row-that-is-no-json" else None
    assert one is None or one["Id"] == NEXUDUS_EXAMPLE_ID
    for upstream in simulator.upstreams:
        upstream.faults.clear()
    real = [json.dumps(await world.nexudus(size="200", orderBy="Id")), json.dumps(await world.chartmogul())]
    for upstream in simulator.upstreams:
        upstream.faults.add(PAGE_FAULTS[name], kinds={"list"}, times=1)
    async with world.session.get(f"{world.urls.nexudus}{CRM}?size=200&orderBy=Id", headers=NEXUDUS) as response:
        harmed = await response.text()
    try:
        assert json.dumps(json.loads(harmed)) != real[0]
    except ValueError:
        assert name == "row-that-is-no-json"


@pytest.mark.parametrize(
    ("knob", "value", "differs"),
    [
        ("list_largest_size", 10, {}),
        ("list_order_ignored", True, {}),
        ("list_repeats", 2, {"page": "2"}),
        ("list_range_ignored", True, {"from_CrmOpportunity_UpdatedOn": "2026-10-31T00:00"}),
        ("filter_zone_hours", -5, {"from_CrmOpportunity_UpdatedOn": "2026-10-31T00:00"}),
    ],
)
async def test_what_is_wrong_with_a_whole_list_is_a_knob(
    world: World, knob: str, value: Any, differs: dict[str, str]
) -> None:
    query = {"size": "50", "orderBy": "Id"} | differs
    before = await world.nexudus(**query)
    async with world.session.post(f"{world.urls.control}/config", json={"nexudus": {knob: value}}) as response:
        assert response.status == 200
    assert await world.nexudus(**query) != before


@pytest.mark.parametrize("text", ["5000", "100,5000", "5000,x", "-1,300", "1,2,3"])
def test_the_command_refuses_what_are_no_two_numbers(
    text: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["simulator", f"--deals={text}"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "at least 200" in capsys.readouterr().err
