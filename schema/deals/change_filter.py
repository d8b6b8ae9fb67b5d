"""`OpportunityChangeFilter`: which changes, and its conditions for the store."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import strawberry
from strawberry.utils.str_converters import to_camel_case

from resolvers.errors import BadUserInput
from resolvers.global_id import decode
from schema.deals.change_values import OpportunityChangeField
from schema.deals.comparators import DateTimeFilter, IDFilter, comparator, comparisons, dates, each
from schema.deals.filters import MOST_VALUES, check_open
from schema.opportunity import OpportunityStatus
from schema.refused_argument import RefusedArgument, within
from store.changes import ChangeFilter, Field, Key, Kind, Origin
from store.conditions import Operator


@strawberry.enum(description="What happened to a deal.")
class OpportunityChangeKind(Enum):
    """The value is the store's."""

    CREATED = strawberry.enum_value(Kind.CREATED, description="It is new, or has come back.")
    UPDATED = strawberry.enum_value(Kind.UPDATED, description="Some of its fields have other values.")
    DELETED = strawberry.enum_value(Kind.DELETED, description="Its source has it no more.")


@strawberry.enum(description="By what a change was seen, which says how late that may have been.")
class OpportunityChangeOrigin(Enum):
    """The value is the store's."""

    INCREMENT = strawberry.enum_value(
        Origin.INCREMENT, description="The source was asked what had changed: a minute or few after the change."
    )
    SWEEP = strawberry.enum_value(
        Origin.SWEEP,
        description="All deals of the source were read: what happened between two of these readings is one change.",
    )
    READ = strawberry.enum_value(Origin.READ, description="Somebody asked for the deal by its id.")
    AUDIT_TRAIL = strawberry.enum_value(Origin.AUDIT_TRAIL, description="The source's audit trail told of it.")


if TYPE_CHECKING:
    _KindFilter: TypeAlias = Any
    _OriginFilter: TypeAlias = Any
    _FieldFilter: TypeAlias = Any
    _StatusFilter: TypeAlias = Any


def _one_of(name: str, enum: Any) -> Any:
    namespace = {
        "__doc__": "Of one enumeration.",
        "__annotations__": {"eq": enum | None, "in_": list[enum] | None},
        "eq": comparator("Equal to this."),
        "in_": comparator("One of these.", "in"),
    }
    return strawberry.input(
        type(name, (), namespace), description="Comparisons of what a change has. All that are given must hold."
    )


if not TYPE_CHECKING:
    _KindFilter = _one_of("OpportunityChangeKindFilter", OpportunityChangeKind)
    _OriginFilter = _one_of("OpportunityChangeOriginFilter", OpportunityChangeOrigin)
    _FieldFilter = _one_of("OpportunityChangeFieldFilter", OpportunityChangeField)
    _StatusFilter = _one_of("OpportunityChangeStatusFilter", OpportunityStatus)


def _given(description: str) -> Any:
    return strawberry.field(default=None, description=description)


@strawberry.input(
    description=f"Which changes: all that is given must hold. At most {MOST_VALUES} values in all. A field that is "
    "null is as if it were not given."
)
class OpportunityChangeFilter:
    """Which changes."""

    kind: _KindFilter | None = _given("What happened.")
    origin: _OriginFilter | None = _given("By what it was seen.")
    opportunity_id: IDFilter | None = _given("Of which deals: by their `id`s.")
    field: _FieldFilter | None = _given("One of these fields changed.")
    status_after: _StatusFilter | None = _given(
        "The status changed to one of these, or a new deal came with it: `{eq: WON}` are the deals that were won."
    )
    observed_at: DateTimeFilter | None = _given("When it was seen.")


def change_filter(
    given: OpportunityChangeFilter | None,
    closed: frozenset[str],
    now: Callable[[], datetime],
    *,
    accounts: Collection[tuple[str, str]] | None,
    hidden: Collection[str],
) -> ChangeFilter:
    """Return what is asked of the store; raises `Forbidden` for a field that is `closed` to the caller, and
    `RefusedArgument`."""
    if given is None:
        return ChangeFilter(accounts=accounts, hidden=hidden)
    asked = {name: value for name, value in vars(given).items() if value is not None}
    read: dict[str, dict[str, Any]] = {}
    values = 0
    for name, value in asked.items():
        read[name] = found = _at(name, partial(comparisons, value))
        values += sum(len(one) if isinstance(one, list) else 1 for one in found.values())
    if values > MOST_VALUES:
        raise RefusedArgument(f"may have at most {MOST_VALUES} values to compare with, not {values:,}.", "filter")
    fields = _members(read.get("field"))
    for one in fields or ():
        check_open(one.value, closed, f"`{one.name}` in `filter.field`")
    ids = _at("opportunity_id", partial(_keys, read.get("opportunity_id", {})))
    excluded = ids.pop("not_in", [])
    wanted = _members(ids or None)
    return ChangeFilter(
        kinds=_values(read.get("kind")),
        origins=_values(read.get("origin")),
        fields=None if fields is None else {Field[one.name] for one in fields},
        statuses=_values(read.get("status_after")),
        deals=None if wanted is None else sorted(wanted),
        other_deals=sorted(set(excluded)),
        accounts=accounts,
        hidden=hidden,
        observed=_observed(read.get("observed_at"), now),
    )


def _members(given: dict[str, Any] | None) -> set[Any] | None:
    """Return what comparisons for equality allow, None for all."""
    if given is None:
        return None
    sets = [set(one) if isinstance(one, list) else {one} for one in given.values()]
    return set.intersection(*sets) if sets else None


def _values(given: dict[str, Any] | None) -> set[Any] | None:
    members = _members(given)
    return None if members is None else {one.value for one in members}


def _keys(given: dict[str, Any]) -> dict[str, Any]:
    """Return comparisons of ids as those of the store's keys."""
    found = {name: each(name, value, _key) for name, value in given.items()}
    return {name: list(found[name]) if isinstance(value, list) else found[name] for name, value in given.items()}


def _key(id_: str) -> Key:
    source, source_id = decode(id_)
    return source.name, "", source_id


def _observed(given: dict[str, Any] | None, now: Callable[[], datetime]) -> Sequence[tuple[Operator, int]]:
    if given is None:
        return ()
    if given.pop("is_null", False):
        raise RefusedArgument(
            "can only be false: every change was seen at some time.", "filter", "observedAt", "isNull"
        )
    found: list[Any] = _at("observed_at", lambda: list(dates(given, _compared, now, is_day=False)))
    return found


def _compared(operator: Operator, value: int) -> Any:
    return operator, value


def _at(name: str, work: Callable[[], Any]) -> Any:
    """Return what `work` gives; a refusal says which field of the filter it is about."""
    try:
        return work()
    except BadUserInput as error:
        raise within(error, "filter", to_camel_case(name)) from None
