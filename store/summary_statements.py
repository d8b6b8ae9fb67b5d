"""The statements of summaries: `summed` for their sums, `groups_of` for the groups of deals."""

from typing import Any, Final

from sqlalchemy import ColumnElement, FromClause, String, Table, func, literal_column, select

from store.conditions import Shape, clause, columns, shaped
from store.narrow import through_groups
from store.queries import BuiltOnce, Query, parameter
from store.tables import ALIVE, CUSTOMER_NAMED, CUSTOMER_NAMES, DEAL_GROUPS, DEALS, GROUPED
from store.unsought import Unsought

MOST_STATEMENTS: Final = 128


def _built(
    is_halved: bool,
    of_deals: tuple[tuple[str, str | None], ...],
    by_customer: bool,
    shape_: Shape,
    is_narrow: bool,
    of_groups: tuple[str, ...] | None,
) -> Query:
    """Return the statement for a set of groups, the parameter `ids`; with the columns `of_groups` that for all."""
    keys: list[ColumnElement[Any]] = [
        (DEALS.c[name] if sql is None else literal_column(sql)).label(name) for name, sql in of_deals
    ]
    condition = shaped(shape_)
    met = clause(condition)
    if by_customer:
        keys.append(DEALS.c.customer_names_id.label("customer_names_id"))
    number = DEALS.c.group_id if is_narrow else Unsought(DEALS.c.group_id)  # rows come in no order of groups
    reads_groups = is_narrow and not columns(condition).isdisjoint(GROUPED)
    groups: FromClause = DEAL_GROUPS
    if of_groups is not None and keys:  # the number of the first of those that are alike
        first = func.min(DEAL_GROUPS.c.id).over(partition_by=[DEAL_GROUPS.c[name] for name in of_groups])
        groups = select(DEAL_GROUPS, first.label("number")).subquery("grouped")
        keys.append(groups.c.number)
    elif of_groups is not None:
        keys.append(number.label("number"))
    inner = select(*keys, *_sums(is_halved))
    inner = inner.where(ALIVE, through_groups(met, groups) if reads_groups else met).group_by(*keys)
    if of_groups is None or groups is not DEAL_GROUPS or reads_groups:
        inner = inner.where(number == groups.c.id)
    if of_groups is None:
        ids = func.json_each(parameter("ids", String())).table_valued("value")
        inner = inner.where(groups.c.id.in_(select(ids.c.value)))
    part = inner.subquery("part")
    found: list[ColumnElement[Any]] = [DEAL_GROUPS.c[name] for name in of_groups or ()]
    found += [part.c[name] for name, _ in of_deals]
    joined: FromClause = part
    if of_groups is not None:
        joined = joined.join(DEAL_GROUPS, DEAL_GROUPS.c.id == part.c.number)
    if by_customer:
        found += _named(CUSTOMER_NAMES)
        joined = joined.join(CUSTOMER_NAMES, CUSTOMER_NAMES.c.id == part.c.customer_names_id)
    return Query(select(*found, *list(part.c)[len(keys) :]).select_from(joined))


def _sums(is_halved: bool) -> list[ColumnElement[Any]]:
    """Return how many deals, how many with an amount, and the sum of amounts, or of each half of their bits."""
    value = DEALS.c.value
    amounts: list[ColumnElement[Any]] = [value]
    if is_halved:
        amounts = [value.op(">>")(literal_column("32")), value.op("&")(literal_column("4294967295"))]
    return [
        one.label(f"sum_{number}")
        for number, one in enumerate([func.count(), func.count(value), *map(func.sum, amounts)])
    ]


def _named(table: Table) -> list[ColumnElement[Any]]:
    """Return what a customer goes by, and what it is called."""
    company, _, name, _ = named = [table.c[one] for one in CUSTOMER_NAMED]
    return [func.coalesce(func.nullif(company, ""), name), *named]


def _groups_built(names: tuple[str, ...]) -> Query:
    """Return what reads the groups: their numbers, and these columns."""
    return Query(select(DEAL_GROUPS.c.id, *(DEAL_GROUPS.c[name] for name in names)))


summed: Final = BuiltOnce(_built, MOST_STATEMENTS)
groups_of: Final = BuiltOnce(_groups_built, MOST_STATEMENTS)
