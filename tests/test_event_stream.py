"""`web.event_stream`, and `web.endpoint` with it: responses as server-sent events over a connection of the server's."""

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

import httpserver.connection
from httpserver.envelope import Envelope
from httpserver.http_errors import HTTPError
from httpserver.request import HttpRequest
from httpserver.response import HttpResponse
from tests import logged, loops, sockets
from tests.event_streams import ACCEPT, Listener, listening, parsed, subscribing
from tests.sockets import Served, asking, body_of, post
from tests.waiting import until
from web.access_log import AccessLog
from web.application import AtPath
from web.auth.callers import Caller, unauthenticated
from web.endpoint import GraphQLEndpoint
from web.graphql_response import GraphQLResponse
from web.parameters import GraphQLParams
from web.policy import ConcurrencyLimit, RequestPolicy
from web.streams import Streams

LOOPS = loops.BOTH
LOGGER = "opportunity_graph.access"
SUBSCRIPTION = "subscription S { changes }"
QUERY = "{ answer }"
GET = b"GET /graphql?query=subscription%7Bchanges%7D HTTP/1.1\r\nHost: localhost\r\n" + ACCEPT + b"\r\n"
"""A head that may go on."""


class Always:
    """A validator: a response that is the same for ever."""

    def __call__(self) -> bool:
        return True

    def __len__(self) -> int:
        return 0


@dataclass
class Graph:
    """Answers queries at once, and subscriptions with what is put into `events`: responses, or an error to raise."""

    policy: RequestPolicy
    events: asyncio.Queue[Any] = field(default_factory=asyncio.Queue)
    asked: list[GraphQLParams] = field(default_factory=list)
    made: int = 0
    closed: int = 0

    def __post_init__(self) -> None:
        self.endpoint = GraphQLEndpoint(self.answer, page=None, security=self.policy)
        self.app = Envelope(AccessLog(AtPath(HttpResponse(b"", 404), "/graphql", self.endpoint)))

    async def answer(self, params: GraphQLParams) -> GraphQLResponse:
        self.asked.append(params)
        if params.query == "{":
            return GraphQLResponse({"errors": [{"message": "?"}]}, is_request_error=True)
        if "subscription" not in (params.query or ""):
            return GraphQLResponse({"data": {"answer": 42}}, validator=Always)
        if not params.takes_events:
            return GraphQLResponse({"errors": [{"message": "?"}]}, is_request_error=True, status=406)
        return GraphQLResponse(operation_name="S", responses=self.responses())

    async def responses(self) -> AsyncGenerator[dict[str, Any], None]:
        try:
            while (event := await self.events.get()) is not None:
                if isinstance(event, Exception):
                    raise event
                self.made += 1
                yield event
        finally:
            self.closed += 1


@asynccontextmanager
async def served(policy: RequestPolicy | None = None) -> AsyncIterator[tuple[Graph, Served]]:
    graph = Graph(policy or RequestPolicy())
    async with sockets.serving(graph) as found:
        yield graph, found


@asynccontextmanager
async def opened(policy: RequestPolicy | None = None, *lines: bytes) -> AsyncIterator[tuple[Graph, Served, Listener]]:
    async with served(policy) as (graph, found), listening(found.port, subscribing(SUBSCRIPTION, *lines)) as client:
        assert client.status == 200
        yield graph, found, client


async def test_events_are_sent_as_they_come_and_the_end_is_said() -> None:
    async with opened() as (graph, _, client):
        for number in range(3):
            graph.events.put_nowait({"data": {"changes": number}})
            assert await client.event() == {"data": {"changes": number}}
        graph.events.put_nowait(None)
        assert await client.rest() == [None]
    assert graph.closed == 1


@pytest.mark.parametrize("character", ["\x85", "\u2028", "\u2029", "\x0b", "\x1e", "\r\n"])
async def test_an_event_has_as_many_lines_to_readers_that_know_more_ends_of_lines(character: str) -> None:
    sent = {"data": {"changes": f"a{character}é"}}
    async with opened() as (graph, _, client):
        graph.events.put_nowait(sent)
        chunk = (await client.chunk()).decode()
    assert parsed(chunk.encode()) == [sent]
    assert chunk.splitlines() == chunk[:-1].split("\n")


async def test_the_head_of_a_stream_keeps_it_out_of_caches_and_buffers() -> None:
    async with opened() as (graph, _, client):
        assert client.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert client.headers["cache-control"] == "private, no-store"
        assert client.headers["x-accel-buffering"] == "no"
        assert client.headers["transfer-encoding"] == "chunked"
        assert "content-encoding" not in client.headers
        assert "content-length" not in client.headers
        assert len(graph.endpoint.response_cache) == 0


async def test_after_a_stream_its_connection_serves_on() -> None:
    async with opened() as (graph, _, client):
        graph.events.put_nowait(None)
        assert await client.rest() == [None]
        client.writer.write(asking(QUERY))
        head = await client.reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    "accept", [ACCEPT, b"Accept: application/json;q=0.5, text/event-stream", b"Accept: text/*, text/event-stream"]
)
async def test_a_query_whose_client_prefers_events_is_answered_by_one_and_the_end(accept: bytes) -> None:
    async with served() as (_, found), found.client() as client:
        for _ in range(2):  # the second is the stored response
            answer = await client.ask(subscribing(QUERY, accept=accept))
            assert b"content-type: text/event-stream; charset=utf-8" in answer
            assert parsed(body_of(answer)) == [{"data": {"answer": 42}}, None]
        assert body_of(await client.ask(subscribing("{", accept=accept))).startswith(b'event: next\ndata: {"errors"')


@pytest.mark.parametrize(
    "accept", [b"Accept: application/json, text/event-stream", b"Accept: */*, text/event-stream;q=0.1"]
)
async def test_who_takes_both_gets_json_for_a_query_and_a_stream_for_a_subscription(accept: bytes) -> None:
    async with served() as (graph, found):
        async with found.client() as client:
            for _ in range(2):
                assert body_of(await client.ask(subscribing(QUERY, accept=accept))) == b'{"data":{"answer":42}}'
        async with listening(found.port, subscribing(SUBSCRIPTION, accept=accept)) as listener:
            assert listener.headers["content-type"] == "text/event-stream; charset=utf-8"
            graph.events.put_nowait(None)
            assert await listener.rest() == [None]


@pytest.mark.parametrize("accept", [b"Accept: application/json", b"Accept: */*", b"Accept: text/event-stream;q=0, */*"])
async def test_a_subscription_whose_client_does_not_name_events_is_refused(accept: bytes) -> None:
    async with served() as (_, found), listening(found.port, subscribing(SUBSCRIPTION, accept=accept)) as client:
        assert client.status == 406
        await client.refusal()


async def test_a_stream_may_be_asked_for_by_get_as_a_browser_s_eventsource_does() -> None:
    request = GET + b"\r\n"
    async with served() as (graph, found), listening(found.port, request) as client:
        graph.events.put_nowait(None)
        assert await client.rest() == [None]


async def test_head_has_the_head_alone() -> None:
    request = b"HEAD" + GET[3:] + b"\r\n"
    async with served() as (graph, found), listening(found.port, request) as client:
        assert (client.status, graph.policy.streams.count) == (200, 0)
        assert client.headers["content-type"] == "text/event-stream; charset=utf-8"


@pytest.mark.parametrize(
    "line", [b"Sec-Fetch-Site: cross-site", b"Origin: https://elsewhere.example", b"Sec-Fetch-Site: same-site"]
)
async def test_a_page_of_another_site_can_open_no_stream(line: bytes) -> None:
    """`EventSource` sends a GET without asking first, with the cookies and from the place that the browser has."""

    async def local(_: HttpRequest) -> Caller:
        return Caller("nobody", frozenset(), has_ambient_authority=True)

    request = GET + line + b"\r\n\r\n"
    async with served(RequestPolicy(identify=local)) as (graph, found), listening(found.port, request) as client:
        assert client.status == 403
        assert (await client.refusal())["extensions"]["code"] == "FORBIDDEN"
        assert graph.asked == []


async def test_a_client_that_hangs_up_ends_the_work_at_once() -> None:
    async with opened() as (graph, found, client):
        assert graph.policy.streams.count == 1
        client.writer.transport.abort()
        await until(lambda: graph.closed)
        await until(lambda: not found.state.tasks)
        assert graph.policy.streams.count == 0


async def test_under_another_server_the_work_ends_when_that_tells_of_the_hang_up() -> None:
    graph, gone, sent = Graph(RequestPolicy()), asyncio.Event(), []
    body = [{"type": "http.request", "body": b'{"query": "subscription { changes }"}', "more_body": False}]

    async def receive() -> Any:
        if not body:
            await gone.wait()
        return body.pop() if body else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"content-type", b"application/json"), (b"accept", b"text/event-stream"), (b"host", b"localhost")]
    scope = {"type": "http", "method": "POST", "path": "/graphql", "query_string": b"", "headers": headers}
    running = asyncio.create_task(graph.app(scope, receive, send))
    graph.events.put_nowait({"data": 1})
    await until(lambda: len(sent) == 3)
    gone.set()
    await running
    assert (graph.closed, graph.policy.streams.count) == (1, 0)
    assert [one.get("body") for one in sent[1:]] == [b"", b'event: next\ndata: {"data":1}\n\n']


async def test_a_stream_takes_none_of_the_places_for_requests() -> None:
    policy = RequestPolicy(concurrency_limit=ConcurrencyLimit(1))
    async with opened(policy) as (_, found, _), found.client() as other:
        assert (await other.ask(asking(QUERY))).startswith(b"HTTP/1.1 200")


async def test_fault_12_a_slow_reader_is_not_read_for_and_then_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits for it is what its connection holds and one event, however many there are."""
    monkeypatch.setattr(httpserver.connection, "WRITE_SECONDS", 0.1)
    async with opened() as (graph, found, client):
        client.writer.transport.pause_reading()  # type: ignore[attr-defined] # a socket's transport
        for _ in range(200):
            graph.events.put_nowait({"data": "x" * 200_000})
        await until(lambda: graph.closed)
        assert graph.made < 100, "the rest was never made"
        assert graph.policy.streams.count == 0
        assert not found.state.connections


async def test_fault_12_streams_end_with_complete_at_once_when_the_server_stops() -> None:
    async with opened() as (graph, found, client):
        graph.events.put_nowait({"data": 1})
        assert await client.event() == {"data": 1}
        graph.policy.streams.end()
        graph.policy.streams.end()
        assert await client.rest() == [None]
        assert (graph.closed, graph.policy.streams.count) == (1, 0)
        async with listening(found.port, subscribing(SUBSCRIPTION)) as late:
            assert (late.status, (await late.refusal())["extensions"]["code"]) == (503, "SERVER_BUSY")


def by_key(known: set[bytes]) -> RequestPolicy:
    """Return a policy that lets in who has one of these keys."""

    async def identify(request: HttpRequest) -> Caller:
        if request.headers.get(b"x-api-key") not in known:
            raise unauthenticated()
        return Caller("machine", frozenset(known))

    return RequestPolicy(identify=identify, credential=lambda request: request.headers.get(b"x-api-key"))


async def test_a_credential_that_ends_ends_the_stream_and_says_why() -> None:
    known = {b"k"}
    async with opened(by_key(known), b"X-API-Key: k") as (graph, _, client):
        graph.events.put_nowait({"data": 1})
        assert await client.event() == {"data": 1}
        known.clear()
        graph.events.put_nowait({"data": "secret"})
        error, end = await client.rest()
        assert [one["extensions"]["code"] for one in error.pop("errors")] == ["UNAUTHENTICATED"]
        assert (error, end) == ({}, None)


async def test_a_credential_that_allows_other_things_by_now_ends_the_stream() -> None:
    known = {b"k"}
    async with opened(by_key(known), b"X-API-Key: k") as (graph, _, client):
        known.add(b"another")
        graph.events.put_nowait({"data": "secret"})
        error, end = await client.rest()
        assert [one["extensions"]["code"] for one in error.pop("errors")] == ["FORBIDDEN"]
        assert (error, end) == ({}, None)


async def test_a_caller_may_have_so_many_streams_and_all_together_so_many() -> None:
    policy = replace(by_key({b"a", b"b", b"c"}), streams=Streams(3, 2))
    a, b, c = (subscribing(SUBSCRIPTION, b"X-API-Key: " + key) for key in (b"a", b"b", b"c"))
    async with served(policy) as (graph, found), listening(found.port, a), listening(found.port, b):
        async with listening(found.port, a) as last:
            async with listening(found.port, a) as more:
                assert (more.status, more.headers["retry-after"]) == (429, "5")
                assert (await more.refusal())["extensions"] == {
                    "code": "TOO_MANY_SUBSCRIPTIONS",
                    "retryable": True,
                    "retryAfterSeconds": 5,
                }
            async with listening(found.port, c) as more:
                assert (more.status, (await more.refusal())["extensions"]["code"]) == (503, "SERVER_BUSY")
            assert last.status == 200
        await until(lambda: policy.streams.count == 2)
        async with listening(found.port, a) as again:
            assert again.status == 200
    assert sum(graph.policy.refusals.counts.values()) == 2


async def test_a_fault_after_the_head_is_an_event_without_its_text(caplog: pytest.LogCaptureFixture) -> None:
    async with opened() as (graph, _, client):
        graph.events.put_nowait(ValueError("jane@example.com"))
        error, end = await client.rest()
        assert [one["extensions"]["code"] for one in error["errors"]] == ["INTERNAL_SERVER_ERROR"]
        assert end is None
    assert "jane" not in caplog.text


async def test_a_stream_has_one_line_of_the_log_when_it_ends(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, LOGGER)
    async with opened() as (graph, _, client):
        for event in ({"data": 1}, {"errors": [{"message": "?", "extensions": {"code": "AWAY"}}]}):
            graph.events.put_nowait(event)
            await client.event()
        assert logged.lines(caplog, LOGGER) == []
        graph.events.put_nowait(None)
        await client.rest()
        await until(lambda: logged.lines(caplog, LOGGER))
    (line,) = logged.lines(caplog, LOGGER)
    assert line.startswith("POST /graphql 200 ")
    assert line.endswith("caller=nobody operation=S code=AWAY stored=False events=2")


async def test_what_is_refused_by_its_status_is_json_whatever_accept_says() -> None:
    async with served(by_key(set())) as (_, found), listening(found.port, subscribing(SUBSCRIPTION)) as client:
        assert (client.status, client.headers["content-type"]) == (401, "application/json; charset=utf-8")
        assert (await client.refusal())["extensions"]["code"] == "UNAUTHENTICATED"


@pytest.mark.parametrize("accept", [ACCEPT, b"Accept: application/json;q=0.5, text/event-stream"])
async def test_a_hash_that_is_not_known_is_an_event_as_all_that_is_wrong_with_a_document(accept: bytes) -> None:
    """So that a client of events learns that it has to send the text."""
    unknown = {"persistedQuery": {"version": 1, "sha256Hash": "0" * 64}}
    async with served() as (_, found), found.client() as client:
        answer = await client.ask(post(json.dumps({"extensions": unknown}).encode(), accept))
        assert b"content-type: text/event-stream; charset=utf-8" in answer
        said, end = parsed(body_of(answer))
        assert (said["errors"][0]["message"], end) == ("PersistedQueryNotFound", None)
        answer = await client.ask(post(b"{}", accept))
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert b"content-type: application/json; charset=utf-8" in answer


def test_an_error_that_a_stream_ends_with_has_the_form_of_a_refusal() -> None:
    assert list(HTTPError(403, "No.").body) == ["errors"]
