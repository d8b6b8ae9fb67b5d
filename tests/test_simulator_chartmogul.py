"""The simulated ChartMogul behaves as the vendor's pages say, traps included.

`simulator.chartmogul_list` and `simulator.chartmogul_writes` with it.
"""

import asyncio
import base64
import json
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest

from simulator import CHARTMOGUL_DOCUMENTED_ID, CHARTMOGUL_EXAMPLE_ID, CHARTMOGUL_SPECIAL, Simulator, faults
from simulator.chartmogul_records import DATA, chartmogul_customers, chartmogul_records
from tests import simulated
from tests.simulated import Clock
from tests.waiting import until

clock, simulator = simulated.clock, simulated.simulator

LIST = "/v1/opportunities"
NEW = {
    "customer_uuid": "cus_f466e33d-ff2b-4a11-8f85-417eb02157a7",
    "owner": "testy.seller@example.com",
    "pipeline": "New Business",
    "pipeline_stage": "Demo",
    "estimated_close_date": "2026-04-01",
    "currency": "USD",
    "amount_in_cents": 5_000,
}


@dataclass
class Answer:
    status: int
    headers: Any
    text: str

    @property
    def data(self) -> Any:
        return json.loads(self.text)


@dataclass
class Client:
    session: aiohttp.ClientSession
    base: str
    key: str
    password: str = ""

    async def call(self, method: str, path: str, **options: Any) -> Answer:
        secret = base64.b64encode(f"{self.key}:{self.password}".encode()).decode()
        headers = {"Authorization": f"Basic {secret}"}
        async with self.session.request(method, self.base + path, headers=headers, **options) as response:
            return Answer(response.status, response.headers, await response.text())

    async def get(self, path: str, **params: Any) -> Answer:
        return await self.call("GET", path, params=params)


@pytest.fixture
async def client(simulator: Simulator) -> AsyncIterator[Client]:
    connector = aiohttp.TCPConnector(limit=0)
    async with simulator.serve() as urls, aiohttp.ClientSession(connector=connector) as session:
        yield Client(session, urls.chartmogul, simulator.chartmogul.api_key)


async def test_one_opportunity_comes_bare_as_in_the_example(client: Client) -> None:
    answer = await client.get(f"{LIST}/{CHARTMOGUL_EXAMPLE_ID}")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
    assert answer.data == json.loads((DATA / "chartmogul_example.json").read_text("utf-8"))


async def test_the_vendors_documented_opportunity_is_there(client: Client) -> None:
    data = (await client.get(f"{LIST}/4ee13ca4-e7fe-11ee-fa7f-f303abf41acc")).data
    assert data["uuid"] == CHARTMOGUL_DOCUMENTED_ID
    assert (data["amount_in_cents"], data["created_at"]) == (10_000, "2024-03-20T09:55:50.156Z")


@pytest.mark.parametrize("number", ["00000000-e7fe-11ee-fa7f-f303abf41acc", "not-a-uuid"])
async def test_a_missing_or_malformed_uuid_is_404(client: Client, number: str) -> None:
    answer = await client.get(f"{LIST}/{number}")
    assert answer.status == 404
    assert answer.data == {"code": 404, "message": "Opportunity not found", "param": "uuid"}


async def test_the_order_of_custom_attributes_is_kept(client: Client) -> None:
    answer = await client.get(f"{LIST}/{CHARTMOGUL_SPECIAL['custom order']}")
    assert '"custom":{"zulu":1,"alpha":2,"mike":3,"1":4,"Alpha":5}' in answer.text


async def test_ping_answers_a_known_key(client: Client, simulator: Simulator) -> None:
    assert (await client.get("/v1/ping")).data == {"data": "pong!"}
    client.password = client.key
    assert (await client.get("/v1/ping")).status == 200
    assert [call.kind for call in simulator.chartmogul.calls] == ["ping", "ping"]


async def test_an_unknown_key_is_401_in_the_recorded_words(client: Client) -> None:
    client.key = "guess"
    for path in ("/v1/ping", LIST, f"{LIST}/{CHARTMOGUL_EXAMPLE_ID}"):
        answer = await client.get(path)
        assert answer.status == 401
        assert answer.data == {"code": 401, "message": "No valid API key provided", "param": None}


async def test_a_key_without_a_crm_seat_pings_but_reads_no_opportunity(client: Client, simulator: Simulator) -> None:
    client.key = simulator.chartmogul.seatless_key
    assert (await client.get("/v1/ping")).status == 200
    assert (await client.get(f"{LIST}/{CHARTMOGUL_EXAMPLE_ID}")).data["code"] == 403


async def test_a_read_only_key_reads_and_does_not_write(client: Client, simulator: Simulator) -> None:
    client.key = simulator.chartmogul.read_only_key
    assert (await client.get(f"{LIST}/{CHARTMOGUL_EXAMPLE_ID}")).status == 200
    assert (await client.call("DELETE", f"{LIST}/{CHARTMOGUL_EXAMPLE_ID}")).status == 403


async def test_the_list_is_newest_first_and_ends_by_has_more_not_by_the_cursor(client: Client) -> None:
    rows: list[dict[str, Any]] = []
    page = (await client.get(LIST, per_page=60)).data
    while True:
        rows += page["entries"]
        assert page["cursor"]
        if not page["has_more"]:
            break
        page = (await client.get(LIST, per_page=60, cursor=page["cursor"])).data
    times = [row["created_at"] for row in rows]
    assert times == sorted(times, reverse=True)
    assert len(rows) == 200
    assert {row["uuid"] for row in rows} == set(chartmogul_records(1))


async def test_the_cursor_is_the_last_entrys_time_and_uuid_in_base64(client: Client) -> None:
    page = (await client.get(LIST, per_page=1)).data
    last = page["entries"][-1]
    assert base64.b64decode(page["cursor"]).decode() == f"{last['created_at'][:-1]}000000Z&{last['uuid']}"


async def test_a_cursor_survives_the_deletion_of_its_entry(client: Client) -> None:
    first = (await client.get(LIST, per_page=2)).data
    second = (await client.get(LIST, per_page=2, cursor=first["cursor"])).data
    await client.call("DELETE", f"{LIST}/{first['entries'][1]['uuid']}")
    assert (await client.get(LIST, per_page=2, cursor=first["cursor"])).data == second


@pytest.mark.parametrize(("asked", "given"), [("1000", 200), ("200", 200), ("0", 1), ("7", 7), ("many", 200)])
async def test_a_page_holds_at_most_200(client: Client, asked: str, given: int) -> None:
    extra = await client.call("POST", LIST, json=NEW)
    assert extra.status == 201
    assert len((await client.get(LIST, per_page=asked)).data["entries"]) == given


async def test_a_page_number_and_a_spoilt_cursor_are_refused(client: Client) -> None:
    for name, value in (("page", "2"), ("cursor", "%%%"), ("cursor", base64.b64encode(b"x").decode())):
        answer = await client.get(LIST, **{name: value})
        assert (answer.status, answer.data["param"]) == (422, name)


@pytest.mark.parametrize(
    ("query", "test"),
    [
        ({"customer_uuid": NEW["customer_uuid"]}, lambda row: row["customer_uuid"] == NEW["customer_uuid"]),
        ({"owner": "aoife.example@example.com"}, lambda row: row["owner"] == "aoife.example@example.com"),
        ({"pipeline": "Erneuerung – Süd"}, lambda row: row["pipeline"] == "Erneuerung – Süd"),  # noqa: RUF001
        (
            {"pipeline": "Expansion", "pipeline_stage": "Signal"},
            lambda row: (row["pipeline"], row["pipeline_stage"]) == ("Expansion", "Signal"),
        ),
        ({"estimated_close_date_on_or_after": "2026-01-01"}, lambda row: row["estimated_close_date"] >= "2026-01-01"),
        ({"estimated_close_date_on_or_before": "2026-01-01"}, lambda row: row["estimated_close_date"] <= "2026-01-01"),
    ],
)
async def test_filters_keep_the_rows_they_name(client: Client, query: dict[str, str], test: Any) -> None:
    rows = (await client.get(LIST, **query)).data["entries"]
    assert 0 < len(rows) < 200
    assert all(test(row) for row in rows)


async def test_unknown_parameters_are_ignored(client: Client) -> None:
    assert (await client.get(LIST, uuid=CHARTMOGUL_EXAMPLE_ID)).text == (await client.get(LIST)).text


async def test_create_change_and_delete_with_custom_as_list_in_and_object_out(client: Client) -> None:
    created = await client.call("POST", LIST, json={**NEW, "custom": [{"key": "seats", "value": 3}]})
    assert created.status == 201
    record = created.data
    assert (record["custom"], record["win_likelihood"], record["type"]) == ({"seats": 3}, 30, "recurring")
    assert uuid.UUID(record["uuid"]).version == 1
    path = f"{LIST}/{record['uuid']}"
    changed = await client.call("PATCH", path, json={"amount_in_cents": 1, "custom": [{"key": "zone", "value": "N"}]})
    assert changed.status == 200
    assert changed.data["custom"] == {"seats": 3, "zone": "N"}
    assert changed.data["updated_at"] > record["updated_at"]
    assert changed.data["created_at"] == record["created_at"]
    assert (await client.get(path)).data == changed.data
    deleted = await client.call("DELETE", path)
    assert (deleted.status, deleted.text) == (200, "{}")
    assert (await client.get(path)).status == 404


async def test_a_missing_field_is_400_or_422_by_knob(client: Client, simulator: Simulator) -> None:
    body = {key: value for key, value in NEW.items() if key != "pipeline"}
    refused = await client.call("POST", LIST, json=body)
    assert (refused.status, refused.data["message"]) == (400, 'Parameter "pipeline" is missing')
    simulator.chartmogul.missing_field_status = 422
    refused = await client.call("POST", LIST, json=body)
    assert (refused.status, refused.data["error_details"][0]["param"]) == (422, "pipeline")


@pytest.mark.parametrize(
    ("field", "value"),
    [("forecast_category", "wishful"), ("amount_in_cents", 1.5), ("win_likelihood", 101), ("custom", {"a": 1})],
)
async def test_a_value_that_cannot_be_stored_is_422(client: Client, field: str, value: Any) -> None:
    assert field in (await client.call("POST", LIST, json={**NEW, field: value})).data


async def test_the_41st_request_of_a_second_is_429(client: Client, simulator: Simulator, clock: Clock) -> None:
    simulator.chartmogul.throttled = True
    statuses = [(await client.get("/v1/ping")).status for _ in range(41)]
    assert statuses == [200] * 40 + [429]
    refused = (await client.get("/v1/ping")).data
    assert refused == {"code": 429, "message": "Your request rate has exceeded our rate limit.", "param": None}
    clock.now += 1
    assert (await client.get("/v1/ping")).status == 200


async def test_the_21st_request_in_flight_is_503_in_plain_text(client: Client, simulator: Simulator) -> None:
    simulator.chartmogul.faults.add(faults.hang(), times=None, ids={CHARTMOGUL_EXAMPLE_ID})
    hanging = [asyncio.create_task(client.get(f"{LIST}/{CHARTMOGUL_EXAMPLE_ID}")) for _ in range(20)]
    await until(lambda: simulator.chartmogul.in_flight == 20)
    refused = await client.get("/v1/ping")
    assert (refused.status, refused.headers["Content-Type"]) == (503, "text/plain; charset=utf-8")
    assert simulator.chartmogul.max_in_flight == 21
    assert simulator.chartmogul.max_connections == 21
    for task in hanging:
        task.cancel()
    await asyncio.gather(*hanging, return_exceptions=True)
    await until(lambda: simulator.chartmogul.in_flight == 0 and simulator.chartmogul.connections == 1)
    assert (await client.get("/v1/ping")).status == 200


async def test_customers_are_found_by_uuid_and_by_address(client: Client, simulator: Simulator) -> None:
    found = (await client.get("/v1/customers/search", email="Ada.Examplesson@example.com")).data["entries"]
    assert [one["uuid"] for one in found] == [NEW["customer_uuid"]]
    assert (await client.get(f"/v1/customers/{NEW['customer_uuid']}")).data == found[0]
    missing = await client.get("/v1/customers/search", email="nobody@example.com")
    assert (missing.status, missing.data["param"]) == (404, "email")
    assert [call.kind for call in simulator.chartmogul.calls] == ["customer"] * 3


async def test_a_reset_restores_records_and_the_parallel_limit(client: Client, simulator: Simulator) -> None:
    await client.call("DELETE", f"{LIST}/{CHARTMOGUL_EXAMPLE_ID}")
    simulator.chartmogul.max_parallel = None
    simulator.reset()
    assert simulator.chartmogul.max_parallel == 20
    assert simulator.chartmogul.records == chartmogul_records(1)


def test_records_begin_with_the_examples_and_look_like_the_vendors() -> None:
    records = chartmogul_records(1)
    assert len(records) == 200
    assert list(records)[:2] == [CHARTMOGUL_EXAMPLE_ID, CHARTMOGUL_DOCUMENTED_ID]
    assert records == chartmogul_records(1)
    assert records != chartmogul_records(2)
    assert all(number == record["uuid"] == number.lower() and number[14] == "1" for number, record in records.items())
    known = set(chartmogul_customers(1))
    strangers = [record for record in records.values() if record["customer_uuid"] not in known]
    assert [one["uuid"] for one in strangers] == [CHARTMOGUL_SPECIAL["unknown customer"]]


def test_special_records_are_the_same_for_every_seed_and_odd_as_named() -> None:
    one, two = chartmogul_records(1), chartmogul_records(2)
    odd = {what: one[number] for what, number in CHARTMOGUL_SPECIAL.items()}
    assert all(one[number] == two[number] for number in CHARTMOGUL_SPECIAL.values())
    assert odd["null custom"]["custom"] is None
    assert odd["annual type"]["type"] == "arr"
    assert odd["yen"]["currency"] == "JPY"
    assert odd["amount above 53 bits"]["amount_in_cents"] == 2**53 + 1
    assert odd["negative amount"]["amount_in_cents"] < 0
    assert "win_likelihood" not in odd["missing win likelihood"]
