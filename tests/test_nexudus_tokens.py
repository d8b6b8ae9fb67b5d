"""`resolvers.nexudus.tokens` over real sockets: how often Nexudus is asked to sign in, and with what.

`resolvers.nexudus.sign_in` does it, `resolvers.nexudus.grant` is what comes of it, `resolvers.nexudus.sign_in_pause`
the wait after one that failed.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs

import pytest

import resolvers.resilience.retry
from httpclient.client import Request
from resolvers.errors import (
    UpstreamBadResponse,
    UpstreamError,
    UpstreamTimeout,
    UpstreamUnauthorized,
    UpstreamUnavailable,
)
from resolvers.fetching.shared_fetch import SharedFetch
from resolvers.fetching.upstream_context import UpstreamContext
from resolvers.nexudus.tokens import PasswordTokens
from resolvers.settings import Secret
from simulator import FAULTS, Call, Fault, Simulator, faults
from simulator.wire import Exchange
from tests.harness import Graph, open_graph

FIRST = 1427000501
GIVEN = {"NEXUDUS_USERNAME": "", "NEXUDUS_PASSWORD": ""}


async def ask(graph: Graph, source_id: int = FIRST) -> Any:
    return await graph.ask(f'{{ nexudusOpportunity(sourceId: "{source_id}") {{ sourceId }} }}')


def code(answer: Any) -> str | None:
    (error,) = answer.get("errors") or [None]
    return error and error["extensions"]["code"]


def kinds(graph: Graph) -> list[str]:
    return [call.kind for call in graph.simulator.nexudus.calls]


def tokens(graph: Graph) -> list[str]:
    return [kind for kind in kinds(graph) if kind.startswith("token")]


def form(call: Call) -> dict[str, list[str]]:
    return parse_qs(call.body.decode(), strict_parsing=True)


async def test_the_first_record_asked_for_signs_in_by_password(graph: Graph) -> None:
    assert kinds(graph) == []
    assert code(await ask(graph)) is None

    assert kinds(graph) == ["token-password", "get"]
    sign_in, read = graph.simulator.nexudus.calls
    assert sign_in.headers["content-type"] == "application/x-www-form-urlencoded"
    assert form(sign_in) == {
        "grant_type": ["password"],
        "username": [graph.simulator.nexudus.username],
        "password": [graph.simulator.nexudus.password],
    }
    assert read.headers["authorization"].startswith("Bearer simulated-access-")


async def test_a_token_is_kept_from_request_to_request(graph: Graph) -> None:
    for number in range(4):
        await ask(graph, FIRST + number)
    assert tokens(graph) == ["token-password"]


async def test_each_process_has_a_client_id_of_its_own() -> None:
    """Trap 21: one refresh token lives for each client id."""
    seen = []
    for _ in range(2):
        async with open_graph() as graph:
            await ask(graph)
            seen.append(graph.simulator.nexudus.calls[0].headers["client_id"])
    assert len(set(seen)) == 2
    assert all(len(client_id) == 36 for client_id in seen)


async def test_a_client_id_can_be_given() -> None:
    async with open_graph(NEXUDUS_CLIENT_ID="replica-7") as graph:
        await ask(graph)
        graph.simulator.nexudus.expire_tokens()
        await ask(graph, FIRST + 1)
        ids = [call.headers["client_id"] for call in graph.simulator.nexudus.calls if call.kind.startswith("token")]
        assert ids == ["replica-7", "replica-7"]


async def test_a_401_is_answered_with_one_renewal_and_one_retry(graph: Graph) -> None:
    """Trap 20."""
    await ask(graph)
    graph.simulator.nexudus.calls.clear()
    graph.simulator.nexudus.expire_tokens()

    assert code(await ask(graph, FIRST + 1)) is None
    assert kinds(graph) == ["get", "token-refresh", "get"]


async def test_refresh_tokens_rotate(graph: Graph) -> None:
    """Trap 21: each is good for one use, and each use gives a new one."""
    for number in range(4):
        assert code(await ask(graph, FIRST + number)) is None
        graph.simulator.nexudus.expire_tokens()

    assert tokens(graph) == ["token-password", *["token-refresh"] * 3]
    renewals = [call for call in graph.simulator.nexudus.calls if call.kind == "token-refresh"]
    assert len({form(call)["refresh_token"][0] for call in renewals}) == 3
    assert [call.status for call in renewals] == [200, 200, 200]


async def test_a_dead_refresh_token_leads_back_to_the_password(graph: Graph) -> None:
    await ask(graph)
    graph.simulator.nexudus.calls.clear()
    graph.simulator.nexudus.tokens.expire_refresh()
    graph.simulator.nexudus.expire_tokens()

    assert code(await ask(graph, FIRST + 1)) is None
    assert kinds(graph) == ["get", "token-refresh", "token-password", "get"]


async def test_50_parallel_requests_at_expiry_cost_one_renewal(graph: Graph) -> None:
    """Trap 21: renewal is single-flight."""
    await ask(graph)
    graph.simulator.nexudus.calls.clear()
    graph.simulator.nexudus.expire_tokens()

    answers = await asyncio.gather(*(ask(graph, FIRST + number) for number in range(1, 51)))
    assert [answer["data"]["nexudusOpportunity"]["sourceId"] for answer in answers] == [
        str(FIRST + number) for number in range(1, 51)
    ]
    assert tokens(graph) == ["token-refresh"]


async def test_50_parallel_first_requests_sign_in_once(graph: Graph) -> None:
    answers = await asyncio.gather(*(ask(graph, FIRST + number) for number in range(50)))
    assert {code(answer) for answer in answers} == {None}
    assert tokens(graph) == ["token-password"]


async def test_a_401_for_ever_is_reported_without_a_storm(graph: Graph) -> None:
    """Trap 20: Nexudus answers 401 to a missing role as well."""
    graph.simulator.nexudus.role_missing = True

    assert code(await ask(graph)) == "UPSTREAM_UNAUTHORIZED"
    assert kinds(graph) == ["token-password", "get", "token-refresh", "get"]

    graph.simulator.nexudus.calls.clear()
    for number in range(1, 6):
        assert code(await ask(graph, FIRST + number)) == "UPSTREAM_UNAUTHORIZED"
    assert tokens(graph) == []
    assert len(kinds(graph)) <= 5


async def test_parallel_requests_without_the_role_do_not_storm_the_sign_in(graph: Graph) -> None:
    graph.simulator.nexudus.role_missing = True
    answers = await asyncio.gather(*(ask(graph, FIRST + number) for number in range(20)))

    assert {code(answer) for answer in answers} == {"UPSTREAM_UNAUTHORIZED"}
    assert tokens(graph) == ["token-password", "token-refresh"]


async def test_a_role_given_later_is_noticed(graph: Graph) -> None:
    graph.simulator.nexudus.role_missing = True
    assert code(await ask(graph)) == "UPSTREAM_UNAUTHORIZED"
    graph.simulator.nexudus.role_missing = False

    assert code(await ask(graph, FIRST + 1)) is None


async def test_a_wrong_password_is_sent_once_not_with_each_query() -> None:
    async with open_graph(NEXUDUS_PASSWORD="wrong") as graph:
        answers = [await ask(graph, FIRST + number) for number in range(5)]
        answers += await asyncio.gather(*(ask(graph, FIRST + number) for number in range(5, 10)))

        assert {code(answer) for answer in answers} == {"UPSTREAM_UNAUTHORIZED"}
        assert kinds(graph) == ["token-password"]


async def test_a_given_access_token_is_used_as_it_is() -> None:
    simulator = Simulator()
    token = simulator.nexudus.tokens.grant("elsewhere", 1_000, 1_000).access
    async with open_graph(simulator, **GIVEN, NEXUDUS_ACCESS_TOKEN=token) as graph:
        assert code(await ask(graph)) is None
        assert kinds(graph) == ["get"]
        assert simulator.nexudus.calls[0].headers["authorization"] == f"Bearer {token}"


async def test_a_given_access_token_that_is_refused_is_not_renewed() -> None:
    async with open_graph(**GIVEN, NEXUDUS_ACCESS_TOKEN="expired") as graph:
        assert code(await ask(graph)) == "UPSTREAM_UNAUTHORIZED"
        assert kinds(graph) == ["get"]


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("404", "UPSTREAM_BAD_RESPONSE"),
        ("invalid-json", "UPSTREAM_BAD_RESPONSE"),
        ("null", "UPSTREAM_BAD_RESPONSE"),
        ("redirect", "UPSTREAM_BAD_RESPONSE"),
        ("401", "UPSTREAM_UNAUTHORIZED"),
        ("400", "UPSTREAM_UNAUTHORIZED"),
    ],
)
async def test_a_sign_in_that_fails_is_an_error_of_the_source(graph: Graph, fault: str, expected: str) -> None:
    graph.simulator.nexudus.faults.add(FAULTS[fault], times=None, kinds={"token-password"})

    answer = await ask(graph)
    assert code(answer) == expected
    assert answer["errors"][0]["extensions"]["source"] == "nexudus"
    assert "get" not in kinds(graph)


SIGN_IN_PAGE = b"<!DOCTYPE html><title>Sign in</title>"
JSON = "application/json"
UNUSABLE: dict[str, tuple[Fault, str]] = {
    "200 with an OAuth error": (faults.body(b'{"error":"invalid_grant"}'), "UPSTREAM_UNAUTHORIZED"),
    "200 with a failure inside": (FAULTS["not-successful"], "UPSTREAM_BAD_RESPONSE"),
    "a web page": (faults.body(SIGN_IN_PAGE, "text/html"), "UPSTREAM_BAD_RESPONSE"),
    "302": (FAULTS["redirect"], "UPSTREAM_BAD_RESPONSE"),
    "404": (FAULTS["404"], "UPSTREAM_BAD_RESPONSE"),
    "a web page with 404": (faults.status(404, SIGN_IN_PAGE, content_type="text/html"), "UPSTREAM_BAD_RESPONSE"),
    "405": (faults.status(405), "UPSTREAM_BAD_RESPONSE"),
    "422": (faults.status(422, b"{}", content_type=JSON), "UPSTREAM_BAD_RESPONSE"),
    "400": (FAULTS["400"], "UPSTREAM_UNAUTHORIZED"),
    "401": (FAULTS["401"], "UPSTREAM_UNAUTHORIZED"),
    "402": (faults.status(402), "UPSTREAM_FORBIDDEN"),
    "403": (FAULTS["403"], "UPSTREAM_UNAUTHORIZED"),
    "204": (FAULTS["204"], "UPSTREAM_BAD_RESPONSE"),
    "null": (FAULTS["null"], "UPSTREAM_BAD_RESPONSE"),
    "half of JSON": (FAULTS["invalid-json"], "UPSTREAM_BAD_RESPONSE"),
    "no token": (faults.body(b'{"token_type":"bearer","expires_in":604799}'), "UPSTREAM_BAD_RESPONSE"),
    "an empty token": (faults.body(b'{"access_token":"","expires_in":604799}'), "UPSTREAM_BAD_RESPONSE"),
    "null as a token": (faults.body(b'{"access_token":null,"expires_in":604799}'), "UPSTREAM_BAD_RESPONSE"),
    "a number as a token": (faults.body(b'{"access_token":5}'), "UPSTREAM_BAD_RESPONSE"),
    "a token with a line break": (faults.body(b'{"access_token":"a\\r\\nX: 1"}'), "UPSTREAM_BAD_RESPONSE"),
    "a token of 20 kB": (faults.body(b'{"access_token":"%b"}' % (b"a" * 20_000)), "UPSTREAM_BAD_RESPONSE"),
    "not HTTP": (FAULTS["not-http"], "UPSTREAM_BAD_RESPONSE"),
}


@pytest.mark.parametrize(("fault", "expected"), UNUSABLE.values(), ids=UNUSABLE)
async def test_a_sign_in_that_cannot_be_used_is_not_repeated_with_each_query(
    graph: Graph, fault: Fault, expected: str
) -> None:
    """Trap 24: the vendor locks an account that signs in in vain too often."""
    graph.simulator.nexudus.faults.add(fault, times=None, kinds={"token-password"})

    answers = [await ask(graph, FIRST + number) for number in range(4)]
    answers += await asyncio.gather(*(ask(graph, FIRST + number) for number in range(4, 8)))
    assert {code(answer) for answer in answers} == {expected}
    assert kinds(graph) == ["token-password"]


@pytest.mark.parametrize(("fault", "_"), UNUSABLE.values(), ids=UNUSABLE)
async def test_a_renewal_that_cannot_be_used_leads_back_to_the_password_once(
    graph: Graph, fault: Fault, _: str
) -> None:
    await ask(graph)
    graph.simulator.nexudus.expire_tokens()
    graph.simulator.nexudus.faults.add(fault, times=None, kinds={"token-refresh"})
    assert code(await ask(graph, FIRST + 1)) is None
    assert tokens(graph) == ["token-password", "token-refresh", "token-password"]

    graph.simulator.nexudus.expire_tokens()
    graph.simulator.nexudus.faults.add(fault, times=None, kinds={"token-password"})
    for number in range(2, 6):
        assert code(await ask(graph, FIRST + number)) is not None
    assert tokens(graph)[3:] == ["token-refresh", "token-password"]


@pytest.mark.parametrize("fault", ["503", "reset"])
async def test_trouble_that_passes_does_not_let_every_query_sign_in_either(
    graph: Graph, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resolvers.resilience.retry, "FIRST_WAIT_SECONDS", 0.001)
    graph.simulator.nexudus.faults.add(FAULTS[fault], times=None, kinds={"token-password"})
    for number in range(8):
        assert code(await ask(graph, FIRST + number)) == "UPSTREAM_UNAVAILABLE"
    assert len(kinds(graph)) <= 12, "each sign-in makes three attempts, and most of eight queries none"


async def test_a_caller_that_gives_up_does_not_spoil_the_sign_in_for_others(graph: Graph) -> None:
    wait_all, go = asyncio.Event(), asyncio.Event()

    async def answer(exchange: Exchange) -> Any:
        wait_all.set()
        await go.wait()
        return await exchange.real()

    graph.simulator.nexudus.faults.add(Fault("gate", answer), kinds={"token-password"})
    impatient = asyncio.create_task(ask(graph))
    patient = asyncio.create_task(ask(graph, FIRST + 1))
    await wait_all.wait()
    impatient.cancel()
    await asyncio.wait([impatient])
    go.set()

    assert code(await patient) is None
    assert tokens(graph) == ["token-password"]


async def test_no_credential_is_logged(graph: Graph, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        await ask(graph)
        graph.simulator.nexudus.role_missing = True
        await ask(graph, FIRST + 1)
    graph.simulator.nexudus.faults.add(FAULTS["invalid-json"], times=None)
    await ask(graph, FIRST + 2)

    logged = caplog.text
    assert "nexudus" in logged
    for secret in (graph.simulator.nexudus.username, graph.simulator.nexudus.password, "simulated-access", "Bearer"):
        assert secret not in logged


# Without a network: time is what the test says


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


class Vendor:
    """Takes the place of the transport: grants a new pair of tokens, good for 1,000 seconds, to whoever asks."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.refuses = False
        self.fails: UpstreamError | None = None
        self.says = b""

    async def fetch(self, request: Request, _: Any) -> bytes:
        self.asked.append(request.kind)
        await asyncio.sleep(0)
        if self.refuses:
            raise UpstreamBadResponse("nexudus", status=400)
        if self.fails:
            raise self.fails
        number = len(self.asked)
        return self.says or b'{"access_token":"a%d","refresh_token":"r%d","expires_in":1000}' % (number, number)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def vendor() -> Vendor:
    return Vendor()


@pytest.fixture
def ours(vendor: Vendor, clock: Clock) -> PasswordTokens:
    return PasswordTokens("http://host", "ada", Secret("x"), vendor, clock=clock)  # type: ignore[arg-type] # a stand-in


def shared_fetch() -> SharedFetch:
    operation = UpstreamContext(5)
    return SharedFetch(lambda: [operation])


async def current(tokens: PasswordTokens) -> str:
    return await tokens.get(shared_fetch())


async def renewed(tokens: PasswordTokens, stale: str) -> str:
    return await tokens.renew(stale, shared_fetch())


async def fifty(ask_for: Callable[[], Awaitable[str]]) -> set[str]:
    return set(await asyncio.gather(*(ask_for() for _ in range(50))))


async def test_renewal_is_single_flight(ours: PasswordTokens, vendor: Vendor, clock: Clock) -> None:
    """Trap 21."""
    assert await fifty(lambda: current(ours)) == {"a1"}
    clock.now += 1_001
    assert await fifty(lambda: current(ours)) == {"a2"}
    assert await fifty(lambda: renewed(ours, "a2")) == {"a3"}
    assert vendor.asked == ["token-password", "token-refresh", "token-refresh"]


async def test_a_token_that_somebody_else_has_renewed_already_is_not_renewed_again(
    ours: PasswordTokens, vendor: Vendor
) -> None:
    assert await current(ours) == "a1"
    assert await renewed(ours, "a1") == "a2"
    assert await renewed(ours, "a1") == "a2"
    assert vendor.asked == ["token-password", "token-refresh"]


async def test_a_token_is_renewed_before_it_expires(ours: PasswordTokens, vendor: Vendor, clock: Clock) -> None:
    assert await current(ours) == "a1"
    clock.now += 799
    assert await current(ours) == "a1"
    assert vendor.asked == ["token-password"]
    clock.now += 2
    await current(ours)
    for _ in range(5):
        await asyncio.sleep(0)
    assert await current(ours) == "a2"
    assert vendor.asked == ["token-password", "token-refresh"]


async def test_a_refused_password_is_tried_again_after_half_a_minute(
    ours: PasswordTokens, vendor: Vendor, clock: Clock
) -> None:
    vendor.refuses = True
    for _ in range(3):
        with pytest.raises(UpstreamUnauthorized):
            await current(ours)
    assert vendor.asked == ["token-password"]

    clock.now += 31
    vendor.refuses = False
    assert await current(ours) == "a2"


async def test_a_renewed_token_that_is_refused_too_stops_the_renewals_for_half_a_minute(
    ours: PasswordTokens, vendor: Vendor, clock: Clock
) -> None:
    """Trap 20."""
    token = await renewed(ours, await current(ours))
    for _ in range(3):
        with pytest.raises(UpstreamUnauthorized):
            await renewed(ours, token)
    assert vendor.asked == ["token-password", "token-refresh"]

    clock.now += 31
    assert await renewed(ours, token) == "a3"


async def test_a_token_that_was_accepted_and_is_refused_later_is_renewed(ours: PasswordTokens, vendor: Vendor) -> None:
    token = await renewed(ours, await current(ours))
    ours.accepted(token)
    assert await renewed(ours, token) == "a3"
    assert vendor.asked == ["token-password", "token-refresh", "token-refresh"]


async def asked_within(
    ours: PasswordTokens, vendor: Vendor, clock: Clock, seconds: int, error: type[UpstreamError]
) -> list[int]:
    """Ask for a token each second, and return when that was a sign-in."""
    seen: list[int] = []
    for second in range(seconds):
        before = len(vendor.asked)
        with pytest.raises(error):
            await current(ours)
        seen += [second] * (len(vendor.asked) - before)
        clock.now += 1
    return seen


async def test_refusals_are_further_and_further_apart_up_to_a_quarter_of_an_hour(
    ours: PasswordTokens, vendor: Vendor, clock: Clock
) -> None:
    vendor.refuses = True
    seen = await asked_within(ours, vendor, clock, 4_000, UpstreamUnauthorized)
    assert seen == [0, 30, 90, 210, 450, 930, 1830, 2730, 3630]

    vendor.refuses = False
    clock.now += 900
    token = await current(ours)
    vendor.refuses = True
    clock.now += 2_000
    assert await asked_within(ours, vendor, clock, 40, UpstreamUnauthorized) == [0, 0, 30], token


@pytest.mark.parametrize("failure", [UpstreamUnavailable("nexudus", status=503), UpstreamTimeout("nexudus")])
async def test_passing_trouble_is_tried_again_soon_but_not_with_every_query(
    ours: PasswordTokens, vendor: Vendor, clock: Clock, failure: UpstreamError
) -> None:
    vendor.fails = failure
    with pytest.raises(type(failure)):
        await current(ours)
    seen = await asked_within(ours, vendor, clock, 40, type(failure))
    assert seen == [0, 1, 4, 11, 19, 27, 35]

    vendor.fails = None
    clock.now += 8
    assert await current(ours)
    clock.now += 2_000
    vendor.fails = failure
    for _ in range(2):
        with pytest.raises(type(failure)):
            await current(ours)
    assert vendor.asked[-2:] == ["token-refresh", "token-password"], "one sign-in without a pause, after a success"


@pytest.mark.parametrize(
    ("says", "life_seconds"),
    [
        (b"", 1200),
        (b',"expires_in":null', 1200),
        (b',"expires_in":"soon"', 1200),
        (b',"expires_in":"nan"', 1200),
        (b',"expires_in":1e400', 1200),
        (b',"expires_in":' + b"9" * 400, 1200),
        (b',"expires_in":{}', 1200),
        (b',"expires_in":-1', 60),
        (b',"expires_in":0', 60),
        (b',"expires_in":"3600"', 3600),
        (b',"expires_in":3600.5', 3600.5),
        (b',"expires_in":3600,"refresh_token":7', 3600),
        (b',"expires_in":3600,"refresh_token":""', 3600),
        (b',"expires_in":3600,"refresh_token":null', 3600),
    ],
)
async def test_a_token_is_used_whatever_is_said_of_its_end(
    ours: PasswordTokens, vendor: Vendor, clock: Clock, says: bytes, life_seconds: float
) -> None:
    vendor.says = b'{"access_token":"a"%b}' % says
    assert await current(ours) == "a"
    clock.now += life_seconds * 0.8 - 1
    assert ours.current() == "a"
    await asyncio.sleep(0)
    assert vendor.asked == ["token-password"]

    clock.now += life_seconds * 0.2 + 2
    assert await current(ours) == "a"
    assert vendor.asked == ["token-password"] * 2
