"""Sums of deals by what they have in common: exact, never across currencies or kinds of amounts, a null never 0."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Any, Final, TypeAlias

from sqlalchemy import BigInteger, ColumnElement, Connection, String, func, literal_column, null, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from store.conditions import Condition, clause
from store.tables import ALIVE, DEALS, GROUPED

LIKELIHOOD: Final = "win_likelihood"

Key: TypeAlias = str | int | None
"""What the deals of a row have in common: a name, a code, or a month as `2026-11`."""


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
    OPPORTUNITY_TYPE = "opportunity_type"
    FORECAST_CATEGORY = "forecast_category"
    CLOSE_MONTH = "close_month"
    CREATED_MONTH = "created_month"
    UPDATED_MONTH = "updated_month"
    WON_MONTH = "won_month"
    LOST_MONTH = "lost_month"


@dataclass(frozen=True, slots=True)
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


def summarize(connection: Connection, condition: Condition | None, dimensions: Sequence[Dimension]) -> list[SummaryRow]:
    """Return a row for each combination of keys, currency and kind that deals have, ordered by them, nulls last.

    Names that differ in case are one key, shown as the first of them. Months are those of UTC.
    """
    chosen = [_GROUPINGS[dimension] for dimension in dimensions]
    keys = list(dict.fromkeys([*(one[0] for one in chosen), "currency", "kind", LIKELIHOOD]))
    shown = list(dict.fromkeys(name for one in chosen for name in one[1:]))
    if {*keys, *shown} <= set(GROUPED):
        keys, shown = list(GROUPED), []
        groups: list[ColumnElement[Any]] = [DEALS.c[name] for name in keys]
    else:
        # As expressions: no other index is then thought to have them in order.
        groups = [_EXPRESSIONS.get(name, func.coalesce(DEALS.c[name], null())) for name in keys]
    labels = [func.min(DEALS.c[name]) for name in shown]
    statement = select(*groups, *labels, *_SUMS).where(ALIVE, clause(condition)).group_by(*groups)

    names = [*keys, *shown]
    places = [[names.index(name) for name in one] for one in chosen]
    identity_places = [*(place[0] for place in places), names.index("currency"), names.index("kind")]
    likelihood = names.index(LIKELIHOOD)
    known: list[dict[Key, Key]] = [{} for _ in chosen]
    totals: dict[tuple[Key, ...], list[int]] = {}
    for row in connection.execute(statement):
        for place, label_of in zip(places, known, strict=True):
            key = row[place[0]]
            label = next((row[at] for at in place[1:] if row[at]), key)
            label_of[key] = min(label_of.get(key, label), label, key=str)
        identity = tuple(row[at] for at in identity_places)
        sums = _sums(row[likelihood], *row[len(names) :])
        if others := totals.get(identity):
            sums = [one + other for one, other in zip(sums, others, strict=True)]
        totals[identity] = sums
    return [
        _row(identity, [label_of[key] for key, label_of in zip(identity, known, strict=False)], totals[identity])
        for identity in sorted(totals, key=_nulls_last)
    ]


# A sum of 64-bit numbers does not fit into one: the upper and the lower half of each are summed apart.
_SUMS: Final[tuple[ColumnElement[Any], ...]] = (
    func.count(),
    func.count(DEALS.c.value),
    func.sum(DEALS.c.value.op(">>")(literal_column("32"))),
    func.sum(DEALS.c.value.op("&")(literal_column("4294967295"))),
)


def _sums(likelihood: int | None, count: int, with_amount: int, upper: Any, lower: Any) -> list[int]:
    """Return the sums of deals with one likelihood: deals, with amount, with likelihood, with both, amount, weighted.

    Weighted here, once for each likelihood that there is: to do it for each deal takes the database twice as long.
    """
    amount = (int(upper or 0) << 32) + int(lower or 0)
    if likelihood is None or not 0 <= likelihood <= 100:
        return [count, with_amount, 0, 0, amount, 0]
    return [count, with_amount, count, with_amount, amount, amount * likelihood]


def _row(identity: tuple[Any, ...], labels: list[Key], sums: list[int]) -> SummaryRow:
    count, with_amount, with_likelihood, with_both, amount, weighted = sums
    return SummaryRow(
        keys=tuple(labels),
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


def _nulls_last(identity: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple((1, 0) if one is None else (0, one) for one in identity)


_GROUPINGS: Final[dict[Dimension, tuple[str, ...]]] = {
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
    Dimension.OPPORTUNITY_TYPE: ("opportunity_type",),
    Dimension.FORECAST_CATEGORY: ("forecast_category",),
    Dimension.CLOSE_MONTH: ("close_on",),
    Dimension.CREATED_MONTH: ("created_at",),
    Dimension.UPDATED_MONTH: ("updated_at",),
    Dimension.WON_MONTH: ("won_at",),
    Dimension.LOST_MONTH: ("lost_at",),
}
"""The column that deals have in common, and those with what is shown for it, the first of them that has a value."""


class _Month(FunctionElement[str]):
    """The month, as `2026-11`, of a column with seconds since 1970, in UTC whatever zone the database is set to."""

    type = String()
    inherit_cache = True


@compiles(_Month, "sqlite")
def _month_in_sqlite(element: _Month, compiler: SQLCompiler, **options: Any) -> str:
    return f"strftime('%Y-%m', {compiler.process(element.clauses, **options)}, 'unixepoch')"


@compiles(_Month, "postgresql")
def _month_in_postgresql(element: _Month, compiler: SQLCompiler, **options: Any) -> str:
    return f"to_char(to_timestamp({compiler.process(element.clauses, **options)}) AT TIME ZONE 'UTC', 'YYYY-MM')"


def _month_of(moment: ColumnElement[int]) -> _Month:
    # Written out, as PostgreSQL takes two parameters for two values; and as a division rounds towards zero, where a
    # second before 1970 has begun earlier.
    million = literal_column("1000000", BigInteger())
    rest = (moment % million + million) % million
    return _Month((moment - rest) // million)


_EXPRESSIONS: Final[dict[str, ColumnElement[Any]]] = {
    "close_on": _Month(DEALS.c.close_on * literal_column("86400")),
    **{name: _month_of(DEALS.c[name]) for name in ("created_at", "updated_at", "won_at", "lost_at")},
}
