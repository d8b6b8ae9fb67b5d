"""Who calls: credentials of each kind through the whole server."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from configuration import AllSettings
from httpserver.http_errors import HTTPError
from httpserver.request import Headers, HttpRequest
from server import create_app
from tests.credentials import SCOPES, line
from tests.harness import Graph, Response, open_graph
from tests.issuer import AUDIENCE, ISSUER, key_set, token
from web.auth.api_keys import read_keys
from web.auth.callers import Caller, Callers
from web.auth.verified_tokens import BearerToken

QUERY = {"query": '{ nexudusOpportunity(sourceId: "1427000501") { sourceId notes } }'}
KEYS = {
    "API_KEYS": line("m", "machine-key") + "\n" + line("n", "next-key", " ".join(SCOPES)),
    "GATEWAY_KEYS": line("g", "gateway-key", " ".join(SCOPES)),
}


class OneToken:
    """Takes one token."""

    async def scopes(self, token: BearerToken) -> frozenset[str] | None:
        return frozenset({"opportunities:read", "openid"}) if token.text == "good" else None

    def reason(self, _: BearerToken) -> str:
        return ""


def request(*headers: tuple[str, str]) -> HttpRequest:
    raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers]
    return HttpRequest("POST", Headers(raw), ("127.0.0.1", 80))


def callers(nobody: Caller | None = None) -> Callers:
    return Callers(
        nobody=nobody,
        tokens=OneToken(),
        api_keys=read_keys(KEYS["API_KEYS"], SCOPES),
        gateway_keys=read_keys(KEYS["GATEWAY_KEYS"], SCOPES),
    )


BEARER = ("Authorization", "Bearer good")
MACHINE = ("X-API-Key", "machine-key")
GATEWAY = ("X-Gateway-Key", "gateway-key")


@pytest.mark.parametrize(
    ("headers", "kind", "scopes"),
    [
        ([BEARER], "frontend", {"opportunities:read", "openid"}),
        ([("authorization", "bearer  good ")], "frontend", {"opportunities:read", "openid"}),
        ([MACHINE], "machine", {"opportunities:read"}),
        ([("X-API-Key", "next-key")], "machine", set(SCOPES)),
        ([GATEWAY], "gateway", set(SCOPES)),
        ([GATEWAY, BEARER], "gateway", {"opportunities:read"}),
    ],
)
async def test_each_kind_of_credential_tells_its_caller(
    headers: list[tuple[str, str]], kind: Any, scopes: set[str]
) -> None:
    assert await callers().identify(request(*headers)) == Caller(kind, frozenset(scopes))


WRONG = [
    [],
    [("Authorization", "Bearer bad")],
    [("Authorization", "Bearer")],
    [("Authorization", "")],
    [("Authorization", "good")],
    [("Authorization", "Basic Z29vZDo=")],
    [("X-API-Key", "")],
    [("X-API-Key", "gateway-key")],
    [("X-Gateway-Key", "machine-key")],
    [("X-API-Key", "caf\xe9")],
    [MACHINE, BEARER],
    [MACHINE, GATEWAY],
    [MACHINE, MACHINE],
    [BEARER, BEARER],
    [GATEWAY, ("Authorization", "Bearer bad")],
    [GATEWAY, ("Authorization", "Basic Z29vZDo=")],
]


async def test_every_refusal_is_the_same_whatever_was_wrong() -> None:
    seen = set()
    for headers in WRONG:
        with pytest.raises(HTTPError) as error:
            await callers().identify(request(*headers))
        seen.add((error.value.status, error.value.message, str(error.value.headers), error.value.code))
    assert seen == {
        (
            401,
            "A valid credential is required.",
            "{'WWW-Authenticate': 'Bearer realm=\"opportunity-graph\"'}",
            "UNAUTHENTICATED",
        )
    }


async def test_a_wrong_credential_is_refused_even_where_none_is_needed() -> None:
    nobody = Caller("nobody", frozenset(SCOPES), has_ambient_authority=True)
    assert await callers(nobody).identify(request()) == nobody
    with pytest.raises(HTTPError):
        await callers(nobody).identify(request(("X-API-Key", "wrong")))


async def test_a_credential_of_a_kind_that_is_not_configured_counts_as_none() -> None:
    nobody = Caller("nobody", frozenset(SCOPES))
    assert await Callers(nobody=nobody).identify(request(BEARER, MACHINE, GATEWAY)) == nobody
    with pytest.raises(HTTPError):
        await Callers(nobody=None).identify(request(BEARER))


def errors(answer: Response) -> list[tuple[object, str]]:
    return [(error.get("path"), error["extensions"]["code"]) for error in answer.json.get("errors", [])]


async def test_without_a_credential_nothing_is_answered_and_nothing_is_fetched() -> None:
    async with open_graph(**KEYS) as graph:
        for answer in (
            await graph.post(QUERY),
            await graph.post(QUERY, x_api_key="wrong"),
            await graph.post(QUERY, authorization="Bearer x"),
            await graph.request("GET", "/graphql?query={__typename}"),
            await graph.request("POST", "/graphql", b"\xff" * 300_000),
        ):
            assert answer.status == 401
            assert answer.headers["www-authenticate"].startswith("Bearer")
            assert errors(answer) == [(None, "UNAUTHENTICATED")]
        assert graph.simulator.calls == []
        assert (await graph.request("GET", "/health/live")).status == 200


async def test_keys_old_and_new_are_good_at_once() -> None:
    async with open_graph(**KEYS) as graph:
        old = await graph.post(QUERY, x_api_key="machine-key")
        assert errors(old) == [(["nexudusOpportunity", "notes"], "FORBIDDEN")]
        assert old.json["data"]["nexudusOpportunity"] == {"sourceId": "1427000501", "notes": None}
        new = await graph.post(QUERY, x_api_key="next-key")
        assert errors(new) == []
        assert new.json["data"]["nexudusOpportunity"]["notes"]


@asynccontextmanager
async def issuer(publish: Callable[[web.Request], web.Response]) -> AsyncIterator[dict[str, str]]:
    """Publish a key set over real sockets; give the settings for it."""

    async def keys(incoming: web.Request) -> web.Response:
        return publish(incoming)

    app = web.Application()
    app.router.add_get("/keys", keys)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/keys"
        yield {"JWT_ISSUER": ISSUER, "JWT_AUDIENCE": AUDIENCE, "JWT_JWKS_URL": url}
    finally:
        await runner.cleanup()


async def test_a_frontends_token_is_checked_with_keys_fetched_from_the_issuer() -> None:
    asked = []

    def publish(incoming: web.Request) -> web.Response:
        asked.append(dict(incoming.headers))
        return web.Response(body=key_set("rsa-1", "ec-1"))

    async with issuer(publish) as jwt, open_graph(**jwt) as graph:
        for name in ("rsa-1", "ec-1"):
            answer = await graph.post(QUERY, authorization=f"Bearer {token(name)}")
            assert errors(answer) == [(["nexudusOpportunity", "notes"], "FORBIDDEN")]
        full = await graph.post(QUERY, authorization=f"Bearer {token(scope=' '.join(SCOPES))}")
        assert errors(full) == []
        assert (await graph.post(QUERY, authorization=f"Bearer {token(aud='x')}")).status == 401
    assert len(asked) == 1
    assert "Authorization" not in asked[0]


@pytest.mark.parametrize(
    ("body", "status", "answered"),
    [
        (key_set("ec-1"), 200, 200),
        (b'{"keys": []}', 200, 401),
        (key_set("ec-1", private=True), 200, 401),
        (key_set("ec-1")[:-1] + b" " * 300_000 + b"}", 200, 503),
        (b"<!doctype html><title>Sign in</title>", 200, 503),
        (b"[" * 100_000, 200, 503),
        (b"null", 200, 503),
        (b"", 200, 503),
        (key_set("ec-1"), 302, 503),
        (key_set("ec-1"), 500, 503),
    ],
    ids="good emptied private huge page deep null nothing redirect failed".split(),
)
async def test_whatever_the_issuer_publishes_a_token_is_taken_or_refused(
    body: bytes, status: int, answered: int, caplog: pytest.LogCaptureFixture
) -> None:
    def publish(_: web.Request) -> web.Response:
        return web.Response(body=body, status=status, headers={"Location": "/keys"} if status == 302 else {})

    async with issuer(publish) as jwt, open_graph(**jwt) as graph:
        answer = await graph.post({"query": "{ __typename }"}, authorization=f"Bearer {token('ec-1')}")
    assert answer.status == answered
    assert "Traceback" not in caplog.text


async def test_an_issuer_that_cannot_be_reached_is_503_not_401() -> None:
    jwt = {"JWT_ISSUER": ISSUER, "JWT_AUDIENCE": AUDIENCE, "JWT_JWKS_URL": "http://127.0.0.1:1/keys"}
    async with open_graph(**jwt) as graph:
        answer = await graph.post(QUERY, authorization=f"Bearer {token()}")
        assert answer.status == 503
        assert answer.headers["retry-after"]


async def test_without_credentials_configured_only_this_machine_may_ask(graph: Graph) -> None:
    assert errors(await graph.post(QUERY, host="localhost:8000")) == []
    for host in ("evil.example.com", "127.0.0.1.evil.example.com", "localhost.evil.example.com", "10.0.0.1"):
        answer = await graph.post(QUERY, host=host)
        assert (answer.status, errors(answer)) == (403, [(None, "FORBIDDEN")])
    assert (await graph.post(QUERY, host="[")).status == (403 if graph.port is None else 400)  # that is no `Host`


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("x_forwarded_for", "203.0.113.7"),
        ("x_forwarded_for", "127.0.0.1"),
        ("x_forwarded_host", "graph.example.com"),
        ("x_forwarded_proto", "https"),
        ("x_forwarded_prefix", "/"),
        ("forwarded", "for=203.0.113.7"),
        ("forwarded", "for=127.0.0.1"),
        ("via", "1.1 proxy"),
        ("x_real_ip", "203.0.113.7"),
        ("x_real_ip", ""),
        ("true_client_ip", "203.0.113.7"),
        ("cf_connecting_ip", "203.0.113.7"),
    ],
)
async def test_who_comes_through_a_proxy_on_this_machine_is_not_local(graph: Graph, name: str, value: str) -> None:
    for method, target in (("POST", "/graphql"), ("GET", "/graphql?query={__typename}")):
        body = b'{"query": "{ __typename }"}' if method == "POST" else b""
        headers = {"host": "localhost:8000", "content_type": "application/json", name: value}
        answer = await graph.request(method, target, body, **headers)
        assert (answer.status, errors(answer)) == (403, [(None, "FORBIDDEN")])


async def test_a_caller_with_a_credential_and_one_behind_a_trusted_proxy_may_come_through_a_proxy() -> None:
    for settings, headers in (({"AUTHENTICATION": "proxy"}, {}), (KEYS, {"x_api_key": "machine-key"})):
        async with open_graph(**settings) as graph:
            answer = await graph.post(
                {"query": "{ __typename }"}, x_forwarded_for="203.0.113.7", via="1.1 p", **headers
            )
            assert answer.status == 200


async def test_the_demo_of_an_image_answers_whoever_can_reach_it() -> None:
    """In a container no caller is local: requests come in on the container's own address."""
    for allowed, status in (("true", 200), ("", 403)):
        app = create_app(AllSettings({"ALLOW_REMOTE_DEMO": allowed}, demo=True))
        head = Headers([(b"host", b"demo.example.com:8000"), (b"content-type", b"application/json")])
        request = HttpRequest("POST", head, ("172.17.0.2", 8000), body=b'{"query": "{ __typename }"}')
        assert (await app.state.endpoint.respond(request)).status == status


def test_a_caller_without_a_credential_is_settled_by_the_head_and_no_other_is() -> None:
    nobody = Caller("nobody", frozenset(), has_ambient_authority=True)
    assert callers(nobody).settle(request()) == nobody
    assert callers(nobody).settle(request(BEARER)) is None
    assert callers(nobody).settle(request(MACHINE)) is None
    assert callers(nobody).settle(request(GATEWAY)) is None
    assert callers(None).settle(request()) is None
    assert Callers(nobody=nobody, may_be_nobody=lambda _: False).settle(request()) is None


def test_callers_are_told_apart_by_a_hash_of_what_they_show_and_a_gateway_by_its_user() -> None:
    of = {
        name: callers().credential(request(*headers))
        for name, headers in {
            "machine": [MACHINE],
            "other machine": [("X-API-Key", "next-key")],
            "user": [BEARER],
            "user of a gateway": [GATEWAY, BEARER],
            "gateway": [GATEWAY],
            "nobody": [],
        }.items()
    }
    assert of["user"] == of["user of a gateway"]
    assert len({of["machine"], of["other machine"], of["user"], None}) == 4
    assert (of["gateway"], of["nobody"]) == (None, None)
    assert b"machine-key" not in (of["machine"] or b"")
