"""The simulated Nexudus: single records, tokens, rates, changes and the log of calls, as the vendor's pages say.

`simulator.nexudus_writes`, `simulator.tokens`, `simulator.throttle` and `simulator.calls` with it.
"""

import base64

import pytest

from simulator import NEXUDUS_EXAMPLE_ID, Simulator
from simulator.nexudus_records import DATA, EXAMPLE, nexudus_records
from tests import nexudus_api, simulated
from tests.nexudus_api import CRM, WAIT, Client
from tests.simulated import Clock

clock, simulator, client = simulated.clock, simulated.simulator, nexudus_api.client


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
