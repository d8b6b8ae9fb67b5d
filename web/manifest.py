"""Lists of persisted documents, as the frontend world writes them.

- Apollo's `persisted-query-manifest.json`: `{"format": "apollo-persisted-query-manifest", "version": 1,
  "operations": [{"id", "name", "type", "body"}]}`
- graphql-codegen's `persisted-documents.json` (client preset, `persistedDocuments`): `{hash: document}`
- Relay's `persistConfig.file`: `{id: document}`

Some write a document's SHA-256 hash as hexadecimal digits, others with `sha256:` before them, as the GraphQL-over-HTTP
specification's appendix on persisted documents has it for `documentId`.
"""

import json
import re
from typing import Any

APOLLO = "apollo-persisted-query-manifest"

SHAPE = "must be a JSON object of documents by name, or Apollo's manifest of version 1"

_HASH = re.compile(r"(?:sha256:)?([0-9a-f]{64})", re.ASCII | re.IGNORECASE)


def document_name(name: str) -> str:
    """Return the one spelling of a name: a SHA-256 hash in lower case without its prefix, any other name as it is."""
    found = _HASH.fullmatch(name)
    return found[1].lower() if found else name


def read_manifest(text: str) -> dict[str, str]:
    """Return the documents by `document_name`; raises `ValueError`, saying what is wrong."""
    try:
        found: Any = json.loads(text)
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
