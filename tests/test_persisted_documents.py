"""Apollo's automatic persisted queries, and lists of documents, through the whole server."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from httpserver.http_errors import HTTPError
from tests.harness import Graph, Response, open_graph
from web.auth.callers import Caller
from web.parameters import GraphQLParams
from web.persisted_documents import PersistedDocuments

QUERY = "query Q { __typename }"
HASH = sha256(QUERY.encode()).hexdigest()
DATA = {"__typename": "Query"}


def apq(hash_: str = HASH, version: Any = 1) -> dict[str, Any]:
    return {"persistedQuery": {"version": version, "sha256Hash": hash_}}


def params(query: str | None, *, hash_: str | None = None, document_id: str | None = None) -> GraphQLParams:
    extensions = None if hash_ is None else apq(hash_)
    return GraphQLParams(query, None, None, extensions, is_get=False, document_id=document_id)


def refused(answer: Response, status: int, code: str) -> str:
    assert answer.status == status
    assert "data" not in answer.json
    (error,) = answer.json["errors"]
    assert error["extensions"]["code"] == code
    return str(error["message"])


async def get(graph: Graph, **parameters: Any) -> Response:
    texts = {name: text if isinstance(text, str) else json.dumps(text) for name, text in parameters.items()}
    return await graph.request("GET", f"/graphql?{urlencode(texts)}", accept="application/json")


async def test_a_hash_alone_that_is_not_known_is_answered_as_apollo_client_expects(graph: Graph) -> None:
    answer = await graph.post({"extensions": apq()}, accept="application/graphql-response+json, application/json")
    assert refused(answer, 200, "PERSISTED_QUERY_NOT_FOUND") == "PersistedQueryNotFound"
    assert "json" in answer.headers["content-type"]


async def test_a_document_sent_once_with_its_hash_is_found_by_its_hash(graph: Graph) -> None:
    assert (await graph.post({"query": QUERY, "extensions": apq()})).json["data"] == DATA
    assert (await graph.post({"extensions": apq()})).json["data"] == DATA


async def test_hashes_work_over_get_as_well(graph: Graph) -> None:
    assert refused(await get(graph, extensions=apq()), 200, "PERSISTED_QUERY_NOT_FOUND")
    assert (await get(graph, query=QUERY, extensions=apq())).json["data"] == DATA
    assert (await get(graph, extensions=apq())).json["data"] == DATA


async def test_a_hash_that_is_not_the_documents_is_refused_and_registers_nothing(graph: Graph) -> None:
    answer = await graph.post({"query": "{ other: __typename }", "extensions": apq()})
    refused(answer, 400, "PERSISTED_QUERY_HASH_MISMATCH")
    refused(await graph.post({"extensions": apq()}), 200, "PERSISTED_QUERY_NOT_FOUND")


async def test_a_document_that_cannot_be_executed_is_not_registered(graph: Graph) -> None:
    query = "{ nonsense }"
    found = apq(sha256(query.encode()).hexdigest())
    assert "errors" in (await graph.post({"query": query, "extensions": found})).json
    refused(await graph.post({"extensions": found}), 200, "PERSISTED_QUERY_NOT_FOUND")


@pytest.mark.parametrize(
    "extension",
    ["x", 1, [], {}, {"version": 2, "sha256Hash": HASH}, {"version": True, "sha256Hash": HASH}]
    + [{"version": 1, "sha256Hash": bad} for bad in (None, 7, "", "x" * 201, ["a"])],
)
async def test_a_malformed_persisted_query_is_bad_input(graph: Graph, extension: Any) -> None:
    refused(await graph.post({"extensions": {"persistedQuery": extension}}), 400, "BAD_USER_INPUT")


async def test_other_extensions_alone_are_no_document(graph: Graph) -> None:
    refused(await graph.post({"extensions": {"clientLibrary": {"name": "x"}}}), 400, "BAD_USER_INPUT")


async def test_with_persisted_documents_off_apollo_client_is_told_to_send_texts() -> None:
    async with open_graph(PERSISTED_QUERIES="off") as graph:
        message = refused(await graph.post({"extensions": apq()}), 200, "PERSISTED_QUERY_NOT_SUPPORTED")
        assert message == "PersistedQueryNotSupported"
        assert (await graph.post({"query": QUERY, "extensions": apq()})).json["data"] == DATA


@pytest.fixture
def manifest(tmp_path: Path) -> str:
    file = tmp_path / "manifest.json"
    operations = [{"id": "q1", "name": "Q", "type": "query", "body": QUERY}]
    file.write_text(json.dumps({"format": "apollo-persisted-query-manifest", "version": 1, "operations": operations}))
    return str(file)


async def test_listed_only_takes_what_is_listed_by_any_of_its_names(manifest: str) -> None:
    async with open_graph(PERSISTED_QUERIES="listed-only", PERSISTED_MANIFEST=manifest) as graph:
        for body in ({"documentId": "q1"}, {"extensions": apq("q1")}, {"query": QUERY}):
            assert (await graph.post(body)).json["data"] == DATA
        assert (await get(graph, documentId="q1")).json["data"] == DATA


async def test_listed_only_refuses_everything_else(manifest: str) -> None:
    async with open_graph(PERSISTED_QUERIES="listed-only", PERSISTED_MANIFEST=manifest) as graph:
        other = "{ other: __typename }"
        bodies: list[dict[str, Any]] = [
            {"query": other},
            {"query": QUERY + " "},
            {"query": other, "extensions": apq("q1")},
            {"query": other, "extensions": apq(sha256(other.encode()).hexdigest())},
            {"query": other, "documentId": "q1"},
            {"documentId": "q2"},
            {"extensions": apq(sha256(other.encode()).hexdigest())},
        ]
        for body in bodies:
            refused(await graph.post(body), 400, "PERSISTED_QUERY_NOT_LISTED")


async def test_automatic_takes_the_manifest_as_well(manifest: str) -> None:
    async with open_graph(PERSISTED_MANIFEST=manifest) as graph:
        assert (await graph.post({"documentId": "q1"})).json["data"] == DATA
        refused(await graph.post({"documentId": "q2"}), 400, "PERSISTED_QUERY_NOT_FOUND")


def test_a_gateway_sends_documents_that_nobody_can_list() -> None:
    documents = PersistedDocuments("listed-only", {"q1": QUERY})
    gateway = GraphQLParams("{ a: __typename }", None, None, None, False, caller=Caller("gateway", frozenset()))
    assert documents.find(gateway) == gateway


@pytest.mark.parametrize("bounds", [{"max_documents": 2}, {"max_bytes": 2 * len("{ a00: __typename }")}])
def test_registered_documents_are_bounded_the_least_recently_used_first_out(bounds: Any) -> None:
    documents = PersistedDocuments(**bounds)
    texts = [f"{{ a{n:02}: __typename }}" for n in range(3)]
    hashes = [sha256(text.encode()).hexdigest() for text in texts]
    for n in (0, 1, 0, 2):
        documents.register(params(texts[n], hash_=hashes[n]))
    assert documents.find(params(None, hash_=hashes[0])).query == texts[0]
    assert documents.find(params(None, hash_=hashes[2])).query == texts[2]
    with pytest.raises(HTTPError):
        documents.find(params(None, hash_=hashes[1]))


def test_a_registered_document_does_not_replace_a_listed_one() -> None:
    documents = PersistedDocuments("automatic", {HASH: "{ listed: __typename }"})
    documents.register(params(QUERY, hash_=HASH))
    assert documents.find(params(None, hash_=HASH)).query == "{ listed: __typename }"


MANIFESTS: dict[str, Any] = {
    "Apollo": {
        "format": "apollo-persisted-query-manifest",
        "version": 1,
        "operations": [{"id": HASH, "name": "Q", "type": "query", "body": QUERY}],
    },
    "Apollo, with a prefix": {
        "format": "apollo-persisted-query-manifest",
        "version": 1,
        "operations": [{"id": f"sha256:{HASH}", "name": "Q", "type": "query", "body": QUERY}],
    },
    "graphql-codegen and Relay": {HASH: QUERY},
    "graphql-codegen and Relay, with a prefix": {f"sha256:{HASH}": QUERY},
    "by name": {"Q": QUERY},
    "upper case": {HASH.upper(): QUERY},
    "upper case, with a prefix": {f"SHA256:{HASH.upper()}": QUERY},
}
SPELLINGS = [HASH, f"sha256:{HASH}", HASH.upper(), f"sha256:{HASH.upper()}", f"SHA256:{HASH}"]


@pytest.mark.parametrize("mode", ["automatic", "listed-only"])
@pytest.mark.parametrize("manifest", MANIFESTS.values(), ids=MANIFESTS)
async def test_a_listed_document_is_found_by_its_hash_however_that_is_spelt(
    manifest: Any, mode: str, tmp_path: Path
) -> None:
    file = tmp_path / "manifest.json"
    file.write_text(json.dumps(manifest))
    async with open_graph(PERSISTED_QUERIES=mode, PERSISTED_MANIFEST=str(file)) as graph:
        for name in SPELLINGS:
            assert (await graph.post({"documentId": name})).json["data"] == DATA
            assert (await graph.post({"extensions": apq(name)})).json["data"] == DATA
            assert (await get(graph, documentId=name)).json["data"] == DATA


@pytest.mark.parametrize("registered_as", SPELLINGS)
async def test_a_registered_document_is_found_by_its_hash_however_that_is_spelt(
    graph: Graph, registered_as: str
) -> None:
    assert (await graph.post({"query": QUERY, "extensions": apq(registered_as)})).json["data"] == DATA
    for name in SPELLINGS:
        assert (await graph.post({"extensions": apq(name)})).json["data"] == DATA
        assert (await graph.post({"documentId": name})).json["data"] == DATA


@pytest.mark.parametrize("prefix", ["", "sha256:", "SHA256:"])
async def test_a_hash_of_another_document_is_refused_however_it_is_spelt(graph: Graph, prefix: str) -> None:
    answer = await graph.post({"query": "{ other: __typename }", "extensions": apq(prefix + HASH)})
    refused(answer, 400, "PERSISTED_QUERY_HASH_MISMATCH")
    refused(await graph.post({"documentId": f"sha256:{HASH}"}), 400, "PERSISTED_QUERY_NOT_FOUND")


@pytest.mark.parametrize("name", ["Q1", "sha256:q1", "sha256:", "md5:q1", HASH[:-1], HASH + "0", f"sha512:{HASH}"])
async def test_a_name_that_is_no_hash_means_what_it_says(name: str) -> None:
    documents = PersistedDocuments("automatic", {"q1": QUERY, HASH: QUERY})
    with pytest.raises(HTTPError):
        documents.find(params(None, document_id=name))
