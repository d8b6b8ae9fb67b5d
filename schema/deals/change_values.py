"""What a field of a deal had before a change and has since, as the graph writes it."""

from collections.abc import Callable
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import strawberry

from resolvers.nexudus.codes import LossReason
from schema.access import PERSONAL, note_refusal
from schema.chartmogul import ChartMogulForecastCategory
from schema.context import Info
from schema.deals.listed_enums import enum_of
from schema.deals.listed_fields import LISTED
from schema.deals.values import day_of, moment_of
from schema.opportunity import Money, OpportunityStatus
from store.amounts import unscaled
from store.changes import Field, FieldChange, Held

_NAMED: Final = {field.name: field for field in LISTED}

if TYPE_CHECKING:
    OpportunityChangeField: TypeAlias = Any
else:
    OpportunityChangeField = enum_of(
        "OpportunityChangeField",
        {one.name: _NAMED[one.name.lower()] for one in Field},
        "What is logged of a deal when it changes.",
        has_marks=False,
    )


def money_of(held: Held) -> Money | None:
    """Return an amount with its currency; None unless both were recorded, exactly."""
    if held is None:
        return None
    amount, currency, _ = held
    return Money(amount=unscaled(int(amount)), currency_code=str(currency)) if amount is not None and currency else None


def text_of(field: Field, held: Held) -> str | None:
    """Return what is held of a field, as text; None for nothing."""
    if held is None:
        return None
    if field is Field.VALUE:
        money = money_of(held)
        return None if money is None else f"{_plain(money.amount)} {money.currency_code}"
    value = next((one for one in held if one is not None), None)
    return None if value is None else _WRITTEN.get(field, str)(value)


def is_personal(field: Field) -> bool:
    """Whether a field shows personal data."""
    return _NAMED[field.name.lower()].is_personal


@strawberry.type(description="What changed of one field of a deal.")
class OpportunityFieldChange:
    """Made of an entry of the log."""

    change: strawberry.Private[FieldChange]

    @strawberry.field(description="The field.")
    def field(self) -> OpportunityChangeField:
        """Return the name in the graph."""
        return getattr(OpportunityChangeField, self.change.field.name)

    @strawberry.federation.field(
        tags=[PERSONAL],
        description="What it had before, as the graph writes it, an amount with its currency; null if nothing was "
        "recorded. Of `OWNER` and `NAME` it is personal data.",
    )
    def before(self, info: Info) -> str | None:
        """Return the text, unless the caller may not see it."""
        return self._shown(info, self.change.before)

    @strawberry.federation.field(
        tags=[PERSONAL], description="What it has since, likewise; null if nothing is recorded any more."
    )
    def after(self, info: Info) -> str | None:
        """Return the text, unless the caller may not see it."""
        return self._shown(info, self.change.after)

    @strawberry.field(
        description="Of `VALUE`, the amount before; null unless amount and currency were recorded. An amount finer "
        "than millionths of its currency's major unit, or of more than 9 trillion of it, is not in the log."
    )
    def value_before(self) -> Money | None:
        """Return the amount."""
        return money_of(self.change.before) if self.change.field is Field.VALUE else None

    @strawberry.field(description="Of `VALUE`, the amount since.")
    def value_after(self) -> Money | None:
        """Return the amount."""
        return money_of(self.change.after) if self.change.field is Field.VALUE else None

    def _shown(self, info: Info, held: Held) -> str | None:
        field = self.change.field
        if is_personal(field) and field.name.lower() in info.context.closed_fields:
            note_refusal(info._raw_info)  # noqa: SLF001 - Strawberry has no public way to a field's nodes
            return None
        return text_of(field, held)


def _plain(amount: Decimal) -> str:
    return f"{amount:f}"


def _member(enum: type[Enum]) -> Callable[[Any], str | None]:
    names = {member.value: member.name for member in enum}
    return names.get


def _day(count: int) -> str:
    return day_of(count).isoformat()


def _moment(count: int) -> str:
    return moment_of(count).isoformat().replace("+00:00", "Z")


_WRITTEN: Final[dict[Field, Callable[[Any], str | None]]] = {
    Field.STATUS: _member(OpportunityStatus),
    Field.FORECAST_CATEGORY: _member(ChartMogulForecastCategory),
    Field.LOSS_REASON: _member(LossReason),
    Field.ESTIMATED_CLOSE_DATE: _day,
    Field.DUE_DATE: _moment,
}
