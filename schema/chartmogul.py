"""`ChartMogulOpportunity`: an opportunity in ChartMogul's own words."""

from datetime import date
from enum import Enum
from typing import TypeVar

import strawberry

from resolvers import global_id
from resolvers.chartmogul.record import SOURCE, ChartMogulRecord
from schema.access import PERSONAL
from schema.opportunity import (
    Opportunity,
    OpportunityCustomer,
    OpportunityOwner,
    OpportunitySource,
    OpportunityStatus,
    money,
)
from schema.scalars import BigInt, Json

EnumT = TypeVar("EnumT", bound=Enum)


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
    ChartMogulForecastCategory.WON: OpportunityStatus.WON,
    ChartMogulForecastCategory.LOST: OpportunityStatus.LOST,
}


@strawberry.type(description="A custom attribute of a ChartMogul opportunity.")
class ChartMogulCustomAttribute:
    """A key and its value."""

    key: str = strawberry.field(description="The attribute's key.")
    value: Json | None = strawberry.federation.field(
        tags=[PERSONAL], description="The attribute's value: usually a string, a number or a boolean."
    )


@strawberry.federation.type(keys=["id", "sourceId"], description="A ChartMogul CRM opportunity.")
class ChartMogulOpportunity(Opportunity):
    """All 14 documented fields of an opportunity are reachable from here."""

    estimated_close_date: date | None = strawberry.field(description="When the deal is expected to close.")
    amount_in_cents: BigInt | None = strawberry.field(
        description="The expected close value as ChartMogul sends it: in cents, or pence for GBP, and so on."
    )
    type: ChartMogulOpportunityType | None = strawberry.field(
        description="What the amount stands for. "
        "Null if ChartMogul sends a type that this service does not know; `rawType` has it."
    )
    raw_type: str | None = strawberry.field(description="The type as ChartMogul sends it.")
    forecast_category: ChartMogulForecastCategory | None = strawberry.field(
        description="How sure the seller is. "
        "Null if ChartMogul sends a category that this service does not know; `rawForecastCategory` has it."
    )
    raw_forecast_category: str | None = strawberry.field(description="The forecast category as ChartMogul sends it.")
    win_likelihood: int | None = strawberry.field(
        description="Likelihood that the deal closes successfully, in percent, 0 to 100."
    )
    custom: list[ChartMogulCustomAttribute] = strawberry.field(
        description="Custom attributes, in the order ChartMogul sends them."
    )


def from_record(r: ChartMogulRecord) -> ChartMogulOpportunity:
    """Return what clients see of a record."""
    category = _member(ChartMogulForecastCategory, r.forecast_category)
    return ChartMogulOpportunity(
        id=strawberry.ID(global_id.encode(SOURCE, r.uuid.lower())),
        source=OpportunitySource.CHARTMOGUL,
        source_id=strawberry.ID(r.uuid),
        status=_STATUS.get(category, OpportunityStatus.OPEN) if category else None,
        value=money(r.amount, r.currency),
        pipeline_name=r.pipeline,
        stage_name=r.pipeline_stage,
        owner=OpportunityOwner(name=None, email=r.owner) if r.owner else None,
        customer=OpportunityCustomer(
            source_id=strawberry.ID(r.customer_uuid), name=None, company_name=None, email=None
        ),
        created_at=r.created_at,
        updated_at=r.updated_at,
        estimated_close_date=r.estimated_close_date,
        amount_in_cents=None if r.amount_in_cents is None else BigInt(r.amount_in_cents),
        type=_member(ChartMogulOpportunityType, r.type),
        raw_type=r.type,
        forecast_category=category,
        raw_forecast_category=r.forecast_category,
        win_likelihood=r.win_likelihood,
        custom=[ChartMogulCustomAttribute(key=k, value=Json(v)) for k, v in (r.custom or {}).items()],
    )


def _member(enum: type[EnumT], code: str | None) -> EnumT | None:
    """Return the enum's member; None for a code that this service does not know, which must not fail a request."""
    return enum._value2member_map_.get(code)  # type: ignore[return-value] # the map's values are members
