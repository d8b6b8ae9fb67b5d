"""Every fault reaches the client's socket as promised, and only the requests it is meant for.

The table is `simulator.fault_table`, its rules `simulator.fault_rules`; `simulator.wire`, `simulator.replies` and
`simulator.odd_replies` are what they are made of, `simulator.upstream` what they harm, `simulator.app` and
`simulator.control` the whole and its routes, which take what `simulator.control_requests` says.
"""

import asyncio
import base64
import gzip
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from benchmarks.processes import ending_with_us
from simulator import CHARTMOGUL_EXAMPLE_ID, FAULTS, NEXUDUS_EXAMPLE_ID, Fault, Simulator, Urls, faults
from simulator.fault_table import REQUIRED
from simulator.wire import Exchange
from tests.waiting import PATIENCE_SECONDS, until

ONE = f"/v1/opportunities/{CHARTMOGUL_EXAMPLE_ID}"
CRM = "/api/crm/crmopportunities"
KEY = "Basic " + base64.b64encode(b"simulated-key-5d1e:").decode()
USER = "Basic " + base64.b64encode(b"gateway@example.com:simulated-password-3f9c").decode()


@dataclass
class World:
    simulator: Simulator
    urls: Urls
    session: aiohttp.ClientSession

    def harm(self, fault: Fault, **options: Any) -> None:
        self.simulator.chartmogul.faults.add(fault, **options)

    async def get(self, path: str = ONE, **options: Any) -> tuple[int, bytes]:
        """Ask ChartMogul."""
        url = self.urls.chartmogul + path
        async with self.session.get(url, headers={"Authorization": KEY}, allow_redirects=False, **options) as response:
            return response.status, await response.read()

    async def give_up(self) -> None:
        """Ask ChartMogul, and hang up as soon as it is at it."""
        asking = asyncio.create_task(self.get())
        await until(lambda: self.simulator.chartmogul.in_flight == 1)
        asking.cancel()
        await asyncio.wait([asking])

    async def nexudus(self, path: str, **params: str) -> Any:
        """Ask Nexudus; return the JSON."""
        url = self.urls.nexudus + path
        async with self.session.get(url, headers={"Authorization": USER}, params=params) as response:
            return await response.json()

    async def wire(self, path: str = ONE) -> bytes:
        """Ask ChartMogul; return every byte until the connection ends."""
        port = int(self.urls.chartmogul.split(":")[2].split("/")[0])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"GET /chartmogul{path} HTTP/1.1\r\nHost: x\r\nAuthorization: {KEY}\r\n\r\n".encode())
        try:
            return await asyncio.wait_for(reader.read(-1), PATIENCE_SECONDS)
        finally:
            writer.close()


@pytest.fixture
async def world() -> AsyncIterator[World]:
    simulator = Simulator()
    async with simulator.serve() as urls, aiohttp.ClientSession(auto_decompress=False) as session:
        yield World(simulator, urls, session)


async def statuses(ask: Callable[[], Awaitable[tuple[int, bytes]]], times: int) -> list[int]:
    return [(await ask())[0] for _ in range(times)]


async def test_a_fault_strikes_as_often_as_said_then_the_vendor_is_well(world: World) -> None:
    world.harm(faults.status(503), times=2)
    assert await statuses(world.get, 4) == [503, 503, 200, 200]
    assert [call.status for call in world.simulator.calls] == [503, 503, 200, 200]


async def test_a_fault_may_let_some_requests_through_first(world: World) -> None:
    world.harm(faults.status(503), times=1, after=2)
    assert await statuses(world.get, 4) == [200, 200, 503, 200]


async def test_a_fault_without_end_lasts_until_cleared(world: World) -> None:
    world.harm(faults.status(503), times=None)
    assert await statuses(world.get, 3) == [503] * 3
    world.simulator.chartmogul.faults.clear()
    assert await statuses(world.get, 1) == [200]


async def test_the_first_fault_with_uses_left_wins(world: World) -> None:
    world.harm(faults.status(503), times=1)
    world.harm(faults.status(504), times=1)
    assert await statuses(world.get, 3) == [503, 504, 200]


async def test_a_fault_for_one_record_or_one_kind_harms_no_other(world: World) -> None:
    world.harm(faults.status(503), times=None, ids={CHARTMOGUL_EXAMPLE_ID.upper()})
    world.harm(faults.status(504), times=None, kinds={"ping"})
    other = list(world.simulator.chartmogul.records)[2]
    answers = [(await world.get(path))[0] for path in (ONE, f"/v1/opportunities/{other}", "/v1/ping")]
    assert answers == [503, 200, 504]


async def test_a_list_by_ids_is_harmed_by_any_of_its_ids(world: World) -> None:
    world.simulator.nexudus.faults.add(faults.body(b'"hit"'), times=1, ids={1427000502})
    assert await world.nexudus(CRM, CrmOpportunity_Id="[1427000501,1427000503]") != "hit"
    assert await world.nexudus(CRM, CrmOpportunity_Id="[1427000501,1427000502]") == "hit"


async def test_reset_is_a_tcp_reset_and_close_a_plain_end(world: World) -> None:
    world.harm(faults.reset())
    with pytest.raises(ConnectionResetError):
        await world.wire()
    world.harm(faults.close())
    assert await world.wire() == b""
    assert [call.status for call in world.simulator.calls] == [None, None]


async def test_raw_bytes_arrive_as_they_are(world: World) -> None:
    world.harm(faults.raw(b"\x00\xffnot HTTP"))
    assert await world.wire() == b"\x00\xffnot HTTP"


async def test_a_truncated_answer_promises_more_than_it_sends(world: World) -> None:
    whole = (await world.get())[1]
    world.harm(faults.truncated())
    head, _, payload = (await world.wire()).partition(b"\r\n\r\n")
    assert f"Content-Length: {len(whole)}".encode() in head
    assert payload == whole[: len(whole) // 2]


async def test_a_trickle_is_the_whole_answer_byte_by_byte(world: World) -> None:
    world.harm(faults.trickle(0))
    assert (await world.wire(ONE)).endswith((await world.get())[1])


async def test_delays_end_in_the_real_answer(world: World) -> None:
    for late in (faults.delay(0.01), faults.late_head(0.01)):
        world.harm(late)
        started = time.monotonic()
        assert (await world.get())[0] == 200
        assert time.monotonic() - started >= 0.01


async def test_latency_is_added_to_every_real_answer(world: World) -> None:
    world.simulator.chartmogul.latency_seconds = (0.01, 0.02)
    started = time.monotonic()
    assert (await world.get())[0] == 200
    assert time.monotonic() - started >= 0.01


async def test_a_client_that_gives_up_frees_a_hanging_request(world: World) -> None:
    world.harm(faults.hang())
    await world.give_up()
    await until(lambda: world.simulator.chartmogul.in_flight == 0 and world.simulator.chartmogul.connections == 0)
    assert [(call.kind, call.status) for call in world.simulator.calls] == [("get", None)]


async def test_a_request_whose_client_has_gone_does_not_count_beside_those_that_come_after_it(world: World) -> None:
    """A client that sends one at a time, and closes before it sends the next, is never told of two at once."""
    leave, has_left = asyncio.Event(), asyncio.Event()

    async def end_slowly(exchange: Exchange) -> Any:
        try:
            await asyncio.Event().wait()
        finally:
            await leave.wait()
            has_left.set()

    chartmogul = world.simulator.chartmogul
    world.harm(Fault("end slowly", end_slowly))
    await world.give_up()
    assert (await world.get())[0] == 200
    assert not has_left.is_set()  # the handler of the first one goes on for now
    assert (chartmogul.max_in_flight, chartmogul.in_flight) == (1, 0)
    assert (chartmogul.max_connections, chartmogul.connections) == (1, 1)
    leave.set()
    await asyncio.wait_for(has_left.wait(), PATIENCE_SECONDS)  # it was cancelled


async def test_a_gzip_bomb_is_small_valid_gzip_of_valid_json(world: World) -> None:
    world.harm(faults.gzip_bomb(3))
    _, packed = await world.get()
    assert len(packed) < 10_000
    unpacked = gzip.decompress(packed)
    assert len(unpacked) == 3_000_002
    assert json.loads(unpacked) == {}


async def test_a_huge_body_has_the_promised_size(world: World) -> None:
    world.harm(faults.huge(2))
    assert 2_000_000 <= len((await world.get())[1]) < 2_100_000


async def test_a_huge_body_is_dropped_when_the_client_hangs_up(world: World) -> None:
    world.harm(faults.huge(1_000))
    response = await world.session.get(world.urls.chartmogul + ONE, headers={"Authorization": KEY})
    response.close()
    await until(lambda: world.simulator.chartmogul.in_flight == 0)


async def test_mutated_records_in_a_list_are_only_those_meant(world: World) -> None:
    def change(record: dict[str, Any]) -> dict[str, Any]:
        record["Name"] = "changed"
        return record

    fault = faults.mutate(change)
    world.simulator.nexudus.faults.add(fault, times=1, ids={1427000502})
    data = await world.nexudus(CRM, CrmOpportunity_Id="[1427000501,1427000502]")
    assert {row["Id"] for row in data["Records"] if row["Name"] == "changed"} == {1427000502}
    world.simulator.nexudus.faults.add(fault, times=1, kinds={"get"})
    assert (await world.nexudus(f"{CRM}/1427000502"))["Name"] == "changed"
    again = await world.nexudus(f"{CRM}/1427000502")
    assert again["Name"] != "changed"


async def test_nexudus_own_failures_are_there(world: World) -> None:
    rules = world.simulator.nexudus.faults
    rules.add(faults.not_successful())
    assert (await world.nexudus(f"{CRM}/{NEXUDUS_EXAMPLE_ID}"))["WasSuccessful"] is False
    rules.add(faults.ooops(400))
    assert (await world.nexudus(f"{CRM}/{NEXUDUS_EXAMPLE_ID}"))["Message"].startswith("Ooops!")


async def test_a_token_request_can_be_harmed_by_kind(world: World) -> None:
    world.simulator.nexudus.faults.add(faults.status(503), kinds={"token-password", "token-refresh"})
    async with world.session.post(
        f"{world.urls.nexudus}/api/token",
        data={"grant_type": "password", "username": "gateway@example.com", "password": "simulated-password-3f9c"},
    ) as response:
        assert response.status == 503


STATUS = {name: int(name[:3]) for name in FAULTS if name[:3].isdigit()} | {"ooops": 500, "ooops-400": 400}


def is_json(body: bytes) -> bool:
    try:
        json.loads(body)
    except ValueError:
        return False
    return True


BODY: dict[str, Callable[[bytes], bool]] = {
    "html": lambda body: body.startswith(b"<!DOCTYPE html>"),
    "invalid-json": lambda body: not is_json(body),
    "null": lambda body: body == b"null",
    "list": lambda body: body == b"[]",
    "empty": lambda body: body == b"",
    "latin-1": lambda body: b"\xe9" in body,
    "deep-json": lambda body: body.startswith(b"[" * 100_000),
    "huge-integer": lambda body: b"9" * 5_000 in body,
    "nan": lambda body: b"NaN" in body,
    "bad-gzip": lambda body: not body.startswith(b"\x1f\x8b"),
    "not-successful": lambda body: json.loads(body)["WasSuccessful"] is False,
    "another-record": lambda body: json.loads(body)["uuid"] != CHARTMOGUL_EXAMPLE_ID,
    "null-fields": lambda body: {name for name, value in json.loads(body).items() if value is not None} <= REQUIRED,
    "absent-fields": lambda body: set(json.loads(body)) <= REQUIRED,
    "unknown-enums": lambda body: json.loads(body)["forecast_category"] == "wishful",
    "new-fields": lambda body: "NewField" in json.loads(body),
    "half-surrogate": lambda body: rb"\ud83d" in body,
    "folded-headers": is_json,
    "bare-line-feeds": is_json,
    "padded-chunks": is_json,
    "padded-gzip": lambda body: body.startswith(b"\x1f\x8b") and body.endswith(bytes(64)),
    "charset-as-encoding": is_json,
    "byte-order-mark": lambda body: body.startswith(b"\xef\xbb\xbf"),
    "gzip-bomb": lambda body: body.startswith(b"\x1f\x8b") and len(body) < 500_000,
    "huge": lambda body: len(body) > 50_000_000,
}
BROKEN = {"reset", "close", "truncated", "not-http", "many-headers"}
LATE = {"hang", "late-head", "trickle", "delay"}


@pytest.mark.parametrize("name", FAULTS)
async def test_every_named_fault_is_what_its_name_says(world: World, name: str) -> None:
    # Always, because aiohttp by itself asks again on a broken connection.
    world.harm(FAULTS[name], times=None)
    if name in BROKEN:
        with pytest.raises(aiohttp.ClientError):
            await world.get()
    elif name in LATE:
        asking = asyncio.create_task(world.get())
        await until(lambda: world.simulator.calls != [])
        await asyncio.sleep(0.05)
        assert not asking.done()
        asking.cancel()
    elif name == "redirect":
        assert (await world.get())[0] == 302
    elif name in STATUS:
        assert (await world.get())[0] == STATUS[name]
    else:
        status, body = await world.get()
        assert status == 200
        assert BODY[name](body)
    assert len(world.simulator.calls) == 1 or name in BROKEN


async def test_a_redirect_that_is_followed_shows_in_the_log(world: World) -> None:
    world.harm(FAULTS["redirect"])
    await world.session.get(world.urls.chartmogul + ONE, headers={"Authorization": KEY})
    assert [call.path for call in world.simulator.calls] == [ONE, "/v1/opportunities/redirected"]


async def test_the_control_routes_add_faults_set_knobs_list_calls_and_reset(world: World) -> None:
    control, session = world.urls.control, world.session
    new = {"upstream": "chartmogul", "fault": "503", "times": 1, "ids": [CHARTMOGUL_EXAMPLE_ID], "kinds": ["get"]}
    async with session.post(f"{control}/faults", json=new) as response:
        assert (await response.json())["active"]["chartmogul"] == [{"fault": "503", "times": 1, "used": 0}]
    assert await statuses(world.get, 2) == [503, 200]
    wanted = {"nexudus": {"partial_fields": ["Notes"], "throttle_status": 429, "expire_tokens": True}}
    async with session.post(f"{control}/config", json=wanted) as response:
        knobs = await response.json()
    assert (knobs["nexudus"]["partial_fields"], knobs["nexudus"]["throttle_status"]) == (["Notes"], 429)
    assert world.simulator.nexudus.partial_fields == {"Notes"}
    async with session.get(f"{control}/calls", params={"upstream": "chartmogul"}) as response:
        assert [call["status"] for call in await response.json()] == [503, 200]
    async with session.delete(f"{control}/faults") as response:
        assert (await response.json())["active"] == {one.name: [] for one in world.simulator.upstreams}
    async with session.post(f"{control}/reset") as response:
        assert response.status == 200
    assert world.simulator.calls == []
    assert world.simulator.nexudus.throttle_status == 409


@pytest.mark.parametrize(
    ("route", "body", "reason"),
    [
        ("config", {"nexudus": {"no_such_knob": 1}}, "no_such_knob"),
        ("config", {"nexudus": {"calls": []}}, "no knob of nexudus 'calls'"),
        ("config", {"elsewhere": {}}, "there is no upstream 'elsewhere'; there are nexudus, chartmogul"),
        ("config", [], "Expected `object`"),
        ("config", {"nexudus": 1}, "Expected `object`"),
        ("config", {"chartmogul": {"expire_tokens": True}}, "expire_tokens"),
        ("config", {"nexudus": {"expire_tokens": "no"}}, "nexudus.expire_tokens: must be true or false"),
        ("config", {"nexudus": {"throttled": "false"}}, "nexudus.throttled: Expected `bool`"),
        ("config", {"nexudus": {"latency_seconds": 1}}, "nexudus.latency_seconds: Expected `array`"),
        ("config", {"nexudus": {"latency_seconds": [0.1]}}, "latency_seconds"),
        ("config", {"nexudus": {"latency_seconds": [-1, 1]}}, "latency_seconds"),
        ("config", {"nexudus": {"latency_seconds": [2, 1]}}, "the first must not be above the second"),
        ("config", {"nexudus": {"access_ttl": float("inf")}}, "must be finite"),
        ("config", {"nexudus": {"access_ttl": float("nan")}}, "access_ttl"),
        ("config", {"nexudus": {"partial_fields": "Notes"}}, "partial_fields"),
        ("config", {"nexudus": {"throttle_status": 418}}, "throttle_status"),
        ("config", {"chartmogul": {"max_parallel": "20"}}, "max_parallel"),
        ("config", {"chartmogul": {"list_largest_size": 0}}, "list_largest_size"),
        ("config", {"chartmogul": {"list_repeats": True}}, "list_repeats"),
        ("faults", {"upstream": "nexudus", "fault": "no such fault"}, "there is no fault 'no such fault'"),
        ("faults", {"upstream": "nexudus"}, "fault"),
        ("faults", {"upstream": "nexudus", "fault": "503", "ids": "1427000501"}, "ids"),
        ("faults", {"upstream": "nexudus", "fault": "503", "kinds": ["gets"]}, "kinds"),
        ("faults", {"upstream": "nexudus", "fault": "503", "times": "1"}, "times"),
        ("faults", {"upstream": "nexudus", "fault": "503", "time": 1}, "time"),
        ("deals", {"upstream": "nexudus", "id": True}, "id"),
        ("deals", {"upstream": "nexudus", "fields": "Name"}, "fields"),
        ("deals", {"upstream": "elsewhere"}, "elsewhere"),
    ],
)
async def test_the_control_routes_refuse_what_cannot_be_meant(world: World, route: str, body: Any, reason: str) -> None:
    def state() -> list[Any]:
        upstreams = world.simulator.upstreams
        return [({knob: getattr(one, knob) for knob in one.knobs}, one.faults.rules, one.writes) for one in upstreams]

    before = repr(state())
    async with world.session.post(f"{world.urls.control}/{route}", json=body) as response:
        assert response.status == 400
        assert reason in (await response.json())["error"]
    assert repr(state()) == before


async def test_every_knob_is_there_and_may_be_set_to_what_it_is(world: World) -> None:
    config = f"{world.urls.control}/config"
    async with world.session.get(config) as response:
        knobs = await response.json()
    assert all(knobs[one.name].keys() == one.knobs.keys() for one in world.simulator.upstreams)
    async with world.session.post(config, json=knobs) as response:
        assert (response.status, await response.json()) == (200, knobs)


async def test_it_can_be_served_again_after_it_stopped() -> None:
    simulator = Simulator()
    for _ in range(2):
        async with simulator.serve() as urls, aiohttp.ClientSession() as session:
            assert (await World(simulator, urls, session).get())[0] == 200
    assert len(simulator.calls) == 2


async def test_stopping_while_connections_arrive_leaks_no_socket() -> None:
    for turns in range(12):
        simulator = Simulator()
        async with aiohttp.ClientSession() as session:
            async with simulator.serve() as urls:
                world = World(simulator, urls, session)
                asking = [asyncio.create_task(world.get()) for _ in range(10)]
                for _ in range(turns):
                    await asyncio.sleep(0)
            async with asyncio.timeout(PATIENCE_SECONDS):
                await asyncio.gather(*asking, return_exceptions=True)


@pytest.mark.programs
async def test_the_command_prints_what_a_client_needs_and_ends_cleanly_with_sigterm() -> None:
    """With Ctrl-C too: `tests/test_server.py`."""
    root = Path(__file__).parent.parent
    process = await asyncio.create_subprocess_exec(
        *ending_with_us([sys.executable, "-m", "simulator", "--port", "0", "--no-throttle"]),
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    printed = b""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while b"# control" not in printed:
                line = await process.stdout.readline()
                assert line, await process.stderr.read()
                printed += line
            names = [line.partition("=")[0] for line in printed.decode().splitlines()[:-1]]
            process.send_signal(signal.SIGTERM)
            complaints = await process.stderr.read()
            assert await process.wait() == 0
    finally:
        process._transport.close()  # type: ignore[attr-defined] # kills it, unless it has ended
    assert complaints == b""
    assert {f"{one.name.upper()}_URL" for one in Simulator().upstreams} <= set(names)
