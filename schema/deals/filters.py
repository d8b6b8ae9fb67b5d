"""`OpportunityFilter`: which deals, field by field as `listed_fields.py` has them, and its conditions for the store."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import strawberry
from strawberry.federation.schema_directives import Tag
from strawberry.utils.str_converters import to_camel_case

from resolvers.errors import BadUserInput
from resolvers.global_id import decode
from schema.access import READ_CONTACTS, Forbidden
from schema.deals.comparators import (
    EQUALITIES,
    DateFilter,
    DateTimeFilter,
    DecimalFilter,
    IDFilter,
    IntFilter,
    Make,
    MoneyFilter,
    StringFilter,
    comparator,
    comparisons,
    dates,
    enum_filter,
    money,
    numbers,
    plain,
)
from schema.deals.listed_enums import CUSTOM_MARKS, description, marks
from schema.deals.listed_fields import CUSTOM, LISTED, Kind, ListedField
from schema.deals.values import code
from schema.refused_argument import RefusedArgument, within
from schema.sources import MAPPINGS
from store.conditions import And, Compare, CompareAttribute, Condition, Not, Operator, Or
from store.deals import deal_id
from store.text import fold

MOST_CONDITIONS: Final = 20
MOST_LEVELS: Final = 3
MOST_VALUES: Final = 100
LONGEST_KEY: Final = 200
"""Characters of a custom attribute's key."""
MOST_FILTERS: Final = 100
"""Filters within one another, also those without any comparison."""

TYPES: Final[dict[Kind, Any]] = {
    Kind.ID: IDFilter,
    Kind.TEXT: StringFilter,
    Kind.KEYWORD: StringFilter,
    Kind.CODE: StringFilter,
    Kind.NUMBER: IntFilter,
    Kind.MONEY: MoneyFilter,
    Kind.MOMENT: DateTimeFilter,
    Kind.DAY: DateFilter,
}

_NAMES: Final = {"source": "SourceFilter", "status": "StatusFilter"}
_CASE: Final = {
    Kind.TEXT: " Compared without case.",
    Kind.CODE: " Compared without case.",
    Kind.KEYWORD: " Case counts.",
}


@strawberry.input(description="Whether a boolean is this.")
class BooleanFilter:
    """Of booleans."""

    eq: bool | None = comparator("Equal to this.")


@strawberry.input(
    description="Comparisons of a custom attribute, by its key. All that are given must hold; an attribute is either "
    "text, a number or a boolean, and so meets no comparison of another type. One comparison must be given."
)
class CustomAttributeFilter:
    """Of one custom attribute."""

    key: str = strawberry.field(description="The attribute's key, as its source writes it.")
    text: StringFilter | None = strawberry.field(default=None, description="If it is text; compared without case.")
    number: DecimalFilter | None = strawberry.field(default=None, description="If it is a number.")
    boolean: BooleanFilter | None = strawberry.field(default=None, description="If it is a boolean.")
    is_null: bool | None = strawberry.field(default=None, description="Whether a deal has no such attribute.")


def _given(description_: str, name: str | None = None, directives: Sequence[Tag] = ()) -> Any:
    return strawberry.field(default=None, name=name, directives=directives, description=description_)


def _filter_type() -> Any:
    annotations: dict[str, Any] = {
        "and_": "list[OpportunityFilter] | None",
        "or_": "list[OpportunityFilter] | None",
        "not_": "OpportunityFilter | None",
    }
    namespace: dict[str, Any] = {
        "__doc__": "Which deals; all fields that are given must hold.",
        "__module__": __name__,
        "and_": _given("All of these hold.", "and"),
        "or_": _given("One of these holds.", "or"),
        "not_": _given("This does not hold.", "not"),
    }
    for field in LISTED:
        type_ = TYPES[field.kind] if field.enum is None else enum_filter(field.enum, _enum_name(field))
        annotations[field.name] = type_ | None
        namespace[field.name] = _given(description(field) + _CASE.get(field.kind, ""), directives=marks(field))
    annotations[CUSTOM] = list[CustomAttributeFilter] | None
    namespace[CUSTOM] = _given("Custom attributes; all of these must hold.", directives=CUSTOM_MARKS)
    return strawberry.input(
        type("OpportunityFilter", (), namespace | {"__annotations__": annotations}),
        description="Which deals: all fields that are given must hold. A comparison with a value that a deal does not "
        f"have is false. At most {MOST_CONDITIONS} comparisons, {MOST_LEVELS} levels of `and`, `or` and `not`, and "
        f"{MOST_VALUES} values in all. A field that is null is as if it were not given.",
    )


def _enum_name(field: ListedField) -> str:
    return _NAMES.get(field.name) or f"{field.enum.__strawberry_definition__.name}Filter"  # type: ignore[union-attr] # it is one


if TYPE_CHECKING:
    OpportunityFilter: TypeAlias = Any
else:
    OpportunityFilter = _filter_type()


def conditions(given: Any, closed: frozenset[str], now: Callable[[], datetime]) -> Condition | None:
    """Return what a filter asks of the store; None for no filter. `now` is called if the filter depends on the time.

    `closed` are the fields that the caller may not see; raises `Forbidden` for one of them, and `RefusedArgument`.
    """
    if given is None:
        return None
    reading = _Reading(closed, now)
    try:
        found = reading.filter(given, 0)
        reading.check()
    except BadUserInput as error:
        raise within(error, "filter") from None
    return found


@dataclass(slots=True)
class _Reading:
    """One filter that is read, and how much of it so far."""

    closed: frozenset[str]
    now: Callable[[], datetime]
    conditions: int = 0
    values: int = 0
    filters: int = 0

    def filter(self, given: Any, level: int) -> Condition:
        if level > MOST_LEVELS:
            raise RefusedArgument(f"is nested too deeply: at most {MOST_LEVELS} levels of `and`, `or` and `not`.")
        self.filters += 1
        parts: list[Condition] = []
        for field in LISTED:
            if (value := getattr(given, field.name)) is not None:
                parts += self._field(field, value)
        for index, attribute in enumerate(getattr(given, CUSTOM) or ()):
            check_open(CUSTOM, self.closed, f"`filter.{CUSTOM}`")
            try:
                parts += self._attribute(attribute)
            except BadUserInput as error:
                raise within(error, CUSTOM, index) from None
        if given.and_ is not None:
            parts += self._filters("and", given.and_, level)
        if given.or_ is not None:
            parts.append(Or(tuple(self._filters("or", given.or_, level))))
        if given.not_ is not None:
            try:
                parts.append(Not(self.filter(given.not_, level + 1)))
            except BadUserInput as error:
                raise within(error, "not") from None
        return And(tuple(parts))

    def _filters(self, name: str, given: Sequence[Any], level: int) -> list[Condition]:
        found: list[Condition] = []
        try:
            found.extend(self.filter(one, level + 1) for one in given)
        except BadUserInput as error:
            raise within(error, name, len(found)) from None
        return found

    def _field(self, field: ListedField, value: Any) -> list[Condition]:
        check_open(field.name, self.closed, f"`filter.{to_camel_case(field.name)}`")
        try:
            return list(self._compared(field, self._counted(value)))
        except BadUserInput as error:
            raise within(error, to_camel_case(field.name)) from None

    def _compared(self, field: ListedField, given: dict[str, Any]) -> Iterator[Condition]:
        make = partial(Compare, field.column)
        if field.kind is Kind.MONEY:
            return money(given, make)
        if field.kind in (Kind.MOMENT, Kind.DAY):
            return dates(given, make, self.now, is_day=field.kind is Kind.DAY)
        if field.names is not None:
            others = {name: value for name, value in given.items() if name not in EQUALITIES}
            return chain(_alike(given, make, field.names), plain(others, make, fold))
        if field.column == "source_id":
            return chain(plain(given, make, _same), _ids_of(given))
        return plain(given, make, _STORED[field.kind])

    def _attribute(self, given: CustomAttributeFilter) -> Iterator[Condition]:
        check_key(given.key)
        before = self.conditions
        texts = partial(CompareAttribute, given.key, "text_folded")
        figures = partial(CompareAttribute, given.key, "number")
        booleans = partial(CompareAttribute, given.key, "boolean")
        kinds: list[tuple[str, Any, Callable[[dict[str, Any]], Iterator[Condition]]]] = [
            ("text", given.text, partial(plain, make=texts, stored=fold)),
            ("number", given.number, partial(numbers, make=figures)),
            ("boolean", given.boolean, partial(plain, make=booleans, stored=int)),
        ]
        for name, asked, made in kinds:
            if asked is not None:
                try:
                    yield from made(self._counted(asked))
                except BadUserInput as error:
                    raise within(error, name) from None
        if given.is_null is not None:
            self._count(1, 0)
            has_none = And(tuple(make(Operator.IS_NULL, True) for make in (texts, figures, booleans)))
            yield has_none if given.is_null else Not(has_none)
        if self.conditions == before:
            raise RefusedArgument(
                "Compare the attribute by `text`, `number` or `boolean`, or ask with `isNull: false` for deals that "
                "have it."
            )

    def _counted(self, comparator_: Any) -> dict[str, Any]:
        given = comparisons(comparator_)
        self._count(
            len(given.keys() - {"time_zone"}), sum(len(v) if isinstance(v, list) else 1 for v in given.values())
        )
        return {} if self._is_too_much() else given  # it goes on to count, and no more

    def _count(self, conditions_: int, values: int) -> None:
        self.conditions += conditions_
        self.values += values

    def _is_too_much(self) -> bool:
        return self.conditions > MOST_CONDITIONS or self.values > MOST_VALUES

    def check(self) -> None:
        """Raise `RefusedArgument` for more than a filter may have, whichever part of it is the last."""
        if self.filters > MOST_FILTERS:
            raise RefusedArgument(f"may consist of at most {MOST_FILTERS} filters, not {self.filters:,}.")
        if self.conditions > MOST_CONDITIONS:
            raise RefusedArgument(f"may have at most {MOST_CONDITIONS} comparisons, not {self.conditions:,}.")
        if self.values > MOST_VALUES:
            raise RefusedArgument(f"may have at most {MOST_VALUES} values to compare with, not {self.values:,}.")


def check_key(key: str) -> None:
    """Raise `RefusedArgument` for what is no key, or longer than any key is: statements are kept by them."""
    if not 1 <= len(key) <= LONGEST_KEY:
        raise RefusedArgument(f"must have from 1 to {LONGEST_KEY} characters.", "key")


def check_open(name: str, closed: frozenset[str], place: str) -> None:
    """Raise `Forbidden` if a listed field is closed to the caller: by its answers it would tell what it hides.

    `place` says where it is asked by it.
    """
    if name in closed:
        raise Forbidden(
            f"This caller may not list by {place}, which is personal data: the scope {READ_CONTACTS} is missing."
        )


def _same(value: Any) -> Any:
    return value


def _alike(given: dict[str, Any], make: Make, names: Callable[[str], Sequence[str]]) -> Iterator[Condition]:
    """Yield equalities with all that stands for the same: deals that were stored before it was known are found too."""
    for name in (one for one in given if one in EQUALITIES):
        asked = given[name] if isinstance(given[name], list) else [given[name]]
        values = tuple(dict.fromkeys(fold(other) for one in asked for other in names(one)))
        if name == "eq" and len(values) == 1:
            yield make(Operator.EQ, *values)
        else:
            yield make(Operator.NOT_IN if name == "not_in" else Operator.IN, values)


def _ids_of(given: dict[str, Any]) -> Iterator[Condition]:
    """Yield what ids deals of these sources' ids can have, by which an index finds them."""
    for name in given.keys() & {"eq", "in_"}:
        ids = given[name] if name == "in_" else [given[name]]
        yield Compare("id", Operator.IN, tuple([deal_id(source, "", one) for one in ids for source in MAPPINGS]))


def _stored_id(id_: str) -> bytes:
    source, source_id = decode(id_)
    return deal_id(source.name, "", source_id)


_STORED: Final[dict[Kind, Callable[[Any], Any]]] = {
    Kind.ID: _stored_id,
    Kind.TEXT: fold,
    Kind.KEYWORD: _same,
    Kind.CODE: code,
    Kind.ENUM: lambda member: member.value,
    Kind.NUMBER: _same,
}
