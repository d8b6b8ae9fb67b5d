"""Sums of deals by what they have in common: exact, never across currencies or kinds of amounts, a null never 0."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, tzinfo
from decimal import Decimal
from enum import Enum
from operator import add
from typing import Any, Final, TypeAlias

from sqlalchemy import Connection

from store.conditions import Condition
from store.periods import Periods
from store.periods import TooManyPeriods as TooManyPeriods
from store.summary_reads import CUSTOMER, totals
from store.summary_totals import Grouping, Totals
from store.summary_totals import TooManyRows as TooManyRows

Key: TypeAlias = str | int | None
"""What the deals of a row have in common: a name, a code, or a month as `2026-11`, or a quarter as `2026-Q4`."""


class Dimension(Enum):
    """What deals are grouped by."""

    SOURCE = "source"
    STATUS = "status"
    PIPELINE = "pipeline"
    STAGE = "stage"
    OWNER = "owner"
    CURRENCY = "currency"
    KIND = "kind"
    LEAD_SOURCE = "lead_source"
    LOSS_REASON = "loss_reason"
    CAMPAIGN = "campaign"
    BUSINESS = "business"
    CUSTOMER = "customer"
    OPPORTUNITY_TYPE = "opportunity_type"
    FORECAST_CATEGORY = "forecast_category"
    CLOSE_MONTH = "close_month"
    CLOSE_QUARTER = "close_quarter"
    CREATED_MONTH = "created_month"
    CREATED_QUARTER = "created_quarter"
    UPDATED_MONTH = "updated_month"
    UPDATED_QUARTER = "updated_quarter"
    WON_MONTH = "won_month"
    WON_QUARTER = "won_quarter"
    LOST_MONTH = "lost_month"
    LOST_QUARTER = "lost_quarter"


Codes: TypeAlias = Mapping[Dimension, Container[Key]]
"""The keys that a dimension may have."""

NO_CODES: Final[Codes] = {}


@dataclass(slots=True)
class SummaryRow:
    """The deals with the same keys, and the same currency and kind of amount."""

    keys: tuple[Key, ...]  # one for each dimension
    currency: str | None
    kind: str | None
    count: int
    amount: Decimal | None  # of those that have one; None if none has
    weighted_amount: Decimal | None  # amount x likelihood / 100, of those that have both
    average_amount: Decimal | None  # of those that have an amount, to the millionth, halves to the even one
    missing_amount_count: int
    missing_likelihood_count: int  # without one from 0 to 100


def summarize(
    connection: Connection,
    condition: Condition | None,
    dimensions: Sequence[Dimension],
    zone: tzinfo = UTC,
    most: int | None = None,
    codes: Codes = NO_CODES,
) -> list[SummaryRow]:
    """Return a row for each combination of keys, currency and kind that deals have, ordered by them, nulls last.

    Names that differ in case are one key, shown as the first of them. Months and quarters of points in time are those
    of the zone. Of a dimension in `codes` each other key counts as null. Raises TooManyPeriods, and TooManyRows once
    there are more than `most` rows.
    """
    groupings = [_grouping(dimension, connection, zone) for dimension in dimensions]
    found = totals(connection, condition, groupings, most)
    return _rows(found, [(number, codes[one]) for number, one in enumerate(dimensions) if one in codes])


def _grouping(dimension: Dimension, connection: Connection, zone: tzinfo) -> Grouping:
    """Return what a dimension is grouped by."""
    if (period := _PERIODS.get(dimension)) is not None:
        column, months = period
        periods = Periods(column, months, zone)
        return Grouping(dimension.value, sql=periods.sql(connection), name=periods.name)
    key, *shown = _COLUMNS[dimension]
    return Grouping(key, tuple(shown))


def _rows(found: Totals, codes: Sequence[tuple[int, Container[Key]]]) -> list[SummaryRow]:
    return [
        _row(identity, [found.label(number, key) for number, key in enumerate(identity[:-2])], sums)
        for identity, sums in sorted(_of_codes(found, codes).items(), key=lambda item: _nulls_last(item[0]))
    ]


def _of_codes(found: Totals, codes: Sequence[tuple[int, Container[Key]]]) -> Mapping[tuple[Any, ...], list[int]]:
    """Return sums by identity, with null for keys that are no codes of theirs: what another version has stored."""
    all_: dict[tuple[Any, ...], list[int]] = {}
    for identity, sums in found.sums():
        if unknown := [number for number, known in codes if identity[number] not in known]:
            identity = tuple([None if number in unknown else key for number, key in enumerate(identity)])
        known_sums = all_.get(identity)
        all_[identity] = sums if known_sums is None else list(map(add, known_sums, sums))
    return all_


def _row(identity: tuple[Any, ...], keys: list[Key], sums: list[int]) -> SummaryRow:
    count, with_amount, with_likelihood, with_both, amount, weighted = sums
    return SummaryRow(
        keys=tuple(keys),
        currency=identity[-2],
        kind=identity[-1],
        count=count,
        amount=_decimal(amount, 6) if with_amount else None,
        weighted_amount=_decimal(weighted, 8) if with_both else None,
        average_amount=_decimal(_divided(amount, with_amount), 6) if with_amount else None,
        missing_amount_count=count - with_amount,
        missing_likelihood_count=count - with_likelihood,
    )


def _decimal(number: int, places: int) -> Decimal:
    """Return an exact number of 10 to the power of -places, without zeros at its end."""
    if number % 10**places == 0:
        return Decimal(number // 10**places)
    while number % 10 == 0:
        number, places = number // 10, places - 1
    return Decimal(f"{number}E-{places}")  # no arithmetic: that would round


def _divided(total: int, parts: int) -> int:
    quotient, rest = divmod(total, parts)
    return quotient + (2 * rest > parts or (2 * rest == parts and quotient % 2 == 1))


def _nulls_last(identity: tuple[Any, ...]) -> list[tuple[int, Any]]:
    return [(1, 0) if one is None else (0, one) for one in identity]


_COLUMNS: Final[dict[Dimension, tuple[str, ...]]] = {
    Dimension.SOURCE: ("source",),
    Dimension.STATUS: ("status",),
    Dimension.PIPELINE: ("pipeline_folded", "pipeline_name"),
    Dimension.STAGE: ("stage_folded", "stage_name"),
    Dimension.OWNER: ("owner_folded", "owner_name", "owner_email"),
    Dimension.CURRENCY: ("currency",),
    Dimension.KIND: ("kind",),
    Dimension.LEAD_SOURCE: ("lead_source",),
    Dimension.LOSS_REASON: ("loss_reason",),
    Dimension.CAMPAIGN: ("utm_campaign",),
    Dimension.BUSINESS: ("business_name",),
    Dimension.CUSTOMER: (CUSTOMER, "customer_company", "customer_name"),
    Dimension.OPPORTUNITY_TYPE: ("opportunity_type",),
    Dimension.FORECAST_CATEGORY: ("forecast_category",),
}
"""What deals have in common, and the columns with what is shown for it, the first of them that has a value."""

_MOMENTS: Final = {
    "close": "close_on",
    "created": "created_at",
    "updated": "updated_at",
    "won": "won_at",
    "lost": "lost_at",
}
_PERIODS: Final = {
    Dimension(f"{name}_{unit}"): (column, months)
    for name, column in _MOMENTS.items()
    for unit, months in (("month", 1), ("quarter", 3))
}
"""The column of which it is the month or quarter, and its months."""
