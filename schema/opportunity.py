"""What every source can say about an opportunity: `Node`, the interface `Opportunity`, and its value types.

The interface uses neutral words; a source's own type adds fields in the vendor's words.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, TypeAlias

import strawberry

from engine.lookup import PageSize
from engine.mapping import ObjectMapping
from schema.access import PERSONAL
from schema.list_size import page_of


@strawberry.enum(description="The system that owns a record.")
class OpportunitySource(Enum):
    """The value is the source's name in `resolvers.registry`."""

    NEXUDUS = strawberry.enum_value("nexudus", description="Nexudus, CrmOpportunity.")
    CHARTMOGUL = strawberry.enum_value("chartmogul", description="ChartMogul CRM, Opportunity.")


@strawberry.enum(description="Outcome of a deal, in the words both sources share.")
class OpportunityStatus(Enum):
    """The three outcomes."""

    OPEN = strawberry.enum_value(
        "open", description="Nexudus `InProgress`; ChartMogul's forecast categories other than `won` and `lost`."
    )
    WON = strawberry.enum_value("won", description="The deal led to a sale.")
    LOST = strawberry.enum_value("lost", description="The deal did not lead to a sale.")


@strawberry.federation.type(shareable=True, description="An amount of money in one currency.")
class Money:
    """An exact amount: null unless both the amount and its currency are recorded."""

    amount: Decimal = strawberry.field(
        description='Amount in the currency\'s major unit, exact, for example `"100.00"`.'
    )
    currency_code: str = strawberry.field(description="ISO 4217 code, for example `USD`.")


@strawberry.type(
    description="The salesperson or admin responsible for a deal. Nexudus knows the name, ChartMogul the email "
    "address; the operator's list of people joins both."
)
class OpportunityOwner:
    """The owner; what a source does not record is null."""

    name: str | None = strawberry.federation.field(
        tags=[PERSONAL], description="The owner's full name; Nexudus tells it, or the operator's list of people."
    )
    email: str | None = strawberry.federation.field(
        tags=[PERSONAL], description="The owner's email address; ChartMogul tells it, or the operator's list of people."
    )


DEALS_OF_CUSTOMER: Final = PageSize(default=5, most=50)
"""Deals of a customer, unless asked otherwise and at most."""

if TYPE_CHECKING:
    from schema.deals.customers import CustomerMatch, CustomerOpportunityConnection
    from schema.deals.filters import OpportunityFilter
    from schema.deals.orders import OpportunityOrder

    _Match: TypeAlias = CustomerMatch
    _Connection: TypeAlias = CustomerOpportunityConnection
    _Filter: TypeAlias = OpportunityFilter
    _Order: TypeAlias = OpportunityOrder
else:  # which are made of this module's types
    _Match = Annotated["CustomerMatch", strawberry.lazy("schema.deals.customers")]
    _Connection = Annotated["CustomerOpportunityConnection", strawberry.lazy("schema.deals.customers")]
    _Filter = Annotated["OpportunityFilter", strawberry.lazy("schema.deals.filters")]
    _Order = Annotated["OpportunityOrder", strawberry.lazy("schema.deals.orders")]


@strawberry.type(
    description="The customer of a deal. ChartMogul's deals have only its id: its names come from the copy that lists "
    "are answered from, or else from another request."
)
class OpportunityCustomer:
    """The customer; what a source does not record is null."""

    source_id: strawberry.ID = strawberry.field(
        description="The customer's id in the same source: Nexudus' `CoworkerId`, ChartMogul's `customer_uuid`."
    )
    name: str | None = strawberry.federation.field(tags=[PERSONAL], description="The customer's full name.")
    company_name: str | None = strawberry.field(description="The customer's company.")
    email: str | None = strawberry.federation.field(tags=[PERSONAL], description="The customer's email address.")
    source: strawberry.Private[str]

    find_opportunities: ClassVar[Callable[..., Awaitable["_Connection"]]]
    """These two are `schema.deals.customers`', which sets them: it is made of this module's types."""
    find_matches: ClassVar[Callable[..., Awaitable[list["_Match"]]]]

    @strawberry.field(
        description="The customer's deals, in both systems; `matchedBy` says how they are found.",
        directives=[page_of(DEALS_OF_CUSTOMER, ["first", "last"])],
    )
    async def opportunities(
        self,
        info: strawberry.Info[Any, None],
        first: Annotated[
            int | None,
            strawberry.argument(
                description="How many from the start: "
                f"1 to {DEALS_OF_CUSTOMER.most}, {DEALS_OF_CUSTOMER.default} unless given."
            ),
        ] = None,
        after: Annotated[str | None, strawberry.argument(description="Those behind this cursor.")] = None,
        last: Annotated[
            int | None,
            strawberry.argument(
                description=f"How many from the end, in place of `first`: 1 to {DEALS_OF_CUSTOMER.most}."
            ),
        ] = None,
        before: Annotated[str | None, strawberry.argument(description="Those before this cursor.")] = None,
        filter: Annotated[_Filter | None, strawberry.argument(description="Which deals.")] = None,
        order_by: Annotated[
            list[_Order] | None,
            strawberry.argument(description="By which fields; the last changed first unless given."),
        ] = None,
        search: Annotated[
            str | None, strawberry.argument(description="Words, as `Query.opportunities` searches for them.")
        ] = None,
    ) -> _Connection | None:
        """Return a page of them."""
        part = {"first": first, "after": after, "last": last, "before": before}
        return await self.find_opportunities(
            info.context, self, **part, filter=filter, order_by=order_by, search=search
        )

    @strawberry.field(description="How `opportunities` are found.")
    async def matched_by(self, info: strawberry.Info[Any, None]) -> list[_Match] | None:
        """Return the ways."""
        return await self.find_matches(info.context, self)


@strawberry.interface(description="An object that can be fetched again with nothing but its `id` (Relay's Node).")
class Node:
    """Relay's Global Object Identification."""

    id: strawberry.ID = strawberry.field(
        description="Globally unique and opaque: store it and pass it back, don't take it apart."
    )


@strawberry.federation.interface(keys=["id"], description="A sales opportunity: what every source can say about one.")
class Opportunity(Node):
    """The interface that each source's type implements with `inherited` (`schema/mapped_type.py`)."""

    source: OpportunitySource = strawberry.field(description="The system that owns the record.")
    source_id: strawberry.ID = strawberry.field(
        description="The record's id in its own system: Nexudus' `Id`, ChartMogul's `uuid`."
    )
    status: OpportunityStatus | None = strawberry.field(
        description="Whether the deal is still open, won or lost; "
        "null if the source reports a status that this service does not know."
    )
    value: Money | None = strawberry.field(
        description="Revenue expected if the deal is won; null if no amount, or no currency, was recorded."
    )
    pipeline_name: str | None = strawberry.field(
        description="Name of the pipeline (ChartMogul) or board (Nexudus) the deal is on."
    )
    stage_name: str | None = strawberry.field(
        description="Name of the stage (ChartMogul) or board column (Nexudus) the deal is in."
    )
    owner: OpportunityOwner | None = strawberry.federation.field(
        tags=[PERSONAL], description="The person responsible for the deal."
    )
    customer: OpportunityCustomer | None = strawberry.field(description="The customer the deal is with.")
    created_at: datetime | None = strawberry.field(description="When the record was created in its source.")
    updated_at: datetime | None = strawberry.field(description="When the record last changed in its source.")

    @strawberry.field(description="When this copy of the record was read from its source.")
    def as_of(self, info: strawberry.Info[Any, None]) -> datetime | None:
        """Return the time of a stored copy, as `Deals.opportunity` notes it, or of one that was fetched."""
        known: datetime | None = vars(self).get("read_at")
        return known or info.context.read_at(self.source.value, self.source_id)

    @strawberry.field(
        description="Where people see the record in its own system; null unless the operator has said what such "
        "addresses are like."
    )
    def url(self, info: strawberry.Info[Any, None]) -> str | None:
        """Return the address."""
        found: str | None = info.context.url_of(self.source.value, self.source_id)
        return found


GlobalId = Annotated[strawberry.ID, strawberry.argument(description="An `id` that this graph gave out.")]
GlobalIds = Annotated[list[strawberry.ID], strawberry.argument(description="At most 100 `id`s.")]


def money(amount: str, currency_code: str, *, recorded: str | None = None) -> ObjectMapping[Money]:
    """Return the mapping of `Money` from two attributes of a record; null unless both are recorded.

    `recorded` is the attribute that the amount is calculated from, if it is: the amount is None where this is.
    """
    source = amount if recorded is None else recorded
    return ObjectMapping(
        Money,
        {"amount": amount, "currency_code": currency_code},
        present=lambda r: getattr(r, currency_code) and getattr(r, source) is not None,
    )
