"""`opportunitySummary`: counts and sums of deals, always by currency and by what the amount stands for."""

from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeAlias

import strawberry

from schema.context import Context, Info
from schema.deals.filters import OpportunityFilter, check_open
from schema.deals.freshness import FreshnessInput
from schema.deals.listed_enums import enum_of
from schema.deals.listed_fields import LISTED, Kind, ListedField
from schema.deals.relative_dates import time_zone as zone_of
from schema.deals.selection import Selection, select
from schema.deals.service import Deals
from schema.deals.values import code, moment_of
from schema.list_size import OF_ALL_DEALS
from schema.refused_argument import RefusedArgument
from store.summaries import Dimension, SummaryRow, TooManyPeriods, TooManyRows, summarize

MOST_DIMENSIONS: Final = 4
MOST_ROWS: Final = 1_000
MOST_CELLS: Final = 120_000
"""Rows times all fields of the operation: so all its totals together have no more fields in the answer."""

CUSTOMER: Final = ListedField(
    name="customer",
    paths=("customer.company_name", "customer.name"),
    column="customer",
    kind=Kind.TEXT,
    dimension="customer",
    about="The company, without one the person.",
)
"""What totals are grouped by, but lists are not filtered by."""

_FIELDS: Final[dict[str, ListedField]] = {
    dimension: field for field in (*LISTED, CUSTOMER) for dimension in field.dimensions
}

_CODES: Final = {
    Dimension(dimension): frozenset([member.value for member in field.enum])
    for dimension, field in _FIELDS.items()
    if field.enum is not None
}
"""The codes that have a name in the graph; the field of a deal with another is null, and so is it in totals."""

if TYPE_CHECKING:
    SummaryDimension: TypeAlias = Any
else:
    SummaryDimension = enum_of(
        "SummaryDimension", {name.upper(): field for name, field in _FIELDS.items()}, "What totals can be grouped by."
    )

Dimensions = Annotated[
    list[SummaryDimension],
    strawberry.argument(description=f"At most {MOST_DIMENSIONS}; an empty list gives the totals of all."),
]
Zone = Annotated[
    str | None,
    strawberry.argument(
        description="IANA name of the zone whose months and quarters points in time are grouped by; UTC unless given."
    ),
]


@strawberry.type(description="A sum in another currency, at the rates of the operator's table.")
class ConvertedAmounts:
    """Amounts, and the day of their rates."""

    currency: str = strawberry.field(description="ISO 4217 code.")
    amount: Decimal | None = strawberry.field(description="`amount`, rounded half to even to its millionth.")
    weighted_amount: Decimal | None = strawberry.field(
        description="`weightedAmount`, rounded half to even to its millionth."
    )
    rate_date: date = strawberry.field(description="The day of the rates, as the operator's table says.")


@strawberry.type(description="What deals of a group have in common.")
class SummaryKey:
    """A dimension and its value."""

    dimension: SummaryDimension = strawberry.field(description="The dimension.")
    value: str | None = strawberry.field(
        description="Text, the name of an enumeration's value as a filter takes it, a month such as `2026-11`, or "
        "a quarter such as `2026-Q4`; null for deals without one, or with a code that this service does not know."
    )


@strawberry.type(name="SummaryRow", description="Totals of deals with equal keys, one currency and one kind of amount.")
class Totals:
    """A row."""

    deals: strawberry.Private[Deals]
    keys: list[SummaryKey] = strawberry.field(description="What these deals have in common, in the order of `groupBy`.")
    currency: str | None = strawberry.field(description="ISO 4217 code; null for deals without a currency.")
    kind: str | None = strawberry.field(
        description="What the amounts stand for: ChartMogul's `recurring`, `arr`, `one-time`; null where not said."
    )
    count: int = strawberry.field(description="How many deals.")
    amount: Decimal | None = strawberry.field(description="The exact sum; null if no deal has an amount.")
    weighted_amount: Decimal | None = strawberry.field(
        description="The exact sum of amounts times likelihood; null if no deal has both."
    )
    average_amount: Decimal | None = strawberry.field(
        description="The sum divided by how many deals have an amount, rounded half to even to its millionth."
    )
    missing_amount_count: int = strawberry.field(description="Deals that are in no sum, since they have no amount.")
    missing_likelihood_count: int = strawberry.field(
        description="Deals that are in no weighted sum, since their source gives them no likelihood."
    )

    @strawberry.field(
        description="The sums in another currency, if the operator of the server has given a table of rates; null "
        "where it has no rate for `currency`."
    )
    def converted(
        self, to: Annotated[str, strawberry.argument(description="ISO 4217 code; case does not count.")]
    ) -> ConvertedAmounts | None:
        """Return the converted sums."""
        rates = self.deals.exchange_rates
        if rates is None:
            raise RefusedArgument("This server has no table of exchange rates: `converted` is null in all rows.")
        to = code(to)
        if to not in rates.rates:
            raise RefusedArgument(
                f"must be a currency of this server's table of rates: {', '.join(sorted(rates.rates))}.", "to"
            )
        if self.currency is None or self.currency not in rates.rates:
            return None
        return ConvertedAmounts(
            currency=to,
            amount=self.amount and rates.convert(self.amount, self.currency, to),
            weighted_amount=self.weighted_amount and rates.convert(self.weighted_amount, self.currency, to),
            rate_date=rates.date,
        )


@strawberry.type(description="Totals of deals.")
class OpportunitySummary:
    """A summary."""

    selection: strawberry.Private[Selection]
    rows: list[Totals] = strawberry.field(description="In the order of their keys, then by currency and kind.")

    @strawberry.field(
        description="The totals count everything that all their sources had then; null before one of these was read "
        "completely."
    )
    async def as_of(self) -> datetime | None:
        """Return the age of the oldest copy."""
        times = [one.as_of for one in await self.selection.statuses()]
        known = [moment_of(one) for one in times if one is not None]
        return min(known) if known and len(known) == len(times) else None

    @strawberry.field(description="If not, deals may be missing; `sources` says of which source.")
    async def is_complete(self) -> bool | None:
        """Return whether all sources were read completely."""
        return all(one.is_complete for one in await self.selection.statuses())

    @strawberry.field(
        description="Customers, of all sources, whose names were not read yet: totals by customer have their deals "
        "without a name, and filters and search by it miss them. Null where that is not known."
    )
    async def unread_customers(self) -> int | None:
        """Return the sum over the sources."""
        counts = [one.unread_customers for one in await self.selection.statuses()]
        known = [count for count in counts if count is not None]
        return sum(known) if len(known) == len(counts) else None


@strawberry.field(
    description="Counts and sums of deals, exact. Amounts of two currencies, or of two kinds, are never added.",
    directives=[OF_ALL_DEALS],
)
async def opportunity_summary(
    info: Info,
    group_by: Dimensions,
    filter: Annotated[OpportunityFilter | None, strawberry.argument(description="Which deals.")] = None,
    search: Annotated[str | None, strawberry.argument(description="As in `opportunities`.")] = None,
    freshness: Annotated[FreshnessInput | None, strawberry.argument(description="As in `opportunities`.")] = None,
    time_zone: Zone = None,
) -> OpportunitySummary | None:
    """Return the totals."""
    return await find_summary(
        info.context, group_by=group_by, filter=filter, search=search, freshness=freshness, time_zone=time_zone
    )


async def find_summary(
    context: Context, *, group_by: list[Any], time_zone: str | None = None, **asked: Any
) -> OpportunitySummary:
    """Return the totals of what is `asked` for; raises as `summary_of` does."""
    return await summary_of(context, await select(context, **asked), group_by, time_zone)


async def summary_of(
    context: Context, selection: Selection, group_by: list[Any], time_zone: str | None = None
) -> OpportunitySummary:
    """Return the totals of a selection; raises `Forbidden`, `RefusedArgument` or `StoreOutage`."""
    names = [one.value for one in group_by]
    if len(names) > MOST_DIMENSIONS:
        raise RefusedArgument(f"takes at most {MOST_DIMENSIONS} dimensions, not {len(names):,}.", "groupBy")
    for index, one in enumerate(group_by):
        if one.value in names[:index]:
            raise RefusedArgument("repeats a dimension that stands before it: give each once.", "groupBy", index)
        for field in LISTED:
            if not set(field.paths).isdisjoint(_FIELDS[one.value].paths):
                check_open(field.name, context.closed_fields, f"`{one.name}` in `groupBy`")
    dimensions = [Dimension(name) for name in names]
    zone = zone_of("UTC" if time_zone is None else time_zone)
    try:
        rows: list[SummaryRow] = await selection.read(
            lambda connection: summarize(connection, selection.condition, dimensions, zone, MOST_ROWS, _CODES)
        )
    except TooManyPeriods:
        raise RefusedArgument("Deals are of too many years to group all by month: group by less.", "groupBy") from None
    except TooManyRows:
        raise RefusedArgument(f"gives more than {MOST_ROWS:,} rows: group by less, or filter.", "groupBy") from None
    if len(rows) * context.selected_fields > MOST_CELLS:
        raise RefusedArgument(
            "gives too many rows for so many fields: select fewer fields, group by less, or filter.", "groupBy"
        )
    return OpportunitySummary(selection=selection, rows=[_totals(selection.deals, group_by, row) for row in rows])


def _totals(deals: Deals, group_by: list[Any], row: SummaryRow) -> Totals:
    return Totals(
        deals=deals,
        keys=[
            SummaryKey(dimension=one, value=_value(_FIELDS[one.value], key))
            for one, key in zip(group_by, row.keys, strict=True)
        ],
        currency=row.currency,
        kind=row.kind,
        count=row.count,
        amount=row.amount,
        weighted_amount=row.weighted_amount,
        average_amount=row.average_amount,
        missing_amount_count=row.missing_amount_count,
        missing_likelihood_count=row.missing_likelihood_count,
    )


def _value(field: ListedField, key: Any) -> str | None:
    if key is None or field.enum is None:
        return None if key is None else str(key)
    return field.enum(key).name
