"""`ChartMogulOpportunity`: an opportunity in ChartMogul's own words."""

from datetime import date
from enum import Enum

import strawberry

from engine.mapping import Constant, EnumMapping, ListMapping, ObjectMapping, by_code
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
    currency_code: str | None = strawberry.field(
        description="The currency as ChartMogul sends it, an ISO 4217 code, also where no amount is recorded."
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


def _global_id(r: ChartMogulRecord) -> str:
    return global_id.encode(SOURCE, r.uuid.lower())


OPPORTUNITY = ObjectMapping(
    ChartMogulOpportunity,
    {
        "id": _global_id,
        "source": Constant(OpportunitySource.CHARTMOGUL),
        "source_id": "uuid",
        "status": EnumMapping(_STATUS, "forecast_category"),
        "value": money("amount", "currency"),
        "pipeline_name": "pipeline",
        "stage_name": "pipeline_stage",
        "owner": ObjectMapping(OpportunityOwner, {"name": Constant(None), "email": "owner"}, lambda r: r.owner),
        "customer": ObjectMapping(
            OpportunityCustomer,
            {
                "source_id": "customer_uuid",
                "name": Constant(None),
                "company_name": Constant(None),
                "email": Constant(None),
            },
        ),
        "created_at": "created_at",
        "updated_at": "updated_at",
        "estimated_close_date": "estimated_close_date",
        "amount_in_cents": "amount_in_cents",
        "currency_code": "currency",
        "type": EnumMapping(by_code(ChartMogulOpportunityType), "type"),
        "raw_type": "type",
        "forecast_category": EnumMapping(by_code(ChartMogulForecastCategory), "forecast_category"),
        "raw_forecast_category": "forecast_category",
        "win_likelihood": "win_likelihood",
        "custom": ListMapping(
            ObjectMapping(ChartMogulCustomAttribute, {"key": lambda pair: pair[0], "value": lambda pair: pair[1]}),
            lambda r: (r.custom or {}).items(),
        ),
    },
)
"""What clients see of a record."""
