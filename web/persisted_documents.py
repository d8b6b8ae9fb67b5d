"""Persisted documents: a client sends the name of a document in place of its text.

Two ways lead to a text. A manifest, made when a frontend is built, lists all documents that it will ever send. And
Apollo's automatic persisted queries (APQ): a client sends the SHA-256 hash alone, is told that it is not known, and
sends hash and text once. Three modes: `off`; `automatic`, which takes both and any other document; `listed-only`,
which takes the manifest's documents and nothing else, but for gateways, whose documents nobody can list.

Manifests are read as the frontend world writes them:

- Apollo's `persisted-query-manifest.json`: `{"format": "apollo-persisted-query-manifest", "version": 1,
  "operations": [{"id", "name", "type", "body"}]}`
- graphql-codegen's `persisted-documents.json` (client preset, `persistedDocuments`): `{hash: document}`
- Relay's `persistConfig.file`: `{id: document}`

A document of a manifest is found by its SHA-256 hash, too, whatever its name there is. Some write the hash as
hexadecimal digits, others with `sha256:` before them, as the GraphQL-over-HTTP specification's appendix on persisted
documents has it for `documentId`.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from typing import Any, Literal

from httpserver.http_errors import HTTPError
from json_names import DoubledName, check_names
from lru import LRU
from web.parameters import GraphQLParams

Mode = Literal["off", "automatic", "listed-only"]

NOT_FOUND = "PERSISTED_QUERY_NOT_FOUND"
NOT_SUPPORTED = "PERSISTED_QUERY_NOT_SUPPORTED"
NOT_LISTED = "PERSISTED_QUERY_NOT_LISTED"
HASH_MISMATCH = "PERSISTED_QUERY_HASH_MISMATCH"

LONGEST_NAME = 200

APOLLO = "apollo-persisted-query-manifest"

SHAPE = "must be a JSON object of documents by name, or Apollo's manifest of version 1"

_HASH = re.compile(r"(?:sha256:)?([0-9a-f]{64})", re.ASCII | re.IGNORECASE)


class PersistedDocuments:
    """The documents that may be named, shared by all requests. `listed` is what `read_manifest` returns.

    What clients register is bounded, least recently used first out: strangers must not be able to fill the memory.
    """

    def __init__(
        self,
        mode: Mode = "automatic",
        listed: Mapping[str, str] | None = None,
        *,
        max_documents: int = 1_000,
        max_bytes: int = 2_000_000,
    ) -> None:
        self._mode = mode
        self.are_listed = mode == "listed-only"
        """Whether also a document that comes as a text alone has to be allowed by `find`."""
        self._listed_texts = frozenset((listed or {}).values())
        # Whatever a manifest calls a document, its hash finds it, too.
        self._listed = {_hash_of(text): text for text in self._listed_texts} | dict(listed or {})
        self._registered: LRU[str, str] = LRU(
            max_entries=max_documents, max_size=max_bytes, size_of=lambda _, text: len(text)
        )

    def find(self, params: GraphQLParams) -> GraphQLParams:
        """Return the parameters with the document's text; raises `HTTPError` where it is not known or not allowed."""
        name = _hash(params)
        if params.query is None:
            return replace(params, query=self._text(params, name))
        if self._mode == "automatic" and name is not None and not self._is_of(name, params.query):
            raise HTTPError(400, "The hash is not that of the document.", code=HASH_MISMATCH)
        allowed = not self.are_listed or params.caller.kind == "gateway" or params.query in self._listed_texts
        if not allowed:
            raise _not_listed()
        return params

    def register(self, params: GraphQLParams) -> None:
        """Remember a document that came with its hash. Only for one that could be executed."""
        name = _hash(params) if params.extensions else None
        if self._mode != "automatic" or name is None or params.query is None or name in self._listed:
            return
        if self._registered.get(name) is None:
            self._registered.put(name, params.query)

    def _text(self, params: GraphQLParams, name: str | None) -> str:
        wanted = document_name(params.document_id) if params.document_id else name
        if wanted is None:
            raise HTTPError(400, "`query` is missing: a GraphQL document, as a string.")
        if self._mode == "off":
            # Apollo Client knows this answer, and sends texts from then on.
            raise HTTPError(200, "PersistedQueryNotSupported", code=NOT_SUPPORTED)
        text = self._listed.get(wanted)
        if text is None and self._mode == "automatic":
            text = self._registered.get(wanted)
        if text is not None:
            return text
        if self.are_listed:
            raise _not_listed()
        # The protocol's answer to a hash; a name that only a manifest gives will not be followed by a text.
        raise HTTPError(200 if params.document_id is None else 400, "PersistedQueryNotFound", code=NOT_FOUND)

    def _is_of(self, name: str, text: str) -> bool:
        return self._listed.get(name) == text or _hash_of(text) == name


def _not_listed() -> HTTPError:
    return HTTPError(400, "This server executes only documents on its list.", code=NOT_LISTED)


def _hash_of(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _hash(params: GraphQLParams) -> str | None:
    """Return Apollo's `extensions.persistedQuery.sha256Hash`, if any; with a manifest it may be any name."""
    given: Any = (params.extensions or {}).get("persistedQuery")
    if given is None:
        return None
    name = given.get("sha256Hash") if isinstance(given, dict) else None
    version = given.get("version") if isinstance(given, dict) else None
    if not isinstance(name, str) or not 0 < len(name) <= LONGEST_NAME or version != 1 or isinstance(version, bool):
        raise HTTPError(400, "`persistedQuery` must have `version` 1 and a `sha256Hash`.")
    return document_name(name)


def document_name(name: str) -> str:
    """Return the one spelling of a name: a SHA-256 hash in lower case without its prefix, any other name as it is."""
    found = _HASH.fullmatch(name)
    return found[1].lower() if found else name


def read_manifest(text: str) -> dict[str, str]:
    """Return the documents by `document_name`; raises `ValueError`, saying what is wrong."""
    try:
        found: Any = json.loads(text)
        check_names(text.encode())
    except DoubledName:
        raise ValueError("has the same id twice") from None
    except (ValueError, RecursionError):
        raise ValueError(SHAPE) from None
    if not isinstance(found, dict):
        raise ValueError(SHAPE)
    if found.get("format") == APOLLO:
        operations = found.get("operations")
        if found.get("version") != 1 or not isinstance(operations, list):
            raise ValueError(SHAPE)
        if not all(isinstance(operation, dict) for operation in operations):
            raise ValueError(SHAPE)
        given = [(operation.get("id"), operation.get("body")) for operation in operations]
    else:
        given = list(found.items())
    documents: dict[str, str] = {}
    for name, body in given:
        if not (isinstance(name, str) and name and isinstance(body, str) and body):
            raise ValueError(SHAPE)
        if document_name(name) in documents:
            raise ValueError("has the same id twice")
        documents[document_name(name)] = body
    if not documents:
        raise ValueError("lists no document")
    return documents
