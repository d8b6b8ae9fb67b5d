"""The root fields that fetch records by id: from the value of their argument to the keys of the records it names."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from resolvers import global_id
from resolvers.chartmogul import CHARTMOGUL
from resolvers.nexudus import NEXUDUS
from resolvers.source import Source
from schema.context import check_length
from schema.federation import key_of

Key = tuple[Source, str]


@dataclass(frozen=True, slots=True)
class Lookup:
    """A field's argument; what makes the key of a value, or of each value in a list. Both raise a `ResolverError`."""

    argument: str
    key: Callable[[Any], Key]
    is_list: bool = False
    check: Callable[[Any], None] | None = None


def _by_source_id(source: Source, source_id: str) -> Key:
    return source, global_id.canonical_id(source, source_id)


LOOKUPS = {
    "opportunity": Lookup("id", global_id.decode),
    "opportunitiesById": Lookup("ids", global_id.decode, is_list=True, check=check_length),
    "nexudusOpportunity": Lookup("sourceId", partial(_by_source_id, NEXUDUS)),
    "chartMogulOpportunity": Lookup("sourceId", partial(_by_source_id, CHARTMOGUL)),
    "node": Lookup("id", global_id.decode),
    "nodes": Lookup("ids", global_id.decode, is_list=True, check=check_length),
    "_entities": Lookup("representations", key_of, is_list=True),
}
"""By the field's name. A root field that is not listed works all the same, without being compiled."""
