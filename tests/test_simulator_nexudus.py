"""The simulated Nexudus behaves as the vendor's pages say, traps included."""

import base64
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import aiohttp
import pytest
from yarl import URL

from simulator import NEXUDUS_EXAMPLE_ID, NEXUDUS_SPECIAL, Simulator
from simulator.nexudus_records import DATA, EXAMPLE, FIELDS, nexudus_records
from simulator.nexudus_special import LARGE_ID
from simulator.people import known_to_chartmogul, known_to_nexudus

CRM = "/api/crm/crmopportunities"
WAIT = "You must wait before accessing this url again."


@dataclass
class Clock:
    now: float = 1_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Answer:
    status: int
    reason: str | None
    headers: Any
    text: str

    @property
    def data(self) -> Any:
        return json.loads(self.text, parse_float=Decimal)


@dataclass
class Client:
    session: aiohttp.ClientSession
    base: str
    token: str = ""

    async def call(self, method: str, path: str, *, encoded: bool = False, **options: Any) -> Answer:
        headers = {"Authorization": f"Bearer {self.token}"} | options.pop("headers", {})
        url = URL(self.base + path, encoded=encoded)
        async with self.session.request(method, url, headers=headers, **options) as response:
            return Answer(response.status, response.reason, response.headers, await response.text())

    async def get(self, path: str, **params: Any) -> Answer:
        return await self.call("GET", path, params=params)

    async def log_in(self, **headers: str) -> Any:
        form = {"grant_type": "password", "username": "gateway@example.com", "password": "simulated-password-3f9c"}
        answer = await self.call("POST", "/api/token", data=form, headers=headers)
        assert answer.status == 200
        self.token = answer.data["access_token"]
        return answer.data

    async def refresh(self, refresh_token: str, **headers: str) -> Answer:
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        return await self.call("POST", "/api/token", data=form, headers=headers)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def simulator(clock: Clock) -> Simulator:
    return Simulator(clock=clock)


@pytest.fixture
async def client(simulator: Simulator) -> AsyncIterator[Client]:
    async with simulator.serve() as urls, aiohttp.ClientSession() as session:
        client = Client(session, urls.nexudus)
        await client.log_in()
        yield client


def ids(rows: list[dict[str, Any]]) -> list[int]:
    return [row["Id"] for row in rows]


async def test_one_record_comes_bare_and_digit_for_digit_as_in_the_example(client: Client) -> None:
    answer = await client.get(f"{CRM}/{NEXUDUS_EXAMPLE_ID}")
    lines = (DATA / "nexudus_example.json").read_text("utf-8").splitlines()
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    assert answer.text == "".join(line.strip().replace('": ', '":', 1) for line in lines)
    assert '"Value":4800.00000,' in answer.text


async def test_a_missing_record_is_the_json_string_not_found(client: Client) -> None:
    answer = await client.get(f"{CRM}/999")
    assert (answer.status, answer.text) == (404, '"Not found"')


@pytest.mark.parametrize(
    "authorization", ["", "Bearer nonsense", "Bearer", "Basic !!!", "Basic " + base64.b64encode(b"a:b").decode()]
)
async def test_without_a_valid_token_every_crm_route_answers_401(client: Client, authorization: str) -> None:
    for path in (CRM, f"{CRM}/{NEXUDUS_EXAMPLE_ID}", "/api/auth/me"):
        answer = await client.call("GET", path, headers={"Authorization": authorization})
        assert (answer.status, "WasSuccessful" in answer.text) == (401, False)


async def test_basic_authentication_with_address_and_password_is_accepted(client: Client) -> None:
    secret = base64.b64encode(b"gateway@example.com:simulated-password-3f9c").decode()
    answer = await client.call("GET", f"{CRM}/{NEXUDUS_EXAMPLE_ID}", headers={"Authorization": f"Basic {secret}"})
    assert answer.status == 200


async def test_a_missing_role_is_401_with_a_valid_token(client: Client, simulator: Simulator) -> None:
    simulator.nexudus.role_missing = True
    assert (await client.get(f"{CRM}/{NEXUDUS_EXAMPLE_ID}")).status == 401
    assert (await client.get("/api/auth/me")).data["Email"] == "gateway@example.com"


async def test_a_missing_list_role_leaves_single_records_readable(client: Client, simulator: Simulator) -> None:
    simulator.nexudus.list_role_missing = True
    assert (await client.get(CRM, CrmOpportunity_Id=f"[{NEXUDUS_EXAMPLE_ID}]")).status == 401
    assert (await client.get(f"{CRM}/{NEXUDUS_EXAMPLE_ID}")).status == 200


async def test_a_wrong_password_and_a_json_body_are_refused_in_the_vendors_words(client: Client) -> None:
    wrong = {"grant_type": "password", "username": "gateway@example.com", "password": "guess"}
    refused = await client.call("POST", "/api/token", data=wrong)
    assert refused.status == 400
    assert refused.data["error"] == "invalid_grant"
    assert refused.data["error_description"] == "The user name or password is incorrect."
    right = {"grant_type": "password", "username": "gateway@example.com", "password": "simulated-password-3f9c"}
    as_json = await client.call("POST", "/api/token", json=right)
    assert (as_json.status, as_json.data) == (400, {"error": "unsupported_grant_type"})


async def test_tokens_are_the_same_on_every_run(client: Client) -> None:
    async with Simulator().serve() as urls:
        other = Client(client.session, urls.nexudus)
        await other.log_in()
    assert other.token == client.token


async def test_a_refresh_rotates_the_refresh_token_and_leaves_access_tokens_alive(client: Client) -> None:
    first = await client.log_in()
    second = (await client.refresh(first["refresh_token"], client_id="gateway@example.com")).data
    assert second["token_type"] == "bearer"
    assert second["expires_in"] == 604_799
    again = await client.refresh(first["refresh_token"], client_id="gateway@example.com")
    assert (again.status, again.data) == (400, {"error": "invalid_grant"})
    for token in (first["access_token"], second["access_token"]):
        client.token = token
        assert (await client.get(f"{CRM}/{NEXUDUS_EXAMPLE_ID}")).status == 200


async def test_a_refresh_needs_the_client_id_of_the_log_in(client: Client) -> None:
    refresh_token = (await client.log_in(client_id="replica-1"))["refresh_token"]
    assert (await client.refresh(refresh_token)).status == 400
    assert (await client.refresh(refresh_token, client_id="replica-2")).status == 400
    assert (await client.refresh(refresh_token, client_id="replica-1")).status == 200
    without_header = (await client.log_in())["refresh_token"]
    assert (await client.refresh(without_header)).status == 400
    assert (await client.refresh(without_header, client_id="gateway@example.com")).status == 200


async def test_a_log_in_kills_the_refresh_token_of_the_same_client_id_only(client: Client) -> None:
    one = (await client.log_in(client_id="replica-1"))["refresh_token"]
    two = (await client.log_in(client_id="replica-2"))["refresh_token"]
    await client.log_in(client_id="replica-1")
    assert (await client.refresh(one, client_id="replica-1")).status == 400
    assert (await client.refresh(two, client_id="replica-2")).status == 200


async def test_tokens_expire_by_the_clock(client: Client, simulator: Simulator, clock: Clock) -> None:
    simulator.nexudus.access_ttl = 60
    simulator.nexudus.refresh_ttl = 100
    granted = await client.log_in()
    assert granted["expires_in"] == 60
    clock.now += 59.9
    assert (await client.get("/api/auth/me")).status == 200
    clock.now += 0.1
    assert (await client.get("/api/auth/me")).status == 401
    clock.now += 40
    assert (await client.refresh(granted["refresh_token"], client_id="gateway@example.com")).status == 400


async def test_expiring_all_tokens_leaves_the_refresh_token(client: Client, simulator: Simulator) -> None:
    granted = await client.log_in()
    simulator.nexudus.expire_tokens()
    assert (await client.get("/api/auth/me")).status == 401
    assert (await client.refresh(granted["refresh_token"], client_id="gateway@example.com")).status == 200


async def test_a_plain_list_is_the_first_page_of_25_in_the_envelope(client: Client) -> None:
    data = (await client.get(CRM)).data
    assert len(data["Records"]) == 25
    del data["Records"]
    assert data == {
        "CurrentPage": 1,
        "CurrentPageSize": 25,
        "CurrentOrderField": "CreatedOn",
        "CurrentSortDirection": 0,
        "FirstItem": 1,
        "LastItem": 25,
        "TotalItems": 200,
        "TotalPages": 8,
        "HasNextPage": True,
        "HasPreviousPage": False,
    }


async def test_unknown_parameters_are_silently_ignored(client: Client) -> None:
    plain = (await client.get(CRM)).text
    assert (
        await client.get(CRM, PageNumber=3, PageSize=5, CrmOpportunity_Stattus=2, crmopportunity_="x")
    ).text == plain


async def test_pages_together_are_the_whole_list_once(client: Client) -> None:
    pages = [(await client.get(CRM, page=page, size=60, orderBy="Id")).data for page in (1, 2, 3, 4)]
    assert [page["HasNextPage"] for page in pages] == [True, True, True, False]
    assert [page["FirstItem"] for page in pages] == [1, 61, 121, 181]
    assert pages[3]["LastItem"] == 200
    assert [one for page in pages for one in ids(page["Records"])] == sorted(nexudus_records(1))


@pytest.mark.parametrize("direction", ["1", "-1", "Descending"])
async def test_lists_order_by_any_field_and_descend_in_every_spelling(client: Client, direction: str) -> None:
    rows = (await client.get(CRM, orderby="value", dir=direction, size=1000)).data["Records"]
    values = [Decimal(row["Value"]) for row in rows if row["Value"] is not None]
    assert len(rows) == 200
    assert values == sorted(values, reverse=True)
    assert rows[-1]["Value"] is None


async def test_list_by_ids_answers_the_matching_rows_and_passes_over_missing_ones(client: Client) -> None:
    answer = await client.get(CRM, CrmOpportunity_Id=f"[1427000503,999,{LARGE_ID},1427000503,oops]", size=50)
    assert answer.data["TotalItems"] == 2
    assert set(ids(answer.data["Records"])) == {1427000503, LARGE_ID}


async def test_list_by_ids_without_a_size_shows_25_rows_only(client: Client) -> None:
    wanted = ",".join(str(NEXUDUS_EXAMPLE_ID + number) for number in range(30))
    data = (await client.get(CRM, CrmOpportunity_Id=f"[{wanted}]")).data
    assert (len(data["Records"]), data["TotalItems"]) == (25, 30)
    assert len((await client.get(CRM, CrmOpportunity_Id=f"[{wanted}]", size=30)).data["Records"]) == 30


@pytest.mark.parametrize("brackets", ["[]", ("%5B", "%5D")])
async def test_brackets_may_be_raw_or_encoded(client: Client, brackets: str) -> None:
    left, right = brackets
    path = f"{CRM}?CrmOpportunity_Id={left}1427000501,1427000502{right}&size=2"
    answer = await client.call("GET", path, encoded=True)
    assert set(ids(answer.data["Records"])) == {1427000501, 1427000502}


async def test_list_by_ids_with_none_found_is_404_or_an_empty_page(client: Client, simulator: Simulator) -> None:
    answer = await client.get(CRM, CrmOpportunity_Id="[998,999]")
    assert (answer.status, answer.text) == (404, '"Not found"')
    simulator.nexudus.list_none_found = "empty"
    assert (await client.get(CRM, CrmOpportunity_Id="[998,999]")).data["Records"] == []


async def test_an_ignored_id_filter_brings_an_ordinary_first_page(client: Client, simulator: Simulator) -> None:
    simulator.nexudus.list_filter_ignored = True
    answer = await client.get(CRM, CrmOpportunity_Id="[1427000501,1427000502]")
    assert answer.text == (await client.get(CRM)).text
    assert simulator.nexudus.calls[-2].kind == "list-by-ids"


async def test_the_other_form_of_list_by_ids_is_a_bare_array(client: Client, simulator: Simulator) -> None:
    rows = (await client.get(f"{CRM}/", id="[1427000501,1427000502,999]")).data
    assert set(ids(rows)) == {1427000501, 1427000502}
    simulator.nexudus.form_b = False
    assert (await client.get(f"{CRM}/", id="[1427000501]")).text == (await client.get(CRM)).text


@pytest.mark.parametrize("query", [{"CrmOpportunity_Id": "[1427000501]"}, {"id": "[1427000501]"}, {}])
async def test_partial_rows_lack_fields_in_lists_but_not_in_single_records(
    client: Client, simulator: Simulator, query: dict[str, str]
) -> None:
    simulator.nexudus.partial_fields = {"TeamDescription", "UtmSource"}
    data = (await client.get(CRM, **query)).data
    rows = data if isinstance(data, list) else data["Records"]
    assert rows
    assert all(set(FIELDS) - set(row) == {"TeamDescription", "UtmSource"} for row in rows)
    assert "UtmSource" in (await client.get(f"{CRM}/1427000501")).data


@pytest.mark.parametrize(
    ("query", "test"),
    [
        ({"CrmOpportunity_Status": "2"}, lambda row: row["Status"] == 2),
        ({"crmopportunity_completed": "true"}, lambda row: row["Completed"] is True),
        ({"CrmOpportunity_Coworker": "1415000201"}, lambda row: int(row["CoworkerId"]) == 1415000201),
        ({"CrmOpportunity_Coworker_Email": "ADA.examplesson@example.com"}, lambda row: row["CoworkerId"]),
        ({"CrmOpportunity_CrmBoardColumn_CrmBoard_Business_Currency_Code": "JPY"}, lambda row: True),
        ({"from_CrmOpportunity_Value": "100000"}, lambda row: row["Value"] >= 100_000),
        ({"to_CrmOpportunity_UpdatedOn": "2025-09-01T00:00"}, lambda row: row["UpdatedOn"] < "2025-09-01T00:00"),
        ({"Id": "1427000502"}, lambda row: row["Id"] == 1427000502),
        ({"UniqueId": EXAMPLE["UniqueId"].upper()}, lambda row: row["Id"] == NEXUDUS_EXAMPLE_ID),
    ],
)
async def test_filters_keep_the_rows_they_name(client: Client, query: dict[str, str], test: Any) -> None:
    data = (await client.get(CRM, **query, size=1000)).data
    assert 0 < data["TotalItems"] < 200
    assert all(test(row) for row in data["Records"])


async def test_requests_faster_than_one_in_100_ms_are_throttled_as_documented(
    client: Client, simulator: Simulator, clock: Clock
) -> None:
    simulator.nexudus.throttled = True
    assert (await client.get("/api/auth/me")).status == 200
    refused = await client.get("/api/auth/me")
    assert (refused.status, refused.reason, refused.text) == (409, WAIT, "")
    assert (refused.headers["Retry-After"], refused.headers["Content-Length"]) == ("1", "0")
    clock.now += 0.1
    assert (await client.get("/api/auth/me")).status == 200


async def test_throttling_may_be_429_with_a_text(client: Client, simulator: Simulator) -> None:
    simulator.nexudus.throttled, simulator.nexudus.throttle_status = True, 429
    await client.get("/api/auth/me")
    refused = await client.get("/api/auth/me")
    assert (refused.status, refused.text) == (429, "Wait 1 seconds")


async def test_a_minute_holds_120_requests_for_each_token(client: Client, simulator: Simulator, clock: Clock) -> None:
    simulator.nexudus.throttled = True
    statuses = []
    for _ in range(121):
        statuses.append((await client.get("/api/auth/me")).status)
        clock.now += 0.1
    assert statuses == [200] * 120 + [409]
    await client.log_in(client_id="another")
    assert (await client.get("/api/auth/me")).status == 200
    clock.now += 60
    assert (await client.get("/api/auth/me")).status == 200


async def test_create_replace_and_delete(client: Client, simulator: Simulator) -> None:
    new = {"CrmBoardColumnId": 1400000101, "CoworkerId": 1415000201, "Position": 130, "Name": "New", "Value": 12.5}
    created = await client.call("POST", CRM, json=new)
    assert created.status == 200
    assert created.data["WasSuccessful"] is True
    record = created.data["Value"]
    assert (record["Position"], record["CoworkerFullName"], record["Status"]) == (100, "Ada Examplesson", 1)
    assert (await client.get(f"{CRM}/{record['Id']}")).data == record
    replaced = await client.call("PUT", CRM, json={**new, "Id": record["Id"], "Name": "Newer", "Value": None})
    assert replaced.data["Value"]["Name"] == "Newer"
    assert replaced.data["Value"]["CreatedOn"] == record["CreatedOn"]
    assert replaced.data["Value"]["UpdatedOn"] > record["UpdatedOn"]
    assert replaced.data["Value"]["Value"] is None
    deleted = await client.call("DELETE", f"{CRM}/{record['Id']}")
    assert deleted.data == {
        "Status": 200,
        "Message": "The record was deleted successfully.",
        "Value": None,
        "OpenInDialog": False,
        "OpenInWindow": False,
        "RedirectURL": None,
        "JavaScript": None,
        "Errors": None,
        "WasSuccessful": True,
    }
    assert (await client.call("DELETE", f"{CRM}/{record['Id']}")).status == 404
    assert [call.kind for call in simulator.nexudus.calls[-5:]] == ["write", "get", "write", "write", "write"]


async def test_a_replacement_clears_what_it_leaves_out(client: Client) -> None:
    body = {"Id": NEXUDUS_EXAMPLE_ID, "CrmBoardColumnId": 1400000101, "CoworkerId": 1415000201, "Position": 100}
    record = (await client.call("PUT", CRM, json=body)).data["Value"]
    assert record["Notes"] is None
    assert record["TeamName"] is None
    assert record["UniqueId"] == EXAMPLE["UniqueId"]


async def test_a_write_without_a_required_field_is_refused_by_name(client: Client) -> None:
    refused = await client.call("POST", CRM, json={"CoworkerId": 1, "Position": 1})
    assert refused.status == 400
    assert refused.data["Errors"][0]["PropertyName"] == "CrmBoardColumnId"
    assert refused.data["WasSuccessful"] is False


async def test_calls_are_logged_with_kind_ids_query_and_status(client: Client, simulator: Simulator) -> None:
    await client.get(f"{CRM}/0{NEXUDUS_EXAMPLE_ID}")
    await client.get(CRM, CrmOpportunity_Id="[2,1]", size=2)
    await client.get(CRM, page=2)
    await client.get("/api/auth/me")
    await client.get("/api/sys/users/1")
    await client.refresh("x", client_id="y")
    seen = [(call.kind, call.ids, call.status) for call in simulator.nexudus.calls]
    assert seen == [
        ("token-password", (), 200),
        ("get", (str(NEXUDUS_EXAMPLE_ID),), 200),
        ("list-by-ids", ("2", "1"), 404),
        ("list", (), 200),
        ("me", (), 200),
        ("other", (), 404),
        ("token-refresh", (), 400),
    ]
    call = simulator.nexudus.calls[2]
    assert (call.method, call.path, call.query) == ("GET", CRM, {"CrmOpportunity_Id": "[2,1]", "size": "2"})
    assert call.headers["authorization"] == f"Bearer {client.token}"
    assert simulator.calls == simulator.nexudus.calls


async def test_a_reset_forgets_calls_tokens_knobs_and_changes_of_records(client: Client, simulator: Simulator) -> None:
    await client.call("DELETE", f"{CRM}/{NEXUDUS_EXAMPLE_ID}")
    simulator.nexudus.records[1427000502]["Name"] = "changed"
    simulator.nexudus.role_missing = True
    simulator.reset()
    assert simulator.calls == simulator.nexudus.calls == []
    assert simulator.nexudus.records == nexudus_records(1)
    assert (await client.get("/api/auth/me")).status == 401
    await client.log_in()
    assert (await client.get(f"{CRM}/{NEXUDUS_EXAMPLE_ID}")).status == 200


def test_records_are_the_example_then_contiguous_ids_and_a_large_one() -> None:
    records = nexudus_records(1)
    assert list(records) == [*range(NEXUDUS_EXAMPLE_ID, NEXUDUS_EXAMPLE_ID + 199), LARGE_ID]
    assert all(records[one]["Id"] == one for one in records)
    assert records == nexudus_records(1)
    assert records != nexudus_records(2)
    assert all(tuple(record)[: len(FIELDS)] == FIELDS for record in records.values())


def test_special_records_are_the_same_for_every_seed_and_odd_as_named() -> None:
    one, two = nexudus_records(1), nexudus_records(2)
    odd = {what: one[number] for what, number in NEXUDUS_SPECIAL.items()}
    assert all(one[number] == two[number] for what, number in NEXUDUS_SPECIAL.items() if what != "large id")
    assert odd["unknown lead source"]["LeadSource"] == 27
    assert odd["null value"]["Value"] is None
    assert str(odd["zero value"]["Value"]) == "0.00000"
    assert odd["large value"]["Value"] > 2**53
    assert odd["ids as text"]["CoworkerId"] == "1415000201"
    assert odd["coworker type as number"]["CoworkerCoworkerType"] == 2
    assert odd["large id"]["Id"] > 2**31


def test_ordinary_records_vary_as_real_ones_do() -> None:
    records = [row for row in nexudus_records(1).values() if row["Id"] not in NEXUDUS_SPECIAL.values()]
    digits = {len(row["CreatedOn"].rstrip("Z").partition(".")[2]) for row in records}
    assert digits == {0, 1, 3, 7}
    assert {row["Status"] for row in records} >= {1, 2, 3}
    assert len({row["CrmBoardColumnCrmBoardBusinessCurrencyCode"] for row in records}) == 6
    assert sum(not (row["CoworkerFullName"] or "").isascii() for row in records) > 50
    hosts = {row["CoworkerEmail"].partition("@")[2] for row in records if row["CoworkerEmail"]}
    assert hosts == {"example.com", "example.org"}


def test_some_customers_are_known_to_both_vendors_by_the_same_address() -> None:
    shared = {one.email for one in known_to_nexudus(1)} & {one.email for one in known_to_chartmogul(1)}
    assert "ada.examplesson@example.com" in shared
    assert len(shared) == 41
