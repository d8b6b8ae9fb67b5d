"""What the resolvers of one operation share, and the way from an id to what clients see of its record."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from strawberry.types import Info as StrawberryInfo

from resolvers import global_id
from resolvers.chartmogul import CHARTMOGUL
from resolvers.errors import BadUserInput
from resolvers.loaders import Loaders
from resolvers.nexudus import NEXUDUS
from resolvers.operation import Operation
from resolvers.source import Source
from schema import chartmogul, nexudus
from schema.access import Access
from schema.made import Made
from schema.opportunity import Opportunity

LONGEST_LIST = 100
"""Ids in one list argument."""

MADE: dict[str, Made[Any]] = {
    NEXUDUS.name: nexudus.OPPORTUNITY,
    CHARTMOGUL.name: chartmogul.OPPORTUNITY,
}
"""What clients see of a source's records."""


@dataclass(frozen=True, slots=True)
class Context:
    """One operation's loaders, what it may spend upstream, and what its caller may see."""

    loaders: Loaders
    operation: Operation
    access: Access

    async def by_global_id(self, id: str) -> Opportunity | None:
        """Return the opportunity with this global id, None where there is none; raises a `ResolverError`."""
        source, source_id = global_id.decode(id)
        return await self._load(source, source_id)

    async def by_source_id(self, source: Source, source_id: str) -> Any:
        """Return a source's opportunity by the source's own id; the rest is as `by_global_id` has it."""
        return await self._load(source, global_id.canonical_id(source, source_id))

    async def by_global_ids(self, ids: Sequence[str]) -> Any:
        """Return one opportunity, None or exception for each id, in order.

        graphql-core makes an exception in a list a null and an error that is located at its index.
        """
        check_length(ids)
        return await asyncio.gather(*map(self.by_global_id, ids), return_exceptions=True)

    async def _load(self, source: Source, source_id: str) -> Opportunity | None:
        self.access.check_opportunities()
        record = await self.loaders.load(source, source_id)
        return None if record is None else MADE[source.name].of(record)


def check_length(ids: Sequence[str]) -> None:
    """Raise `BadUserInput` for a list of ids that is empty or too long."""
    if not ids:
        raise BadUserInput("Give at least one id.")
    if len(ids) > LONGEST_LIST:
        raise BadUserInput(f"Give at most {LONGEST_LIST} ids, not {len(ids)}.")


Info = StrawberryInfo[Context, None]
