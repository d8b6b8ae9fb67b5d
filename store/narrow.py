"""What is asked of all deals is read, in SQLite, from a narrow index alone, and what they have in common from groups.

`deals_grouped` has numbers, and the deals of each group together; `deals_searched` has the texts that are searched, and
`deal_attributes_by_key` custom attributes. What a condition asks of several of them is read from the first, and the
deals that another one knows of are found before, once for all.
"""

from collections.abc import Iterable
from typing import Any, Final, TypeVar

from sqlalchemy import Column, ColumnElement, Connection, FromClause, Select, and_, false, not_, or_, select, true
from sqlalchemy.sql.visitors import replacement_traverse

from store.conditions import ATTRIBUTE, And, Condition, Not, Or, clause, columns, is_selective
from store.tables import DEAL_GROUPS, DEALS, GROUPED, SEARCHED, SUMMED
from store.unsought import Unsought

S = TypeVar("S", bound=Select[Any])
C = TypeVar("C", bound=ColumnElement[Any])

BY_GROUPS: Final = "deals_grouped"
BY_TEXTS: Final = "deals_searched"


def narrow_index(
    connection: Connection, condition: Condition | None, also: Iterable[str] = (), *, finds_texts: bool = False
) -> str | None:
    """Return the index that has, with groups, all that a condition reads, and these columns; None where none has.

    `deals_grouped` is enough for custom attributes too: deals with these are found first. So are those of a search with
    `finds_texts`, which takes a little longer than to look up a few deals, and far less than to look up many.
    None, too, for what SQLite finds the best index of by itself, and on PostgreSQL, which reads rows.
    """
    if connection.dialect.name != "sqlite" or is_selective(condition):
        return None
    asked = {*columns(condition), *also}
    read = {"id" if one.startswith(ATTRIBUTE) else one for one in asked}  # attributes are found by ids
    if not read:
        return None
    if read <= {*GROUPED, *SUMMED}:
        return BY_GROUPS
    if read <= {*GROUPED, *SEARCHED}:
        return BY_TEXTS  # ids are read of those that are found
    return BY_GROUPS if finds_texts and read <= {*GROUPED, *SUMMED, *SEARCHED} else None


def narrow_clause(condition: Condition | None, index: str) -> ColumnElement[bool]:
    """Return the clause of a condition by this index; what it says of groups is looked at once for each of them."""
    match condition:
        case And(parts) | Or(parts) if not _is_of_groups(condition):
            of_groups = tuple([part for part in parts if _is_of_groups(part)])
            clauses = [narrow_clause(part, index) for part in parts if part not in of_groups]
            if of_groups:
                clauses.append(narrow_clause(type(condition)(of_groups), index))  # the last: it takes twice as long
            return and_(true(), *clauses) if isinstance(condition, And) else or_(false(), *clauses)
        case Not(part) if not _is_of_groups(condition):
            return not_(narrow_clause(part, index))
    if condition is None or not _is_of_groups(condition):
        return clause(condition, is_of_all=index == BY_GROUPS)
    return DEALS.c.group_id.in_(select(DEAL_GROUPS.c.id).where(through_groups(clause(condition))))


def of_groups(condition: Condition | None) -> Condition | None:
    """Return what a condition says of groups alone, which all deals that meet it must meet; None for nothing."""
    if isinstance(condition, And):
        found = tuple([part for one in condition.parts if (part := of_groups(one)) is not None])
        return And(found) if found else None
    return condition if condition is not None and _is_of_groups(condition) else None


def _is_of_groups(condition: Condition) -> bool:
    return bool(read := columns(condition)) and read <= set(GROUPED)


def narrow_deals(order: Iterable[str]) -> FromClause:
    """Return what deals are taken from by the narrow index, for an order by these columns."""
    if set(GROUPED).isdisjoint(order):
        return DEALS
    return DEAL_GROUPS.join(DEALS, Unsought(DEAL_GROUPS.c.id) == DEALS.c.group_id)  # groups first: each is a range


def narrowed(statement: S, index: str | None) -> S:
    """Return a statement that reads the index, and no other."""
    return statement if index is None else statement.with_hint(DEALS, f"INDEXED BY {index}", "sqlite")


def through_groups(element: C, groups: FromClause = DEAL_GROUPS) -> C:
    """Return an expression that reads of groups what it would read of deals, where groups have it."""

    def replaced(one: Any, **_: Any) -> Any:
        is_grouped = isinstance(one, Column) and one.table is DEALS and one.key in GROUPED
        return groups.c[one.key] if is_grouped else None

    found: C = replacement_traverse(element, {}, replaced)  # type: ignore[call-overload] # an expression, as it came
    return found
