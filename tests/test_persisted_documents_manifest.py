"""`web.persisted_documents`: the formats in which lists of documents are written."""

import json
from typing import Any

import pytest

from web.persisted_documents import APOLLO, read_manifest

DOCUMENTS = {"a1": "query A { __typename }", "b2": "query B { __typename }"}


def apollo(**changes: Any) -> dict[str, Any]:
    operations = [{"id": id_, "name": "N", "type": "query", "body": body} for id_, body in DOCUMENTS.items()]
    return {"format": APOLLO, "version": 1, "operations": operations} | changes


@pytest.mark.parametrize("written", [apollo(), DOCUMENTS], ids=["apollo", "graphql-codegen and relay"])
def test_the_formats_of_the_frontend_world_are_read(written: Any) -> None:
    assert read_manifest(json.dumps(written)) == DOCUMENTS


@pytest.mark.parametrize(
    "text",
    ["", "[]", "null", '"x"', "{", "{}", '{"a": 1}', '{"": "x"}', '{"a": ""}', '{"a": {"b": "c"}}', "[" * 100_000]
    + [json.dumps(apollo(**c)) for c in ({"version": 2}, {"operations": {}}, {"operations": [1]}, {"operations": []})]
    + [json.dumps(apollo(operations=[{"id": "x"}])), json.dumps(apollo(operations=[{"id": "x", "body": "y"}] * 2))],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"must be a JSON object|lists no document|the same id twice"):
        read_manifest(text)


def test_a_name_that_is_given_twice_is_the_same_id_twice() -> None:
    with pytest.raises(ValueError, match="the same id twice"):
        read_manifest('{"a": "query A { __typename }", "a": "query B { __typename }"}')


HASH = "AB" * 32


@pytest.mark.parametrize("other", [HASH, f"sha256:{HASH}", f"sha256:{HASH.lower()}"])
def test_two_spellings_of_one_hash_are_the_same_id(other: str) -> None:
    documents = {HASH.lower(): "query A { __typename }", other: "query B { __typename }"}
    with pytest.raises(ValueError, match="the same id twice"):
        read_manifest(json.dumps(documents))


def test_names_that_are_no_hashes_keep_their_letter_case() -> None:
    documents = {"Q": "query A { __typename }", "q": "query B { __typename }", "sha256:Q": "query C { __typename }"}
    assert read_manifest(json.dumps(documents)) == documents
