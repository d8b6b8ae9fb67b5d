"""`web.refusals`: who was refused and why is in the log, and never the credential."""

import asyncio
import logging
from unittest.mock import AsyncMock, patch

import pytest
from asgi_correlation_id import correlation_id

from httpserver.connection import ConnectionLimits
from httpserver.http_errors import HTTPError
from httpserver.protocol import protocol
from httpserver.request import Headers
from logs import RequestIds
from security.issuer import TokenIssuer
from tests import credentials, logged, loops
from tests.harness import open_graph
from tests.issuer import AUDIENCE, ISSUER, key_set, token
from tests.sockets import Served, Stub
from tests.waiting import PATIENCE_SECONDS
from web.auth.callers import unauthenticated
from web.refusals import LINES_A_SECOND, Refusals

LOOPS = loops.WITH_ITS_OWN_TIME

LOGGER = "opportunity_graph.http"


@pytest.mark.parametrize(
    ("headers", "kind"),
    [({}, "none"), ({"x_api_key": "CANARY"}, "API key"), ({"authorization": "Bearer CANARY"}, "bearer token")],
)
async def test_a_strangers_refusal_has_one_line(
    headers: dict[str, str], kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, LOGGER)
    async with open_graph(API_KEYS=credentials.line("reports", "right")) as graph:
        response = await graph.post({"query": "{ __typename }"}, **headers)

    assert response.status == 401
    found = logged.lines(caplog, LOGGER)
    assert found == [f"refused with 401 UNAUTHENTICATED (credential: {kind}): A valid credential is required."]
    assert "CANARY" not in caplog.text


async def test_the_log_alone_says_what_is_wrong_with_a_token(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, LOGGER)
    jwt = {"JWT_ISSUER": ISSUER, "JWT_AUDIENCE": AUDIENCE, "JWT_JWKS_URL": "https://issuer.example.com/keys"}
    with patch.object(TokenIssuer, "_fetch", AsyncMock(return_value=key_set("ec-1"))):
        async with open_graph(**jwt) as graph:
            response = await graph.post(
                {"query": "{ __typename }"}, authorization=f"Bearer {token('ec-1', aud='CANARY')}"
            )

    assert response.status == 401
    found = logged.lines(caplog, LOGGER)
    refused = "refused with 401 UNAUTHENTICATED (credential: bearer token): A valid credential is required."
    assert found == [f"{refused} The token is for another audience than JWT_AUDIENCE."]
    assert b"audience" not in response.body
    assert "CANARY" not in caplog.text


async def test_a_body_that_is_too_large_has_a_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, LOGGER)
    async with open_graph(MAX_REQUEST_BYTES="1000") as graph:
        response = await graph.post({"query": "{ __typename }" + " " * 1000})

    assert response.status == 413
    assert [line[:16] for line in logged.lines(caplog, LOGGER)] == ["refused with 413"]


async def test_a_flood_has_some_lines_a_second_and_then_a_count(caplog: pytest.LogCaptureFixture) -> None:
    refusals, error = Refusals(), unauthenticated()
    correlation_id.set("the-first")
    caplog.handler.addFilter(RequestIds())
    for _ in range(LINES_A_SECOND + 1_000):
        refusals.add(None, error)
    assert len(logged.records(caplog, LOGGER)) == LINES_A_SECOND
    await asyncio.sleep(1.1)
    refusals.add(None, error)

    assert logged.lines(caplog, LOGGER)[LINES_A_SECOND:] == [
        "refused 1000 more requests in the same second",
        "refused with 401 UNAUTHENTICATED (credential: none): A valid credential is required.",
    ]
    assert refusals.counts == {(401, "UNAUTHENTICATED", "credential", "none"): LINES_A_SECOND + 1_001}
    ids = [one.request_ids for one in logged.records(caplog, LOGGER)[LINES_A_SECOND - 1 :]]  # type: ignore[attr-defined]
    assert ids == [["the-first"], [], ["the-first"]], "the count is of many requests"


async def test_what_a_connection_refuses_has_a_line_with_the_id_of_its_response(
    caplog: pytest.LogCaptureFixture,
) -> None:
    refusals, ids = Refusals(), []

    def on_refusal(headers: Headers | None, error: HTTPError) -> None:
        ids.append(correlation_id.get())
        refusals.add_unseen(headers, error)

    kind = protocol(ConnectionLimits(), on_refusal)
    async with Served(kind, Stub().app, PATIENCE_SECONDS).listen() as served:
        for head in (b"this is no request\r\n\r\n", b"GET / HTTP/1.1\r\nX: " + b"x" * 70_000):
            async with served.client() as client:
                client.writer.write(head)
                answer = await client.answer()
                assert f"x-request-id: {ids[-1]}" in answer.decode()

    assert refusals.counts == {
        (400, "BAD_USER_INPUT", "framing", "none"): 1,
        (431, "BAD_USER_INPUT", "size", "none"): 1,
    }
    assert len(logged.records(caplog, LOGGER)) == 2


async def test_a_clients_slip_has_none(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, LOGGER)
    async with open_graph() as graph:
        response = await graph.post({"query": 1})

    assert response.status == 400
    assert logged.records(caplog, LOGGER) == []
