"""`web.parameters`: what a body or a query string says, and the sentence for each that cannot be read."""

import json
from typing import Any
from urllib.parse import urlencode

import pytest

from httpserver.http_errors import HTTPError
from httpserver.request import Headers, HttpRequest
from web.parameters import ANYONE, GraphQLParams, read_parameters

ALL = {
    "query": "query A { __typename }",
    "operationName": "A",
    "variables": {"id": "1"},
    "extensions": {"x": [1]},
    "documentId": "sha256:1",
}


def read(method: str, content: bytes) -> GraphQLParams:
    request = HttpRequest(method, Headers([]), query_string=content, body=content)
    return read_parameters(request, ANYONE, wants_fresh=False)


def query_string(members: dict[str, Any]) -> bytes:
    return urlencode(
        {name: value if isinstance(value, str) else json.dumps(value) for name, value in members.items()}
    ).encode()


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["", "byte order mark"])
def test_a_body_and_a_query_string_with_the_same_members_ask_the_same(mark: bytes) -> None:
    of_post, of_get = read("POST", mark + json.dumps(ALL).encode()), read("GET", query_string(ALL))
    for params in (of_post, of_get):
        assert (params.query, params.operation_name, params.document_id) == (ALL["query"], "A", "sha256:1")
        assert (params.variables, params.extensions) == (ALL["variables"], ALL["extensions"])
    assert (of_post.is_get, of_get.is_get) == (False, True)


@pytest.mark.parametrize("name", ALL)
def test_a_member_that_is_null_is_one_that_is_missing(name: str) -> None:
    assert read("POST", json.dumps(ALL | {name: None}).encode()) == read(
        "POST", json.dumps({key: value for key, value in ALL.items() if key != name}).encode()
    )


def test_members_that_nobody_knows_are_ignored() -> None:
    assert read("POST", json.dumps(ALL | {"id": 1, "": []}).encode()) == read("POST", json.dumps(ALL).encode())


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"", "The body is not valid JSON."),
        (b"{", "The body is not valid JSON."),
        (b'{"query": NaN}', "The body is not valid JSON."),
        (b'{"query": "\xff"}', "The body is not valid JSON."),
        (b"[" * 100_000, "The body is not valid JSON."),
        (b'[{"query": "{ a }"}]', "Several requests in one body are not supported. Send one JSON object."),
        (b'"{ a }"', "The body must be a JSON object with the member `query`."),
        (b"null", "The body must be a JSON object with the member `query`."),
        (b'{"query": 1}', "`query` must be a string."),
        (b'{"operationName": {}}', "`operationName` must be a string."),
        (b'{"documentId": []}', "`documentId` must be a string."),
        (b'{"variables": "{}"}', "`variables` must be an object."),
        (b'{"extensions": [1]}', "`extensions` must be an object."),
    ],
    ids=lambda value: value[:30] if isinstance(value, bytes) else "",
)
def test_a_body_that_cannot_be_read_gets_status_400_and_a_sentence_that_repeats_nothing(
    body: bytes, sentence: str
) -> None:
    with pytest.raises(HTTPError) as caught:
        read("POST", body)
    assert (caught.value.status, caught.value.message) == (400, sentence)


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("variables", "{", "The parameter `variables` is not valid JSON."),
        ("variables", "[]", "`variables` must be an object."),
        ("extensions", "\ud800", "The parameter `extensions` is not valid JSON."),
        ("extensions", "1", "`extensions` must be an object."),
    ],
)
def test_a_parameter_that_cannot_be_read_gets_status_400_and_a_sentence(name: str, value: str, sentence: str) -> None:
    with pytest.raises(HTTPError) as caught:
        read("GET", urlencode({name: value}, errors="surrogatepass").encode())
    assert (caught.value.status, caught.value.message) == (400, sentence)
