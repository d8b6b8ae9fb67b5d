"""The root fields that fetch records by id: from the value of their argument to the keys of the records it names.

The only module that knows how a value names a record. `schema/query.py` and `schema/federation.py` fetch through it,
and so do compiled queries (`engine/compiled_field.py`).
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

from engine.lookup import Lookup
from resolvers import global_id
from resolvers.errors import BadUserInput
from resolvers.source import Source
from schema.opportunity import Opportunity
from schema.sources import SOURCE_TYPES

LONGEST_LIST = 100
"""Ids in one list argument."""

Key = tuple[Source, str]
"""A source, and the canonical id of one of its records."""


def _check_length(ids: Sequence[str]) -> None:
    if len(ids) > LONGEST_LIST:
        raise BadUserInput(f"Give at most {LONGEST_LIST} ids, not {len(ids)}.")


def _key(id_: str) -> Key:
    try:
        return global_id.decode(id_)
    except BadUserInput:
        for one in SOURCE_TYPES:
            if global_id.is_own_id(one.source, id_):
                raise BadUserInput(f"This looks like a source's own id: use {one.root_field}(sourceId:).") from None
        raise


def _own_key(source: Source, source_id: str) -> Key:
    try:
        return source, global_id.canonical_id(source, source_id)
    except BadUserInput:
        if global_id.is_global_id(source_id):
            raise BadUserInput("This looks like an `id` of this graph: use opportunity(id:).") from None
        raise


_SOURCES: dict[str, Source | None] = {one.type_name: one.source for one in SOURCE_TYPES} | {Opportunity.__name__: None}
"""By the name of an entity's type; an opportunity is one of any source."""


def _represented(representation: Any) -> Key:
    # Values arrive as the router sent them, neither coerced nor checked.
    if not isinstance(representation, dict):
        raise BadUserInput("A representation must be an object with __typename and a key.")
    name = representation.get("__typename")
    if not isinstance(name, str) or name not in _SOURCES:
        raise BadUserInput("A representation's __typename must be the name of an entity of this subgraph.")
    source = _SOURCES[name]
    id_, source_id = representation.get("id"), representation.get("sourceId")
    if isinstance(id_, str):
        key = _key(id_)
        if source is not None and key[0] is not source:
            raise BadUserInput(f"This id is not that of a {name}.")
        return key
    if source is not None and _is_id(source_id):
        return _own_key(source, str(source_id))
    raise BadUserInput("A representation must have a key: `id`, or on a source's own type `sourceId`, as a string.")


def _is_id(value: Any) -> bool:
    """GraphQL's ID accepts strings and whole numbers; to Python a boolean is one too."""
    return isinstance(value, str | int) and not isinstance(value, bool)


BY_ID = Lookup("id", _key)
BY_IDS = Lookup("ids", _key, is_list=True, check=_check_length)
BY_REPRESENTATIONS = Lookup("representations", _represented, is_list=True)

LOOKUPS = {
    "opportunity": BY_ID,
    "opportunitiesById": BY_IDS,
    **{one.root_field: Lookup("sourceId", partial(_own_key, one.source)) for one in SOURCE_TYPES},
    **{
        one.list_field: Lookup("sourceIds", partial(_own_key, one.source), is_list=True, check=_check_length)
        for one in SOURCE_TYPES
    },
    "node": BY_ID,
    "nodes": BY_IDS,
    "_entities": BY_REPRESENTATIONS,
}
"""By the field's name. A root field that is not listed works all the same, without being compiled."""
