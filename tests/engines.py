"""An engine over records made up (`tests/records.py`), without a server around it."""

from random import Random
from typing import Any

import orjson

from engine.answer import Answer
from engine.engine import Engine
from httpserver.response import dumps as as_json
from schema.access import SCOPES, Access
from tests.records import GLOBAL_IDS, SOURCE_IDS, Scheduler, context

EVERYTHING = Access.of(SCOPES, is_gateway=False, is_production=False)


async def body(engine: Engine, query: str, seed: int, access: Access, *, name: str | None = None) -> dict[str, Any]:
    """Return the answer."""
    document = engine.read(query)
    if isinstance(document, Answer):
        return document.body()
    schedulers = {source: Scheduler(source, Random(f"{seed} {source}")) for source in SOURCE_IDS}
    found = await engine.answer(document, {"yes": True, "i": GLOBAL_IDS[0]}, name, context(schedulers, access))
    answer: dict[str, Any] = orjson.loads(as_json(found.body()))
    if "errors" in answer:  # fields are executed side by side: which fails first is a matter of luck
        answer["errors"].sort(key=lambda error: (str(error.get("path")), str(error)))
    return answer
