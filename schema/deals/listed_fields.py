"""THE table of what lists know of a deal. Filters, orders, totals, columns and what is closed to whom all go by it.

A row names the field of the graph that it shows, by its path in Python's names. So a filter compares what a client
sees, and who may not see a field may not filter, order or group by it either: its mark of personal data is the row's.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import Any, Final

from strawberry.types.base import StrawberryContainer

from resolvers.nexudus.codes import LeadSource, LossReason
from schema.access import is_marked
from schema.chartmogul import ChartMogulForecastCategory
from schema.opportunity import Opportunity, OpportunitySource, OpportunityStatus
from schema.people import PEOPLE
from schema.sources import MAPPINGS
from store.paging import ORDERS


class Kind(Enum):
    """How a field is compared."""

    ID = "the graph's own id, as the store has it"
    TEXT = "without case: by the column of folded text"
    KEYWORD = "as it stands"
    CODE = "in capitals"
    ENUM = "one of few"
    NUMBER = "whole number"
    MONEY = "amount in a currency"
    MOMENT = "point in time"
    DAY = "calendar date"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedField:
    """One field. `paths`: where the graph shows it; the first that is not null counts.

    A path begins with the name of a type where only that type has the field. `written`: the columns in which the text
    of each path stands as it is, for a field that is compared by a folded column. `dimension`: its name where totals
    may be grouped by it, of a point in time or a date by its month and its quarter. `names`: all texts that stand
    for the same as one: to equal one of them is to equal all.
    """

    name: str
    paths: tuple[str, ...]
    column: str
    kind: Kind
    written: tuple[str, ...] = ()
    enum: type[Enum] | None = None
    dimension: str | None = None
    about: str = ""
    names: Callable[[str], Sequence[str]] | None = None

    @property
    def is_ordered(self) -> bool:
        """Whether lists may be ordered by it."""
        return self.column in ORDERS

    @property
    def dimensions(self) -> tuple[str, ...]:
        """The names of what totals may be grouped by: none, one, or a month and a quarter."""
        if self.dimension is None:
            return ()
        has_periods = self.kind in (Kind.MOMENT, Kind.DAY)
        return (f"{self.dimension}_month", f"{self.dimension}_quarter") if has_periods else (self.dimension,)

    @property
    def is_personal(self) -> bool:
        """Whether a field of the graph that it shows is marked as personal data."""
        return any(map(_is_marked, self.paths))


def _text(name: str, *paths: str, column: str, written: tuple[str, ...] = (), **more: Any) -> ListedField:
    return ListedField(
        name=name, paths=paths, column=f"{column}_folded", kind=Kind.TEXT, written=written or (column,), **more
    )


def _keyword(name: str, *paths: str, column: str = "", **more: Any) -> ListedField:
    return ListedField(name=name, paths=paths, column=column or name, kind=Kind.KEYWORD, **more)


def _moment(name: str, path: str, column: str = "", **more: Any) -> ListedField:
    return ListedField(name=name, paths=(path,), column=column or name, kind=Kind.MOMENT, **more)


LISTED: Final = (
    ListedField(
        name="id",
        paths=("id",),
        column="id",
        kind=Kind.ID,
        about="An order by it goes by system, then by the record's id there, numbers by their value.",
    ),
    ListedField(
        name="source",
        paths=("source",),
        column="source",
        kind=Kind.ENUM,
        enum=OpportunitySource,
        dimension="source",
        about="The system that owns the record.",
    ),
    _keyword(
        "source_id",
        "source_id",
        about="The record's id in its own system. An order by it goes by system first, as that by `id` does.",
    ),
    ListedField(
        name="status",
        paths=("status",),
        column="status",
        kind=Kind.ENUM,
        enum=OpportunityStatus,
        dimension="status",
        about="Outcome of the deal.",
    ),
    ListedField(
        name="value", paths=("value.amount",), column="value", kind=Kind.MONEY, about="Amount, always of one currency."
    ),
    ListedField(
        name="currency_code",
        paths=(
            "value.currency_code",
            "ChartMogulOpportunity.currency_code",
            "NexudusOpportunity.board_column.board.business.currency.code",
        ),
        column="currency",
        kind=Kind.CODE,
        dimension="currency",
        about="ISO 4217, also where no amount is recorded.",
    ),
    _keyword(
        "kind",
        "ChartMogulOpportunity.raw_type",
        dimension="kind",
        about="What the amount stands for: ChartMogul's `recurring`, `arr`, `one-time`; null where not said.",
    ),
    _text("pipeline_name", "pipeline_name", column="pipeline", written=("pipeline_name",), dimension="pipeline"),
    _text("stage_name", "stage_name", column="stage", written=("stage_name",), dimension="stage"),
    _text(
        "owner",
        "owner.email",
        "owner.name",
        column="owner",
        written=("owner_email", "owner_name"),
        dimension="owner",
        about="The owner's email address, else the name; equal to it is whatever the operator's list calls the person.",
        names=PEOPLE.names,
    ),
    _keyword("customer_source_id", "customer.source_id", about="Ordered as text, whichever system it is of."),
    _text("customer_name", "customer.name", column="customer_name"),
    _text("customer_company_name", "customer.company_name", column="customer_company"),
    _text("customer_email", "customer.email", column="customer_email"),
    _moment("created_at", "created_at", dimension="created"),
    _moment("updated_at", "updated_at", dimension="updated"),
    _moment("as_of", "as_of", "read_at"),
    _text("name", "NexudusOpportunity.name", column="name"),
    _keyword(
        "business_name",
        "NexudusOpportunity.board_column.board.business.name",
        dimension="business",
        about="The location whose board the deal is on.",
    ),
    _keyword("opportunity_type", "NexudusOpportunity.opportunity_type.name", dimension="opportunity_type"),
    ListedField(
        name="lead_source",
        paths=("NexudusOpportunity.lead_source",),
        column="lead_source",
        kind=Kind.ENUM,
        enum=LeadSource,
        dimension="lead_source",
    ),
    ListedField(
        name="loss_reason",
        paths=("NexudusOpportunity.loss_reason",),
        column="loss_reason",
        kind=Kind.ENUM,
        enum=LossReason,
        dimension="loss_reason",
    ),
    _moment("due_date", "NexudusOpportunity.due_date", "due_at", about="When to follow up."),
    _moment("won_on", "NexudusOpportunity.won_on", "won_at", dimension="won"),
    _moment("lost_on", "NexudusOpportunity.lost_on", "lost_at", dimension="lost"),
    _keyword("utm_source", "NexudusOpportunity.utm.source"),
    _keyword("utm_medium", "NexudusOpportunity.utm.medium"),
    _keyword("utm_campaign", "NexudusOpportunity.utm.campaign", dimension="campaign"),
    _keyword("utm_content", "NexudusOpportunity.utm.content"),
    _keyword("utm_term", "NexudusOpportunity.utm.term"),
    _keyword("system_id", "NexudusOpportunity.system_id"),
    ListedField(
        name="win_likelihood",
        paths=("ChartMogulOpportunity.win_likelihood",),
        column="win_likelihood",
        kind=Kind.NUMBER,
        about="In percent.",
    ),
    ListedField(
        name="forecast_category",
        paths=("ChartMogulOpportunity.forecast_category",),
        column="forecast_category",
        kind=Kind.ENUM,
        enum=ChartMogulForecastCategory,
        dimension="forecast_category",
    ),
    ListedField(
        name="estimated_close_date",
        paths=("ChartMogulOpportunity.estimated_close_date",),
        column="close_on",
        kind=Kind.DAY,
        dimension="close",
    ),
)

AS_OF: Final = "as_of"
"""The field of a deal's copy, which is no part of its record."""

CUSTOM: Final = "custom"
"""Stands for custom attributes where fields are named: they have keys, and a table of their own."""


def closed_fields(*, custom_attributes_too: bool = True) -> frozenset[str]:
    """Return the names of the listed fields that callers may not list by who may not see personal data."""
    personal = {field.name for field in LISTED if field.is_personal}
    return frozenset(personal | {CUSTOM} if custom_attributes_too else personal)


@cache
def _is_marked(path: str) -> bool:
    """Return whether any field of a path carries the mark of personal data."""
    names = path.split(".")
    types = {mapping.type_.__name__: mapping.type_ for mapping in MAPPINGS.values()}
    type_: Any = types[names.pop(0)] if names[0] in types else Opportunity
    for name in names:
        field = next(one for one in type_.__strawberry_definition__.fields if one.python_name == name)
        if is_marked(field):
            return True
        type_ = field.type
        while isinstance(type_, StrawberryContainer):
            type_ = type_.of_type
    return False
