"""`ChartMogulOpportunity`: an opportunity in ChartMogul's own words."""

from collections.abc import Callable
from datetime import date
from enum import Enum
from operator import attrgetter, itemgetter
from typing import Any

import strawberry

from engine.fallbacks import NotCompiled, Reason
from engine.mapping import Constant, EnumMapping, ListMapping, ObjectMapping, by_code
from resolvers import global_id
from resolvers.chartmogul.record import SOURCE, ChartMogulRecord
from schema.mapped_type import inherited, mapped, mapped_type, mapping_of
from schema.opportunity import (
    Opportunity,
    OpportunityCustomer,
    OpportunityOwner,
    OpportunitySource,
    OpportunityStatus,
    money,
)
from schema.people import PEOPLE
from schema.scalars import BigInt, Json


@strawberry.enum(description="What the amount of a ChartMogul opportunity stands for. Never add up unlike ones.")
class ChartMogulOpportunityType(Enum):
    """ChartMogul's `type`."""

    RECURRING = strawberry.enum_value("recurring", description="`recurring`: the amount is a monthly one.")
    ARR = strawberry.enum_value("arr", description="`arr`: offered by ChartMogul's own n8n node as annual recurring.")
    ONE_TIME = strawberry.enum_value("one-time", description="`one-time`: the amount is paid once.")


@strawberry.enum(description="How sure the seller is of a ChartMogul opportunity.")
class ChartMogulForecastCategory(Enum):
    """ChartMogul's `forecast_category`."""

    PIPELINE = strawberry.enum_value("pipeline", description="`pipeline`: open.")
    BEST_CASE = strawberry.enum_value("best_case", description="`best_case`: open, could close if all goes well.")
    COMMITTED = strawberry.enum_value("committed", description="`committed`: open, expected to close.")
    LOST = strawberry.enum_value("lost", description="`lost`: closed, lost.")
    WON = strawberry.enum_value("won", description="`won`: closed, won.")


_STATUS = {
    "pipeline": OpportunityStatus.OPEN,
    "best_case": OpportunityStatus.OPEN,
    "committed": OpportunityStatus.OPEN,
    "lost": OpportunityStatus.LOST,
    "won": OpportunityStatus.WON,
}


@mapped_type(description="A custom attribute of a ChartMogul opportunity.")
class ChartMogulCustomAttribute:
    """A key and its value."""

    key: str = mapped(itemgetter(0), description="The attribute's key.")
    value: Json | None = mapped(
        itemgetter(1), description="The attribute's value: usually a string, a number or a boolean.", personal=True
    )


def _global_id(r: ChartMogulRecord) -> str:
    return global_id.encode(SOURCE, r.uuid.lower())


def _of_customer(attribute: str) -> Callable[[ChartMogulRecord], Any]:
    def read(record: ChartMogulRecord) -> Any:
        try:
            customer = record.customer  # type: ignore[attr-defined] # of those that were joined
        except AttributeError:
            raise NotCompiled(Reason.UNJOINED) from None
        return None if customer is None else getattr(customer, attribute) or None  # who has no company has "" there

    return read


@mapped_type(keys=["id", "sourceId"], description="A ChartMogul CRM opportunity.")
class ChartMogulOpportunity(Opportunity):
    """All 14 documented fields of an opportunity are reachable from here."""

    id = inherited(_global_id)
    source = inherited(Constant(OpportunitySource.CHARTMOGUL))
    source_id = inherited("uuid")
    status = inherited(EnumMapping(_STATUS, "forecast_category"))
    value = inherited(money("amount", "currency", recorded="amount_in_cents"))
    pipeline_name = inherited("pipeline")
    stage_name = inherited("pipeline_stage")
    owner = inherited(
        ObjectMapping(
            OpportunityOwner,
            {"name": PEOPLE.name_of("owner", is_name=False), "email": PEOPLE.address_of("owner", is_address=True)},
            present=attrgetter("owner"),
        )
    )
    customer = inherited(
        ObjectMapping(
            OpportunityCustomer,
            {
                "source_id": "customer_uuid",
                "name": _of_customer("name"),
                "company_name": _of_customer("company"),
                "email": _of_customer("email"),
                "source": Constant(SOURCE),
            },
        )
    )
    created_at = inherited("created_at")
    updated_at = inherited("updated_at")

    estimated_close_date: date | None = mapped(
        "estimated_close_date", description="When the deal is expected to close."
    )
    amount_in_cents: BigInt | None = mapped(
        "amount_in_cents",
        description="The expected close value as ChartMogul sends it: in cents, or pence for GBP, and so on.",
    )
    currency_code: str | None = mapped(
        "currency",
        description="The currency as ChartMogul sends it, an ISO 4217 code, also where no amount is recorded.",
    )
    type: ChartMogulOpportunityType | None = mapped(
        EnumMapping(by_code(ChartMogulOpportunityType), "type"),
        description="What the amount stands for. "
        "Null if ChartMogul sends a type that this service does not know; `rawType` has it.",
    )
    raw_type: str | None = mapped("type", description="The type as ChartMogul sends it.")
    forecast_category: ChartMogulForecastCategory | None = mapped(
        EnumMapping(by_code(ChartMogulForecastCategory), "forecast_category"),
        description="How sure the seller is. "
        "Null if ChartMogul sends a category that this service does not know; `rawForecastCategory` has it.",
    )
    raw_forecast_category: str | None = mapped(
        "forecast_category", description="The forecast category as ChartMogul sends it."
    )
    win_likelihood: int | None = mapped(
        "win_likelihood", description="Likelihood that the deal closes successfully, in percent, 0 to 100."
    )
    custom: list[ChartMogulCustomAttribute] = mapped(
        ListMapping(mapping_of(ChartMogulCustomAttribute), lambda r: (r.custom or {}).items()),
        description="Custom attributes, in the order ChartMogul sends them.",
    )
