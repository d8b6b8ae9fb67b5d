"""Lists of persisted documents, as the frontend world writes them.

- Apollo's `persisted-query-manifest.json`: `{"format": "apollo-persisted-query-manifest", "version": 1,
  "operations": [{"id", "name", "type", "body"}]}`
- graphql-codegen's `persisted-documents.json` (client preset, `persistedDocuments`): `{hash: document}`
- Relay's `persistConfig.file`: `{id: document}`
"""

import json
from typing import Any

APOLLO = "apollo-persisted-query-manifest"

SHAPE = "must be a JSON object of documents by name, or Apollo's manifest of version 1"


def read_manifest(text: str) -> dict[str, str]:
    """Return the documents by name; raises `ValueError`, saying what is wrong."""
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
        if len({str(operation.get("id")) for operation in operations}) < len(operations):
            raise ValueError("has the same id twice")
        found = {operation.get("id"): operation.get("body") for operation in operations}
    documents: dict[str, str] = {}
    for name, body in found.items():
        if not (isinstance(name, str) and name and isinstance(body, str) and body):
            raise ValueError(SHAPE)
        documents[name] = body
    if not documents:
        raise ValueError("lists no document")
    return documents
