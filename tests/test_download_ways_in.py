"""`web.download` in the application: who gets which file of deals, on every way in."""

import asyncio
import csv
import io
import json
import logging
import re
import shlex
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from schema.deals.freshness import StoreStale
from store.database import Database, open_database
from store.deals import upsert
from store.errors import StoreUnavailable
from tests.canaries import EMAIL, NOTES, VARIABLE, planted
from tests.credentials import SCOPES, line
from tests.deal_lists import deals_of, simulated
from tests.harness import Response, open_graph

CSV, NDJSON = "/export/opportunities.csv", "/export/opportunities.ndjson"
LISTS = Path(__file__).parent.parent / "docs" / "lists.md"
SITE = "https://app.example.com"
KEYS = {
    "API_KEYS": "\n".join(
        [line("all", "k" * 20, " ".join(SCOPES)), line("some", "s" * 20), line("no", "n" * 20, SCOPES[1])]
    )
}
ALL, SOME, NO = ({"x_api_key": letter * 20} for letter in "ksn")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The file of a store that holds what the simulators have."""
    path = str(tmp_path_factory.mktemp("store") / "deals.db")

    async def fill() -> None:
        async with open_database(path, threads=0) as database:
            deals = deals_of({source: some[:30] for source, some in simulated().items()})
            await database.write(lambda connection: upsert(connection, deals))

    asyncio.run(fill())
    return path


def url(path: str = NDJSON, **given: Any) -> str:
    """Return an address with parameters; what is no text becomes JSON."""
    return f"{path}?{urlencode({name: v if isinstance(v, str) else json.dumps(v) for name, v in given.items()})}"


def code(answer: Response) -> str:
    (error,) = answer.json["errors"]
    return str(error["extensions"]["code"])


async def test_both_formats_have_the_same_rows(store: str) -> None:
    async with open_graph(STORE_URL=store) as graph:
        as_csv, as_json = await graph.request("GET", CSV), await graph.request("GET", NDJSON)
    assert as_csv.body.startswith(b"\xef\xbb\xbfid,source,")
    read = list(csv.DictReader(io.StringIO(as_csv.body.decode("utf-8-sig"), newline="")))
    rows = [json.loads(text) for text in as_json.body.splitlines()]
    assert len(rows) == 60
    assert [[one.replace("'", "") for one in row.values()] for row in read] == [
        ["" if one is None else str(one).replace("'", "") for one in row.values()] for row in rows
    ]
    for answer in (as_csv, as_json):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "private, no-store"
        assert answer.headers["opportunity-sources"].startswith('"nexudus";complete=?0, "chartmogul";complete=?0')
        assert "x-request-id" in answer.headers
    assert as_csv.headers["content-type"] == "text/csv; charset=utf-8; header=present"
    assert as_csv.headers["content-disposition"].endswith('.csv"')


async def test_a_part_of_the_list_is_asked_for_as_in_the_graph(store: str) -> None:
    wanted = {"filter": {"status": {"eq": "OPEN"}}, "orderBy": [{"field": "VALUE", "direction": "DESC"}]}
    query = """query($filter: OpportunityFilter, $orderBy: [OpportunityOrder!]) {
      opportunities(first: 100, filter: $filter, orderBy: $orderBy) { nodes { id } } }"""
    async with open_graph(STORE_URL=store) as graph:
        answer = await graph.request("GET", url(columns="id", **wanted))
        listed = await graph.ask(query, wanted)
    assert [json.loads(text) for text in answer.body.splitlines()] == listed["data"]["opportunities"]["nodes"] != []


async def test_each_caller_gets_what_it_may_see(store: str) -> None:
    personal = {"owner.email", "owner.name", "customer.name", "customer.email", "name"}
    async with open_graph(STORE_URL=store, **KEYS) as graph:
        stranger = await graph.request("GET", NDJSON)
        assert (stranger.status, code(stranger)) == (401, "UNAUTHENTICATED")
        for caller, missing in (ALL, set()), (SOME, personal):
            answer = await graph.request("GET", NDJSON, **caller)
            assert personal - json.loads(answer.body.splitlines()[0]).keys() == missing
        for refused in (
            await graph.request("GET", url(columns="id,customer.email"), **SOME),
            await graph.request("GET", url(filter={"customerEmail": {"contains": "@"}}), **SOME),
            await graph.request("GET", url(orderBy={"field": "OWNER"}), **SOME),
            await graph.request("HEAD", url(columns="owner.name"), **SOME),
            await graph.request("GET", NDJSON, **NO),
        ):
            assert refused.status == 403
            assert refused.body == b"" or code(refused) == "FORBIDDEN"
        named = await graph.request("GET", url(columns="id,customer.email"), **SOME)
        assert "`customer.email`" in named.json["errors"][0]["message"]


COMMANDS = re.findall(r"^curl (?:.*\\\n)*.*$", LISTS.read_text("utf-8"), re.MULTILINE)


@pytest.mark.parametrize("command", COMMANDS)
async def test_the_commands_of_the_documentation_are_answered(store: str, command: str) -> None:
    words = shlex.split(command.replace("\\\n", " "))
    (address,) = [word for word in words if "://" in word]
    pairs = [words[at + 1].partition("=") for at, word in enumerate(words) if word == "--data-urlencode"]
    async with open_graph(STORE_URL=store) as graph:
        answer = await graph.request("GET", url(urlsplit(address).path, **{name: text for name, _, text in pairs}))
    assert answer.status == 200
    assert len(answer.body.splitlines()) > 2


async def test_head_says_what_get_would(store: str) -> None:
    async with open_graph(STORE_URL=store) as graph:
        head, get = await graph.request("HEAD", CSV), await graph.request("GET", CSV)
    assert (head.status, head.body) == (200, b"")
    same = ("content-type", "content-disposition", "opportunity-sources", "cache-control")
    assert [head.headers[name] for name in same] == [get.headers[name] for name in same]


@pytest.mark.parametrize(
    ("method", "target", "headers", "status"),
    [
        ("POST", CSV, {}, 405),
        ("DELETE", CSV, {}, 405),
        ("GET", CSV, {"accept": "application/json"}, 406),
        ("GET", NDJSON, {"accept": "text/csv"}, 406),
        ("GET", CSV, {"accept": "text/csv;q=x"}, 400),
        ("GET", url(CSV, fitler={}), {}, 400),
        ("GET", url(CSV, filter={"status": VARIABLE}), {}, 400),
        ("GET", url(CSV, columns=VARIABLE), {}, 400),
        ("GET", "/export/opportunities", {}, 404),
        ("GET", CSV + "/", {}, 404),
        ("GET", CSV, {"sec_fetch_site": "cross-site"}, 403),
        ("GET", CSV, {"host": "rebound.example.com"}, 403),
    ],
)
async def test_what_cannot_be_answered_is_refused_in_json(
    store: str, method: str, target: str, headers: dict[str, str], status: int
) -> None:
    async with open_graph(STORE_URL=store) as graph:
        answer = await graph.request(method, target, **headers)
    assert answer.status == status
    assert answer.headers["content-type"].startswith("application/json")
    assert code(answer) == ("FORBIDDEN" if status == 403 else "BAD_USER_INPUT")
    assert VARIABLE not in answer.body.decode()
    assert answer.headers.get("allow") == ("GET, HEAD" if status == 405 else None)


@pytest.mark.parametrize("ending", [".xlsx", ".json", ".tsv", "", ".csv/"])
async def test_where_no_file_is_the_files_that_are_there_are_named(store: str, ending: str) -> None:
    target = f"/export/opportunities{ending}"
    async with open_graph(STORE_URL=store) as graph:
        answer, other = await graph.request("GET", target), await graph.request("GET", "/exported")
    async with open_graph(STORE_URL=store, EXPORTS="false") as graph:
        without = await graph.request("GET", target)
    assert (answer.status, code(answer)) == (404, "BAD_USER_INPUT")
    assert answer.json["errors"][0]["message"] == f"There is no such file; a list of deals is {CSV} or {NDJSON}."
    assert without.status == 404
    assert without.json == other.json


async def test_behind_a_proxy_a_get_needs_a_header_that_only_a_preflight_allows(store: str) -> None:
    async with open_graph(STORE_URL=store, AUTHENTICATION="proxy") as graph:
        assert (await graph.request("GET", CSV)).status == 403
        assert (await graph.request("GET", CSV, apollo_require_preflight="true")).status == 200


async def test_a_listed_page_may_read_a_file_and_how_current_it_is(store: str) -> None:
    async with open_graph(STORE_URL=store, CORS_ORIGINS=SITE) as graph:
        answer = await graph.request("GET", CSV, origin=SITE)
    assert answer.headers["access-control-allow-origin"] == SITE
    exposed = answer.headers["access-control-expose-headers"].split(", ")
    assert {"Content-Disposition", "Opportunity-Sources"} <= set(exposed)


async def test_callers_bound_to_listed_documents_get_no_files_unless_that_is_meant(store: str, tmp_path: Path) -> None:
    manifest = tmp_path / "manifest.json"
    manifest.write_text('{"a": "{ __typename }"}')
    listed = {"STORE_URL": store, "PERSISTED_QUERIES": "listed-only", "PERSISTED_MANIFEST": str(manifest)}
    for more, status in ({}, 404), ({"EXPORTS": "true"}, 200):
        async with open_graph(**listed, **more) as graph:
            assert (await graph.request("GET", CSV)).status == status
    async with open_graph(STORE_URL=store, EXPORTS="false") as graph:
        assert (await graph.request("GET", CSV)).status == 404


async def test_without_a_store_it_is_unavailable(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_graph() as graph:
        answer = await graph.request("GET", CSV)
        assert (answer.status, code(answer)) == (503, "STORE_UNAVAILABLE")

    async def fail(*_: Any) -> None:
        raise StoreUnavailable(NOTES)

    async with open_graph(STORE_URL=store) as graph:
        with monkeypatch.context() as patch:
            patch.setattr(Database, "read", fail)
            answer = await graph.request("GET", CSV)
    assert (answer.status, code(answer)) == (503, "STORE_UNAVAILABLE")
    assert NOTES not in answer.body.decode()


async def test_a_caller_may_insist_on_a_fresh_copy(store: str) -> None:
    async with open_graph(STORE_URL=store) as graph:
        answer = await graph.request("GET", url(freshness={"maxAgeSeconds": 60, "onStale": "ERROR"}))
    assert (answer.status, code(answer)) == (503, "STORE_STALE")


async def test_who_is_too_early_learns_when_to_ask_again(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(*_: Any) -> None:
        raise StoreStale("It is old.", retry_after_seconds=15.2)

    monkeypatch.setattr("schema.deals.selection.check_freshness", refuse)
    async with open_graph(STORE_URL=store) as graph:
        answer = await graph.request("GET", url(freshness={"maxAgeSeconds": 1, "onStale": "WAIT"}))
    assert answer.headers["retry-after"] == "16"
    assert answer.json["errors"][0]["extensions"] == {
        "code": "STORE_STALE",
        "retryable": True,
        "retryAfterSeconds": 16,
    }


async def test_no_source_is_asked_and_the_log_tells_nothing(store: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with open_graph(planted(), STORE_URL=store, **KEYS) as graph:
        graph.forget()
        for caller in (ALL, SOME, NO, {}):
            for given in ({}, {"filter": {"customerEmail": {"eq": EMAIL}}}, {"search": VARIABLE}, {"columns": NOTES}):
                answer = await graph.request("GET", url(**given), **caller)
                for canary in (EMAIL, VARIABLE, NOTES):
                    assert canary not in answer.body.decode()
        assert graph.simulator.calls == []
    for canary in (EMAIL, VARIABLE, NOTES, "k" * 20):
        assert canary not in caplog.text
