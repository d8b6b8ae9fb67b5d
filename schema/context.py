"""What the resolvers of one operation share (`engine.context.Context`)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from strawberry.types import Info as StrawberryInfo

from resolvers.fetching.upstream_context import UpstreamContext
from resolvers.loaders import Loaders
from resolvers.source import Source
from resolvers.source_settings import ID_IN_URL
from schema.access import Access
from schema.deals.service import Deals, NoStore, ReadTurns
from schema.deals.validity import Dependence, Validator
from schema.errors import Refused
from schema.opportunity import Opportunity
from schema.sources import MAPPINGS
from schema.unjoined import with_customer

if TYPE_CHECKING:
    from schema.deals.customers import CustomerDeals


@dataclass(slots=True)  # not frozen, which would make each one three times as slow to make
class Context:
    """One operation's loaders, what it may spend upstream, and what its caller may see."""

    loaders: Loaders
    operation: UpstreamContext
    access: Access
    refused: list[Refused] = field(default_factory=list)
    """The personal fields that were refused to this caller so far."""
    selected_fields: int = 0
    """How many the operation selects, as the engine has counted."""
    deals: Deals | None = None
    """The deals of the store."""
    customer_deals: "CustomerDeals | None" = None
    """What the operation asks of customers' deals."""
    record_urls: Mapping[str, str] = field(default_factory=dict)
    """Patterns of the addresses at which people see records, by the source's name."""
    dependence: Dependence = field(default_factory=Dependence)
    """What the answer depends on beside records that were fetched."""
    event: Any = None
    """The event that a subscription's operation is executed for, or the error in its place."""
    _turns: ReadTurns | None = field(default=None, init=False)

    async def load(self, source: Source, source_id: str) -> Opportunity | None:
        """Return a source's opportunity, None where it has none; the id is canonical. Raises a `ResolverError`."""
        self.access.check_opportunities()
        record: Any = await self.loaders.load(source, source_id)
        if record is None:
            return None
        return MAPPINGS[source.name].of(with_customer(self.loaders, source, source_id, record))

    def read_at(self, source: str, source_id: str) -> datetime | None:
        """Return when a record that was fetched by id was read from its source; None where nobody has a clock."""
        if self.deals is None:
            return None
        stale = (s.age_seconds for s in self.operation.stale if (s.source, s.source_id) == (source, source_id))
        age = next(stale, None)
        if age is None:
            age = self.loaders.age_seconds(source, source_id)
        return (self.deals.now() - timedelta(seconds=age)).replace(microsecond=0)

    def url_of(self, source: str, source_id: str) -> str | None:
        """Return where people see a record in its source's own program, if the operator has said so."""
        pattern = self.record_urls.get(source)
        return pattern.replace(ID_IN_URL, quote(source_id, safe="")) if pattern else None

    @property
    def turns(self) -> ReadTurns:
        """What the operation's reads of the store wait for, so that those of others come between them."""
        if self._turns is None:  # most operations need none
            self._turns = ReadTurns(self.operation.deadline)
        return self._turns

    def lists(self) -> Deals:
        """Return the deals of the store; raises `Forbidden`, or `NoStore` where there is no store."""
        self.access.check_opportunities()
        if self.deals is None:
            raise NoStore
        self.dependence.note(self.deals.database, self.deals.exchange_rates)
        return self.deals

    def validator(self) -> Validator | None:
        """Return what tells whether the answer would be the same now; None if nothing can."""
        return self.dependence.validator(self.loaders.validator)

    @property
    def closed_fields(self) -> frozenset[str]:
        """The listed fields that the caller may not list by."""
        return self.deals.closed_fields if self.deals and self.access.is_restricted else frozenset()


Info = StrawberryInfo[Context, None]
