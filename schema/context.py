"""What the resolvers of one operation share (`engine.context.Context`)."""

from dataclasses import dataclass, field

from strawberry.types import Info as StrawberryInfo

from resolvers.fetching.upstream_context import UpstreamContext
from resolvers.loaders import Loaders
from resolvers.source import Source
from schema.access import Access
from schema.errors import Refused
from schema.opportunity import Opportunity
from schema.sources import MAPPINGS


@dataclass(slots=True)  # not frozen, which would make each one three times as slow to make
class Context:
    """One operation's loaders, what it may spend upstream, and what its caller may see."""

    loaders: Loaders
    operation: UpstreamContext
    access: Access
    refused: list[Refused] = field(default_factory=list)
    """The personal fields that were refused to this caller so far."""

    async def load(self, source: Source, source_id: str) -> Opportunity | None:
        """Return a source's opportunity, None where it has none; the id is canonical. Raises a `ResolverError`."""
        self.access.check_opportunities()
        record = await self.loaders.load(source, source_id)
        return None if record is None else MAPPINGS[source.name].of(record)


Info = StrawberryInfo[Context, None]
