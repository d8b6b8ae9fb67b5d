"""Filters as clauses of SQL, with two-valued logic: any filter means what a plain Python filter of the rows would.

A comparison with a null is false, and its negation true. Values come folded and scaled as the columns hold them.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import Enum
from functools import partial
from itertools import count
from typing import Any, Final, TypeAlias

from sqlalchemy import (
    Boolean,
    ColumnElement,
    FromClause,
    Integer,
    and_,
    exists,
    false,
    func,
    literal_column,
    not_,
    or_,
    select,
    true,
)

from store.queries import parameter
from store.tables import DEAL_ATTRIBUTES, DEALS, NAMES, NUMBERED
from store.text import searchable, storable
from store.unsought import Unsought

Scalar: TypeAlias = str | int | bytes
"""Bytes of ids, which are compared with these alone."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """Stands for a value in a statement that is built once: the bound parameter of this name."""

    name: str


Value: TypeAlias = Scalar | bool | Collection[Scalar | Parameter] | Parameter | None

LARGEST: Final = 2**63 - 1
"""The largest number of a column; the smallest is one further from zero."""

MOST_SHAPED: Final = 20
"""Values of a list for which a statement is kept."""

SELECTIVE: Final = frozenset(
    {"id", "customer_email_folded", "customer_name_folded", "customer_company_folded", "name_folded"}
)
"""Columns of which few deals have the same value: these are looked up, whatever the order."""


class Operator(Enum):
    """How a column is compared."""

    __hash__ = object.__hash__  # each is there once; to hash its name takes longer than to look at a condition

    EQ = "eq"
    NE = "ne"  # as not EQ: nulls are included
    IN = "in"
    NOT_IN = "not in"  # as not IN
    LT = "lt"
    LTE = "lte"
    GT = "gt"
    GTE = "gte"
    CONTAINS = "contains"
    STARTS_WITH = "starts with"
    IS_NULL = "is null"  # the value is True or False


@dataclass(frozen=True, slots=True)
class Compare:
    """A column of `deals` compared with a value."""

    column: str
    operator: Operator
    value: Value


@dataclass(frozen=True, slots=True)
class CompareAttribute:
    """A custom attribute compared with a value; a deal without the attribute has null for it."""

    key: str
    part: str  # text_folded, number, boolean
    operator: Operator
    value: Value


@dataclass(frozen=True, slots=True)
class Search:
    """Every word of the text is part of what may be searched: names of companies and stages, or also of people."""

    text: str
    is_personal: bool


@dataclass(frozen=True, slots=True)
class And:
    """All of them; true where there are none."""

    parts: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Or:
    """One of them; false where there are none."""

    parts: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Not:
    """Whatever is not so; nulls included."""

    part: "Condition"


Condition: TypeAlias = Compare | CompareAttribute | Search | And | Or | Not


def clause(
    condition: Condition | None,
    *,
    walked: str | None = None,
    held: Collection[str] = (),
    is_along: bool = False,
    is_of_all: bool = False,
) -> ColumnElement[bool]:
    """Return the clause that is true for the deals of a condition, and false, never null, for all others.

    Databases choose an index only for what all deals must meet about a selective column, or about `walked`, the first
    column of the order: for the rest they would fetch and sort half of all deals, where a walk finds a page at once.
    `held`: columns that the index of the order has, some by number; `is_along`: whether the database is known to walk
    along it. `is_of_all`: whether SQLite reads all deals by an index that has neither attributes nor what is searched:
    the deals with these are found first, once for all. Raises ValueError for a column or an operator that there is not.
    """
    numbered = frozenset(held).intersection(NUMBERED) - {walked}
    match condition:
        case None:
            return true()
        case And(parts):
            of_parts = partial(clause, walked=walked, held=held, is_along=is_along, is_of_all=is_of_all)
            return and_(true(), *map(of_parts, parts))
        case Compare(column, operator, value) if is_selective(condition) or (column == walked and operator in RANGES):
            return _compared(DEALS.c[column], operator, value)  # where all must be true, null is as good as false
        case Compare(column, operator, value) if is_along and column in held and operator in RANGES:
            if column in numbered:
                return _compared_by_number(column, operator, value)
            return _compared(Unsought(DEALS.c[column]), operator, value)
    return _two_valued(condition, numbered, is_of_all)


def _two_valued(condition: Condition, numbered: Collection[str], is_of_all: bool) -> ColumnElement[bool]:
    match condition:
        case And(parts):
            return and_(true(), *(_two_valued(part, numbered, is_of_all) for part in parts))
        case Or(parts):
            return or_(false(), *(_two_valued(part, numbered, is_of_all) for part in parts))
        case Not(part):
            return not_(_two_valued(part, numbered, is_of_all))
        case Search():
            return _is_searched(condition) if is_of_all else _has_words(condition, DEALS)
        case CompareAttribute(_, part, operator, value):
            if part not in ("text_folded", "number", "boolean"):
                raise ValueError(f"attributes have no {part}")
            return _of_column(operator, value, partial(_is_with if is_of_all else _has_attribute, condition))
        case Compare(column, operator, value):
            if column not in DEALS.c:
                raise ValueError(f"deals have no column {column}")
            if column in numbered:
                return _of_column(operator, value, partial(_is_so_by_number, column))
            return _of_column(operator, value, partial(_is_so, DEALS.c[column]))


def ranges(condition: Condition | None, walked: str) -> list[ColumnElement[bool]]:
    """Return what all deals must meet about the first column of the order: one range of its index."""
    match condition:
        case And(parts):
            return [one for part in parts for one in ranges(part, walked)]
        case Compare(column, operator, value) if column == walked and operator in RANGES:
            return [_compared(DEALS.c[column], operator, value)]
    return []


def bounds(condition: Condition | None, walked: str, *, is_upper: bool) -> list[str] | None:
    """Return the parameters above, or below, whose values the first column of the order is for no deal that is met.

    None if a list of values says what it is.
    """
    match condition:
        case And(parts):
            found = [bounds(part, walked, is_upper=is_upper) for part in parts]
            return None if None in found else [name for names in found for name in names or ()]
        case Compare(column, Operator.IN, _) if column == walked:
            return None
        case Compare(column, operator, Parameter(name)) if column == walked:
            return [name] if operator in (_UPPER if is_upper else _LOWER) else []
    return []


Shape: TypeAlias = tuple[Any, ...] | Condition | None
"""A condition without its values, made of tuples: to hash and compare them takes a twentieth of the time."""


def shape(condition: Condition | None) -> tuple[Shape, dict[str, Scalar]]:
    """Return a condition's shape, and its values by the names of parameters that `shaped` gives them.

    Conditions of one shape are asked with one statement. What is no comparison of a column with values stays.
    """
    values: list[Scalar] = []
    return _shape(condition, values), {_name(number): value for number, value in enumerate(values)}


_name: Final = "operand_{}".format
"""Names a parameter. SQLAlchemy names its own, those of what stays in a shape, by columns: none is called so."""


def _shape(one: Any, values: list[Scalar]) -> Shape:
    kind = type(one)
    if kind is Compare:
        operator, value = one.operator, one.value
        if operator in _SHAPED and isinstance(value, str | int | bytes) and _fits(value):
            values.append(_bound(value))
            return Compare, one.column, operator
        if operator in _LISTS and type(value) is tuple and len(value) <= MOST_SHAPED:
            bound = [_bound(each) for each in value if each is not None and _fits(each)]
            values += bound
            return Compare, one.column, operator, len(bound)
    elif kind is And or kind is Or:
        return kind, tuple([_shape(part, values) for part in one.parts])
    elif kind is Not:
        return Not, _shape(one.part, values)
    return one  # type: ignore[no-any-return] # a condition


def shaped(shape_: Shape) -> Condition | None:
    """Return the condition of a shape, with parameters in place of values."""
    names = map(_name, count())

    def of(one: Any) -> Any:
        match one:
            case (kind, column, operator):
                return kind(column, operator, Parameter(next(names)))
            case (kind, column, operator, number):
                return kind(column, operator, tuple([Parameter(next(names)) for _ in range(number)]))
            case (kind, tuple(parts)) if kind is not Not:
                return kind(tuple(map(of, parts)))
            case (kind, part):
                return kind(of(part))
        return one

    return of(shape_)  # type: ignore[no-any-return] # made of what `shape` has taken apart


def is_selective(condition: Condition | None) -> bool:
    """Return whether few deals can meet it, all found by an index."""
    match condition:
        case And(parts):
            return any(is_selective(part) for part in parts)
        case Compare(column, operator, _):
            return column in SELECTIVE and operator in (Operator.EQ, Operator.IN)
    return False


def columns(condition: Condition | None) -> set[str]:
    """Return the columns that a condition reads; an attribute is one of its own."""
    match condition:
        case And(parts) | Or(parts):
            return set().union(*map(columns, parts))
        case Not(part):
            return columns(part)
        case Compare(column, _, _):
            return {column}
        case CompareAttribute(key, _, _, _):
            return {f"{ATTRIBUTE}{key}"}
        case Search():
            return {"search_public", "search_personal"}
    return set()


ATTRIBUTE: Final = "attribute "
"""What stands before the key of a custom attribute."""

RANGES: Final = {Operator.EQ, Operator.IN, Operator.LT, Operator.LTE, Operator.GT, Operator.GTE}
"""Comparisons that a range of an index may answer, or several."""

_SHAPED: Final = {Operator.EQ, Operator.NE, Operator.LT, Operator.LTE, Operator.GT, Operator.GTE}
_UPPER: Final = {Operator.EQ, Operator.LT, Operator.LTE}
_LOWER: Final = {Operator.EQ, Operator.GT, Operator.GTE}
_LISTS: Final = {Operator.IN, Operator.NOT_IN}
_NEGATED: Final = {Operator.NE: Operator.EQ, Operator.NOT_IN: Operator.IN}


def _of_column(
    operator: Operator, value: Value, compare: Callable[[Operator, Value], ColumnElement[bool]]
) -> ColumnElement[bool]:
    if operator in _NEGATED:
        return not_(compare(_NEGATED[operator], value))
    if operator is Operator.IS_NULL and value:
        return not_(compare(Operator.IS_NULL, False))
    return compare(operator, value)


def _is_so(column: ColumnElement[Any], operator: Operator, value: Value) -> ColumnElement[bool]:
    met = _meets(column, operator, value)
    return met if operator is Operator.IS_NULL else func.coalesce(met, false(), type_=Boolean())


def _meets(column: ColumnElement[Any], operator: Operator, value: Value) -> ColumnElement[bool]:
    return column.is_not(None) if operator is Operator.IS_NULL else _compared(column, operator, value)


def _compared(column: ColumnElement[Any], operator: Operator, value: Value) -> ColumnElement[bool]:
    if operator is Operator.IN:
        values: Any = value if isinstance(value, Collection) and not isinstance(value, str | bytes) else (value,)
        return column.in_([_parameter(one, column) for one in values if one is not None and _fits(one)])
    if value is None:
        return false()
    if not isinstance(value, str | int | bytes | Parameter):
        raise ValueError(f"{operator.value} takes one value")
    if isinstance(value, int) and not _fits(value):  # below or above whatever a column holds
        always = {Operator.LT, Operator.LTE} if value > 0 else {Operator.GT, Operator.GTE}
        return column.is_not(None) if operator in always else false()
    bound = _parameter(value, column)
    match operator:
        case Operator.EQ:
            return column == bound
        case Operator.LT:
            return column < bound
        case Operator.LTE:
            return column <= bound
        case Operator.GT:
            return column > bound
        case Operator.GTE:
            return column >= bound
        case Operator.CONTAINS:
            return _contains(column, str(bound))
        case Operator.STARTS_WITH:
            return func.substr(column, 1, len(str(bound))) == str(bound)
    raise ValueError(f"columns are not compared by {operator.value}")


def _is_so_by_number(column: str, operator: Operator, value: Value) -> ColumnElement[bool]:
    if operator is Operator.IS_NULL:
        return DEALS.c[NUMBERED[column]].is_not(None)
    return func.coalesce(_compared_by_number(column, operator, value), false(), type_=Boolean())


def _compared_by_number(column: str, operator: Operator, value: Value) -> ColumnElement[bool]:
    """Return what compares a name by its number, of which an index has room for more than of names."""
    number, meant = DEALS.c[NUMBERED[column]], select(NAMES.c.id).where(_compared(NAMES.c.key, operator, value))
    return number == meant.scalar_subquery() if operator is Operator.EQ else number.in_(meant)


def _parameter(value: Scalar | Parameter, column: ColumnElement[Any]) -> ColumnElement[Any] | Scalar:
    return parameter(value.name, column.type) if isinstance(value, Parameter) else _bound(value)


def _bound(value: Scalar) -> Scalar:
    if isinstance(value, str):
        return storable(value)
    return value if isinstance(value, bytes) else int(value)


def _fits(value: Scalar | Parameter) -> bool:
    return isinstance(value, str | bytes | Parameter) or -LARGEST - 1 <= value <= LARGEST


def _contains(column: ColumnElement[Any], text: str) -> ColumnElement[bool]:
    if not text:
        return column.is_not(None)
    # SQLite's LIKE takes `A` for `a`, and is quick; what it finds is looked at again.
    return and_(_is_like(column, text), func.replace(column, text, "") != column)


def _is_like(column: ColumnElement[Any], text: str) -> ColumnElement[bool]:
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return column.like(f"%{escaped}%", escape=None if escaped == text else "\\")


def _has_words(search: Search, deals: FromClause) -> ColumnElement[bool]:
    return and_(true(), *(_has_word(word, search, deals) for word in searchable(storable(search.text)).split()))


def _has_word(word: str, search: Search, deals: FromClause) -> ColumnElement[bool]:
    parts = (deals.c.search_public, deals.c.search_personal)[: 2 if search.is_personal else 1]
    # Both sides are casefolded, so that LIKE alone is exact.
    return or_(*(func.coalesce(_is_like(part, word), false(), type_=Boolean()) for part in parts))


def _has_attribute(condition: CompareAttribute, operator: Operator, value: Value) -> ColumnElement[bool]:
    return exists().where(
        DEAL_ATTRIBUTES.c.deal_id == DEALS.c.id,
        DEAL_ATTRIBUTES.c.key == storable(condition.key),
        _is_so(DEAL_ATTRIBUTES.c[condition.part], operator, value),
    )


def _is_with(condition: CompareAttribute, operator: Operator, value: Value) -> ColumnElement[bool]:
    """Return what `_has_attribute` does, for all deals at once: by the index of keys, which has all of it."""
    key, column = DEAL_ATTRIBUTES.c.key, DEAL_ATTRIBUTES.c[condition.part]
    met = (key == storable(condition.key), _meets(column, operator, value))
    return DEALS.c.id.in_(select(DEAL_ATTRIBUTES.c.deal_id).where(*met))


def _is_searched(condition: Search) -> ColumnElement[bool]:
    """Return what `_has_words` does, for all deals at once: by the index of what is searched."""
    searched = DEALS.alias("searched")
    rows = select(literal_column("searched.rowid", Integer())).with_hint(
        searched, "INDEXED BY deals_searched", "sqlite"
    )
    rows = rows.where(searched.c.deleted_at.is_(None), _has_words(condition, searched))
    return literal_column("deals.rowid", Integer()).in_(rows)
