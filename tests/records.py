"""Records full of nulls, of codes that nobody knows and of values that do not fit, and sources that hold them."""

import asyncio
import os
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from functools import cache
from random import Random
from typing import Any

from msgspec.structs import fields as struct_fields

from resolvers import global_id
from resolvers.chartmogul.record import ChartMogulRecord
from resolvers.errors import UpstreamRateLimited, UpstreamTimeout
from resolvers.fetching.record_cache import Entry
from resolvers.fetching.upstream_context import UpstreamContext
from resolvers.loaders import Loaders
from resolvers.nexudus.record import NexudusRecord
from resolvers.reply import Timestamp
from schema.access import SCOPES, Access
from schema.context import Context

EVERYTHING = Access.of(SCOPES, is_gateway=True, is_production=False)
EXAMPLES = int(os.environ.get("COMPILED_EXAMPLES", "40"))

UUID = "4ee13ca4-e7fe-11ee-fa7f-{:012d}"
NUMBERS = range(1, 7)
SOURCE_IDS = {"nexudus": [str(n) for n in NUMBERS], "chartmogul": [UUID.format(n) for n in NUMBERS]}
GLOBAL_IDS = [global_id.encode(source, id_) for source, ids in SOURCE_IDS.items() for id_ in ids]
MALFORMED = ["", "x", "bmV4dWR1czow"]

TEXTS = ["", "a", 'quo"te\n', "£", "7", "Company", "won", "pipeline", "recurring", "one-time", "USD", "unheard-of"]
TIMES = [
    Timestamp.of("2026-02-11T16:42:07.913118Z"),
    Timestamp.of("2026-02-11T16:42:07+02:00"),
]
VALUES: dict[str, Sequence[Any]] = {
    "str": TEXTS,
    "int": [0, 1, 2, 3, 19, 98, 2**31 - 1, 2**31, 2**70, -5],
    "bool": [True, False],
    "Decimal": [Decimal("4800.00000"), Decimal("-0"), Decimal("1E+3")],
    "Timestamp": TIMES,
    "date": [datetime(2026, 3, 31).date()],
    "dict": [{}, {"seats": 3, "list": [1, None]}, {"none": None, "huge": 2**70, "deep": {"a": 0.5}}],
}
MISFITS = [object(), "text", 5, 1.5, True, [1], {"a": 1}]


@cache
def choices(type_: type[Any]) -> list[tuple[str, bool, Sequence[Any]]]:
    """Return each field's name, whether it may be null, and values for it."""
    types = {field.name: str(field.type) for field in struct_fields(type_)}
    kinds = {name: next(v for v in VALUES if v in text) for name, text in types.items()}
    return [(name, "None" in text, VALUES[kinds[name]]) for name, text in types.items()]


def record(type_: type[Any], source_id: str, chance: Random) -> Any:
    """Return a record; a quarter of its values are null, and once in a while one does not fit."""
    attributes: dict[str, Any] = {}
    for name, is_optional, values in choices(type_):
        attributes[name] = None if is_optional and chance.random() < 0.25 else chance.choice(values)
    attributes |= (
        {"id": int(source_id), "status": chance.choice([1, 2, 3, 4])} if type_ is NexudusRecord else {"uuid": source_id}
    )
    if chance.random() < 0.03:
        name = chance.choice([name for name in attributes if name not in ("id", "uuid", "value")])
        attributes[name] = chance.choice([None, *MISFITS])
    return type_(**attributes)


def outcome(source: str, source_id: str, chance: Random) -> Any:
    """Return what becomes of an id."""
    draw = chance.random()
    if draw < 0.1:
        return None
    if draw < 0.2:
        return chance.choice([UpstreamTimeout(source), UpstreamRateLimited(source, retry_after_seconds=3.0)])
    if draw < 0.23:
        return RuntimeError("a fault of ours")
    return record(NexudusRecord if source == "nexudus" else ChartMogulRecord, source_id, chance)


class Scheduler:
    """A source with some of its records at hand, as `resolvers.fetching.scheduler.Scheduler` is to the loaders."""

    def __init__(self, source: str, chance: Random) -> None:
        self.source = source
        self.visits = 0
        self._outcomes = {id_: outcome(source, id_, chance) for id_ in SOURCE_IDS[source]}
        self._at_hand = {id_ for id_, found in self._outcomes.items() if not isinstance(found, Exception)}
        self._at_hand = {id_ for id_ in sorted(self._at_hand) if chance.random() < 0.5}

    def cached(self, source_id: str, _: UpstreamContext) -> Entry | None:
        return Entry(self._outcomes.get(source_id), 0, 0, 0) if source_id in self._at_hand else None

    def accepts(self, _entry: Entry, source_id: str, _operation: UpstreamContext) -> bool:
        return source_id in self._at_hand  # it is young enough

    async def fetch_many(self, ids: Sequence[str], _: UpstreamContext) -> list[Any]:
        self.visits += 1
        await asyncio.sleep(0)
        return [self._outcomes.get(id_) for id_ in ids]


def context(schedulers: dict[str, Scheduler], access: Access = EVERYTHING) -> Context:
    operation = UpstreamContext(5)
    return Context(Loaders(schedulers, operation), operation, access)  # type: ignore[arg-type] # as much as they need
