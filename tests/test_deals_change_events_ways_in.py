"""`schema.deals.change_events` over HTTP, by a real connection to the whole application, and over both databases."""

import json
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from hashlib import sha256
from pathlib import Path
from time import time
from typing import Any
from unittest.mock import patch

import pytest

from schema.deals.service import Deals
from security.issuer import TokenIssuer
from store.database import open_database
from tests.change_log import begin, follow, write
from tests.credentials import SCOPES, line
from tests.deal_lists import open_deals
from tests.event_streams import ACCEPT, Listener, listening, parsed, subscribing
from tests.harness import CACHES, Graph, open_graph
from tests.issuer import AUDIENCE, ISSUER, key_set, token
from tests.sockets import Served, post, real

JWT = {"JWT_ISSUER": ISSUER, "JWT_AUDIENCE": AUDIENCE, "JWT_JWKS_URL": "https://issuer.example.com/keys"}
CHANGES = "subscription Changes($after: String) { opportunityChanges(after: $after) { changes { sourceId } cursor } }"


@asynccontextmanager
async def running(folder: Path, **settings: Any) -> AsyncIterator[tuple[Graph, Served, Deals]]:
    async with (
        open_graph(STORE_URL=str(folder / "deals.db"), **CACHES | settings) as graph,
        real(graph) as served,
    ):
        deals = graph.app.state.endpoint._answer.__self__.deals
        await deals.database.write(begin)
        yield graph, served, deals


async def event(client: Listener) -> Any:
    """Return the next event without errors."""
    response = await client.event()
    assert list(response) == ["data"], response
    return response["data"]["opportunityChanges"]


async def test_a_change_arrives_and_who_reconnects_goes_on_from_the_cursor(tmp_path: Path) -> None:
    async with running(tmp_path) as (_, served, deals):
        async with listening(served.port, subscribing(CHANGES)) as client:
            assert (await event(client))["changes"] == []
            await write(deals.database, "one", source_id=1)
            first = await event(client)
            assert first["changes"] == [{"sourceId": "1"}]
        await write(deals.database, "one", source_id=2)
        again = subscribing(CHANGES, variables={"after": first["cursor"]}, operationName="Changes")
        async with listening(served.port, again) as client:
            assert (await event(client))["changes"] == [{"sourceId": "2"}]


async def test_a_subscription_may_be_sent_by_its_hash(tmp_path: Path) -> None:
    extensions = {"persistedQuery": {"version": 1, "sha256Hash": sha256(CHANGES.encode()).hexdigest()}}
    by_hash = post(json.dumps({"extensions": extensions}).encode(), ACCEPT)
    async with running(tmp_path) as (_, served, _):
        async with listening(served.port, by_hash) as client:
            said, end = parsed(await client.body())
            assert (said["errors"][0]["extensions"]["code"], end) == ("PERSISTED_QUERY_NOT_FOUND", None)
        async with listening(served.port, subscribing(CHANGES, extensions=extensions)) as client:
            await event(client)
        async with listening(served.port, by_hash) as client:
            await event(client)


DEAR = " ".join(f"a{number}: changes {{ kind source sourceId origin observedAt }}" for number in range(25))


@pytest.mark.parametrize(
    ("query", "variables", "code"),
    [
        ("subscription {", {}, "GRAPHQL_PARSE_FAILED"),
        ("subscription { nothing }", {}, "GRAPHQL_VALIDATION_FAILED"),
        (CHANGES, {"after": 7}, "BAD_USER_INPUT"),
        (f"subscription {{ opportunityChanges(first: 200) {{ {DEAR} }} }}", {}, "BAD_USER_INPUT"),
    ],
)
async def test_what_is_wrong_with_a_request_is_an_event_and_the_end(
    tmp_path: Path, query: str, variables: dict[str, Any], code: str
) -> None:
    request = subscribing(query, variables=variables)
    async with running(tmp_path) as (_, served, _), listening(served.port, request) as client:
        response, end = parsed(await client.body())
        assert (client.status, list(response), end) == (200, ["errors"], None)
        assert [one["extensions"]["code"] for one in response["errors"]] == [code]


async def test_an_event_that_cannot_be_sent_is_not_passed_over(tmp_path: Path) -> None:
    """It would be lost: whoever goes on from the last cursor gets it, in smaller events."""
    async with running(tmp_path, QUERY_MAX_ANSWER_BYTES="1000") as (_, served, deals):
        async with listening(served.port, subscribing(CHANGES)) as client:
            cursor = (await event(client))["cursor"]
        await write(deals.database, *map(str, range(25)), source_id="x" * 100)
        async with listening(served.port, subscribing(CHANGES, variables={"after": cursor})) as client:
            error, end = await client.rest()
            assert (error["errors"][0]["extensions"]["code"], end) == ("BAD_USER_INPUT", None)
        smaller = CHANGES.replace("after: $after", "after: $after, first: 4")
        async with listening(served.port, subscribing(smaller, variables={"after": cursor})) as client:
            assert sum([len((await event(client))["changes"]) for _ in range(7)]) == 25


async def test_a_token_that_expires_ends_the_stream_before_anything_else_is_sent(tmp_path: Path) -> None:
    now = time()
    bearer = b"Authorization: Bearer " + token("ec-1", scope=" ".join(SCOPES), expires_in=600).encode()

    async def fetch(*_: object) -> bytes:
        return key_set("ec-1")

    with patch.object(TokenIssuer, "_fetch", fetch):
        async with (
            running(tmp_path, wall_clock=lambda: now, **JWT) as (_, served, deals),
            listening(served.port, subscribing(CHANGES, bearer)) as client,
        ):
            await event(client)
            await write(deals.database, "one")
            assert (await event(client))["changes"]
            now += 700
            await write(deals.database, "two")
            error, end = await client.rest()
            assert (error["errors"][0]["extensions"]["code"], end) == ("UNAUTHENTICATED", None)
            assert "data" not in error


async def test_a_caller_may_have_so_many_streams_as_is_set(tmp_path: Path) -> None:
    keys = "\n".join([line("a", "a" * 20), line("b", "b" * 20)])
    mine, theirs = (subscribing(CHANGES, b"X-API-Key: " + key * 20) for key in (b"a", b"b"))
    async with (
        running(tmp_path, API_KEYS=keys, MAX_SUBSCRIPTIONS_PER_CALLER="1") as (_, served, _),
        listening(served.port, mine) as client,
    ):
        await event(client)
        async with listening(served.port, mine) as more:
            assert (more.status, (await more.refusal())["extensions"]["code"]) == (429, "TOO_MANY_SUBSCRIPTIONS")
        async with listening(served.port, theirs) as other:
            await event(other)


async def test_streams_of_the_application_end_when_its_server_stops(tmp_path: Path) -> None:
    async with running(tmp_path) as (graph, served, _), listening(served.port, subscribing(CHANGES)) as client:
        await event(client)
        graph.app.state.end_streams()
        assert await client.rest() == [None]


async def test_what_another_process_has_written_comes_too(store_url: str) -> None:
    async with open_deals(url=store_url) as graph, open_database(store_url) as other:
        await graph.database.write(begin)
        async with aclosing(follow(graph)) as events:
            await anext(events)
            await write(other, "one")
            await graph.database.poll()
            found = (await anext(events))["data"]["opportunityChanges"]["changes"]
            assert found == [{"kind": "CREATED", "sourceId": "1"}]
