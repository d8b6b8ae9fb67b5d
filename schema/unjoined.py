"""Customers whose names are in another request, which is made only if a name is selected."""

from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from resolvers.source import CustomerJoin, Record, Source

if TYPE_CHECKING:
    from resolvers.loaders import Loaders


@dataclass(frozen=True, slots=True)
class _Unjoined:
    """Stands for a customer: what is read of it has to be awaited."""

    loaders: "Loaders"
    source: Source
    how: CustomerJoin
    source_id: str
    record: Record

    def __getattr__(self, name: str) -> Any:
        return _Attribute(self, name)

    async def read(self, name: str) -> Any:
        customer = await self.loaders.load_customer(self.source, self.how.id_of(self.record))
        self.loaders.join(self.source, self.source_id, self.record, self.how.join(self.record, customer))
        return None if customer is None else getattr(customer, name)


@dataclass(frozen=True, slots=True)
class _Attribute:
    """Not a coroutine, which would warn if nobody awaits it."""

    customer: _Unjoined
    name: str

    def __await__(self) -> Generator[Any, Any, Any]:
        return self.customer.read(self.name).__await__()


def with_customer(loaders: "Loaders", source: Source, source_id: str, record: Record) -> Record:
    """Return a record whose customer's names, where it does not have them, are fetched when they are awaited."""
    how = source.customer_join
    if how is None or hasattr(record, "customer"):
        return record
    joined: Record = how.join(record, _Unjoined(loaders, source, how, source_id, record))
    return joined
