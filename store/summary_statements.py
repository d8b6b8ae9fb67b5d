"""The statements of summaries: `summed` for their sums, `groups_of` for the groups of deals, `CUSTOMERS` for names."""

from enum import Enum
from typing import Any, Final

from sqlalchemy import BigInteger, ColumnElement, FromClause, Integer, String, func, literal_column, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from store.conditions import Shape, clause, columns, shaped
from store.json_rows import json_rows
from store.narrow import BY_GROUPS, narrowed, through_groups
from store.queries import BuiltOnce, Query, parameter
from store.tables import ALIVE, CUSTOMER_NAMES, DEAL_GROUPS, DEALS, GROUPED
from store.unsought import Unsought

MOST_STATEMENTS: Final = 128


class Of(Enum):
    """The deals of a statement, and what it tells of each row beside its keys."""

    IDS = "of the groups whose numbers are the parameter `ids`; nothing"
    ALL = "of all; the number of their group, of which there may be several with equal keys"
    SETS = "of all; the number of their set, by that of their group from the parameter `sets`, an array of PostgreSQL"


def _built(
    is_halved: bool,
    of_deals: tuple[tuple[str, str | None], ...],
    shape_: Shape,
    is_narrow: bool,
    index: str | None,
    of: Of | tuple[str, ...],
) -> Query:
    """Return the statement of these deals; with columns that of all, with the number of a group alike in these.

    `is_narrow`: whether an index of sums or of texts has what is read; `index`: which one, in SQLite.
    """
    keys: list[ColumnElement[Any]] = [
        (DEALS.c[name] if sql is None else literal_column(sql)).label(name) for name, sql in of_deals
    ]
    condition = shaped(shape_)
    met = clause(condition, is_of_all=index == BY_GROUPS)
    number = DEALS.c.group_id if is_narrow else Unsought(DEALS.c.group_id)  # rows come in no order of groups
    reads_groups = is_narrow and not columns(condition).isdisjoint(GROUPED)
    groups: FromClause = DEAL_GROUPS
    if isinstance(of, tuple):
        first = func.min(DEAL_GROUPS.c.id).over(partition_by=[DEAL_GROUPS.c[name] for name in of])
        groups = select(DEAL_GROUPS, first.label("number")).subquery("grouped")
        keys.insert(0, groups.c.number)
    elif of is Of.ALL:
        keys.insert(0, (groups.c.id if reads_groups else number).label("number"))
    elif of is Of.SETS:
        keys.insert(0, _SetOf(parameter("sets", String()), DEALS.c.group_id).label("number"))
    found = select(*keys, *_sums(is_halved)).where(ALIVE, through_groups(met, groups) if reads_groups else met)
    found = found.group_by(*(literal_column(str(place)) for place in range(1, len(keys) + 1)))
    if of is Of.IDS or groups is not DEAL_GROUPS or reads_groups:
        found = found.where(number == groups.c.id)
    if of is Of.IDS:
        ids = func.json_each(parameter("ids", String())).table_valued("value")
        found = found.where(groups.c.id.in_(select(ids.c.value)))
    return Query(narrowed(found, index))


class _SetOf(FunctionElement[Any]):
    """The item of an array, which is read once; `type`: a whole number."""

    type = Integer()
    inherit_cache = True


@compiles(_SetOf, "postgresql")
def _set_of(element: _SetOf, compiler: SQLCompiler, **options: Any) -> str:
    array, place = [compiler.process(one, **options) for one in element.clauses]
    return f"(SELECT CAST({array} AS int[]))[{place}]"


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


def _groups_built(names: tuple[str, ...]) -> Query:
    """Return what reads the groups: their numbers, and these columns."""
    return Query(select(DEAL_GROUPS.c.id, *(DEAL_GROUPS.c[name] for name in names)))


def _customers_built() -> Query:
    """Return what reads customers by their numbers: with the number what they go by, the company, and the person."""
    given = json_rows("numbers", [("id", BigInteger)])
    named = CUSTOMER_NAMES.c
    key = func.coalesce(func.nullif(named.customer_company_folded, ""), named.customer_name_folded)
    shown = (named.customer_company, named.customer_name)
    return Query(select(named.id, key, *shown).where(named.id.in_(select(given.c.id))))


summed: Final = BuiltOnce(_built, MOST_STATEMENTS)
groups_of: Final = BuiltOnce(_groups_built, MOST_STATEMENTS)
CUSTOMERS: Final = _customers_built()
