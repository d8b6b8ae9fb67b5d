"""Deals of customers, in whichever system: for all customers of a page by one statement.

A deal is a customer's if its source has the customer's own id on it, if it has the customer's email address, or if a
link joins both. Names are never compared.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    FromClause,
    Integer,
    Select,
    String,
    and_,
    case,
    cast,
    func,
    literal,
    null,
    select,
    union,
)

from store.conditions import LARGEST, Condition, Shape, clause, shape, shaped
from store.json_rows import json_rows, packed
from store.order_columns import OrderColumns, with_parameters
from store.paging import WANTED, OrderKey, Page, PageRequest, Row, kept, page_of
from store.queries import parameter
from store.tables import ALIVE, DEAL_ATTRIBUTES, DEALS, MONEY_SCALE
from store.text import fold, storable
from store.walks import ordering, parameters, segments, together


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerKey:
    """A customer, as one account of one source knows it; `email` only if deals may be found by it."""

    source: str
    account: str = ""
    source_id: str
    email: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Deals of the source `bearer` have the id of a customer of the source `of`: as `system_id`, or in an attribute."""

    bearer: str
    of: str
    attribute: str | None = None


Links = Sequence[Link]


def pages_of(
    connection: Connection, customers: Sequence[CustomerKey], request: PageRequest, links: Links = ()
) -> list[Page]:
    """Return the same page of each customer's deals.

    On the far side of the position where it begins there is taken to be something, without a look. Raises ValueError
    for a position of another order.
    """
    key, values = shape(request.condition)
    order, start, _ = request.walk()
    names = None if start is None else tuple([None if one is None else f"start_{n}" for n, one in enumerate(start)])
    if start is not None:
        values |= {f"start_{n}": one for n, one in enumerate(start) if one is not None}
    shape_of_order, attributes = with_parameters(order)
    wanted = _kept(_pages, key, tuple(links), shape_of_order, names)
    given = {**values, **attributes, GIVEN: _packed(customers), "count": request.count + 1}
    found: list[list[Row]] = [[] for _ in customers]
    for *row, customer in connection.execute(wanted, given):
        found[customer].append(tuple(row))
    pages = [(own, kept(request, own)) for own in found]
    return [page_of(request, rows, has_more=len(own) > len(rows), has_less=start is not None) for own, rows in pages]


def counts_of(
    connection: Connection, customers: Sequence[CustomerKey], condition: Condition | None, links: Links = ()
) -> list[int]:
    """Return how many deals of each customer meet a condition."""
    key, values = shape(condition)
    counted = _kept(_counts, key, tuple(links))
    found = {row[0]: row[1] for row in connection.execute(counted, {**values, GIVEN: _packed(customers)})}
    return [found.get(number, 0) for number in range(len(customers))]


def linked(connection: Connection, customers: Sequence[CustomerKey], links: Links) -> list[bool]:
    """Return whether a link leads from each customer to deals of another source."""
    if not links:
        return [False] * len(customers)
    wanted = _kept(_others, tuple(links))
    found = set(connection.scalars(wanted, {GIVEN: _packed(customers)}))
    return [number in found for number in range(len(customers))]


MOST_STATEMENTS: Final = 16
"""Of each kind, and of a hundred kilobytes each."""


def _kept(build: Callable[..., Select[Any]], *shape_of_it: Any) -> Select[Any]:
    try:
        return build(*shape_of_it)
    except TypeError:  # a long list of values, which has no hash
        return build.__wrapped__(*shape_of_it)  # type: ignore[attr-defined,no-any-return] # by `lru_cache`


@lru_cache(MOST_STATEMENTS)
def _pages(
    shape_: Shape,
    links: tuple[Link, ...],
    order: tuple[OrderKey, ...],
    start: tuple[str | None, ...] | None,
) -> Select[Any]:
    matched, columns = _matched(links), OrderColumns(order)
    behind = together(segments(order, start and parameters(start, order), False, columns.plain))
    keys = [ordering(key, behind, columns.plain) for key in order]
    ranked = (
        select(
            matched.c.customer,
            DEALS.c.id.label("deal_id"),
            func.row_number().over(partition_by=matched.c.customer, order_by=keys).label("place"),
        )
        .select_from(columns.joined(matched.join(DEALS, DEALS.c.id == matched.c.deal_id)))
        .where(ALIVE, clause(shaped(shape_)), *behind.clauses)
        .subquery()
    )
    return (
        select(*WANTED, *map(columns.plain, order), ranked.c.customer)
        .select_from(columns.joined(ranked.join(DEALS, DEALS.c.id == ranked.c.deal_id)))
        .where(ranked.c.place <= parameter("count", Integer()))
        .order_by(ranked.c.customer, ranked.c.place)
    )


@lru_cache(MOST_STATEMENTS)
def _counts(shape_: Shape, links: tuple[Link, ...]) -> Select[Any]:
    matched = _matched(links)
    return (
        select(matched.c.customer, func.count())
        .join(DEALS, DEALS.c.id == matched.c.deal_id)
        .where(ALIVE, clause(shaped(shape_)))
        .group_by(matched.c.customer)
    )


@lru_cache(MOST_STATEMENTS)
def _others(links: tuple[Link, ...]) -> Select[Any]:
    other = _linked(json_rows(GIVEN, _COLUMNS), links)
    return select(other.c.customer).join(DEALS, and_(_is_of(other), ALIVE)).distinct()


GIVEN: Final = "given"
"""The parameter that has the customers."""

_COLUMNS: Final[tuple[tuple[str, Any], ...]] = (
    ("customer", Integer),
    ("source", String),
    ("account", String),
    ("source_id", String),
    ("email", String),
    ("folded_id", String),
    ("scaled_id", BigInteger),
)


def _packed(customers: Sequence[CustomerKey]) -> str:
    """Return customers as a parameter, each with the values of `_COLUMNS`."""
    rows = []
    for number, one in enumerate(customers):
        source_id, email = storable(one.source_id), fold(storable(one.email)) if one.email else None
        scaled = int(source_id) * MONEY_SCALE if source_id.isascii() and source_id.isdigit() else LARGEST + 1
        rows.append(
            (number, one.source, one.account, source_id, email, fold(source_id), scaled if scaled <= LARGEST else None)
        )
    return packed(rows)


def _matched(links: Links) -> FromClause:
    """Return the numbers of customers with the ids of their deals, each pair once."""
    given = json_rows(GIVEN, _COLUMNS)
    same_address = and_(DEALS.c.customer_email_folded == given.c.email, ALIVE)
    own = (_is_of(given), same_address)
    ways = [select(given.c.customer, DEALS.c.id.label("deal_id")).join(DEALS, on) for on in own]
    if links:
        other = _linked(given, links)
        ways.append(select(other.c.customer, DEALS.c.id.label("deal_id")).join(DEALS, _is_of(other)))
    return union(*ways).subquery("matched")


def _is_of(customer: FromClause) -> ColumnElement[bool]:
    return and_(
        DEALS.c.source == customer.c.source,
        DEALS.c.account == customer.c.account,
        DEALS.c.customer_source_id == customer.c.source_id,
    )


def _linked(given: FromClause, links: Links) -> FromClause:
    """Return the numbers of customers with the source, account and id that other sources' deals have of them."""
    ways: list[Select[Any]] = []
    number, account = given.c.customer, given.c.account
    for link in links:
        bears = and_(DEALS.c.source == link.bearer, DEALS.c.account == account, ALIVE)
        # Customers first: SQLite, which does not know how few they are, would go through all deals of the source.
        own = and_(_is_of(given), ALIVE, func.coalesce(given.c.source, null()) == link.bearer)
        to_bearer = select(number, literal(link.bearer).label("source"), account, DEALS.c.customer_source_id)
        if link.attribute is None:
            system_id = DEALS.c.system_id
            there = and_(bears, system_id == given.c.source_id, given.c.source == link.of)
            ways.append(to_bearer.join(DEALS, there))
            ways.append(select(number, literal(link.of), account, system_id).join(DEALS, own))
            continue
        attribute = DEAL_ATTRIBUTES.c
        key = storable(link.attribute)
        # Not by the index of keys: a customer has few deals, and many deals have the key.
        is_it = and_(attribute.deal_id == DEALS.c.id, func.coalesce(attribute.key, null()) == key)
        # What is no whole number is nobody's id.
        whole = case((attribute.number % literal(MONEY_SCALE) == 0, attribute.number // literal(MONEY_SCALE)))
        text = func.coalesce(attribute.text, cast(whole, String))
        for same in (attribute.text_folded == given.c.folded_id, attribute.number == given.c.scaled_id):
            there = and_(attribute.key == key, same, given.c.source == link.of)
            # Attributes first, for the same reason.
            whose = and_(attribute.deal_id == DEALS.c.id, func.coalesce(DEALS.c.source, null()) == link.bearer)
            whose = and_(whose, func.coalesce(DEALS.c.account, null()) == account, ALIVE)
            ways.append(to_bearer.join(DEAL_ATTRIBUTES, there).join(DEALS, whose))
        ways.append(select(number, literal(link.of), account, text).join(DEALS, own).join(DEAL_ATTRIBUTES, is_it))
    found = union(*ways).subquery("linked")
    names = ("customer", "source", "account", "source_id")
    return select(*[one.label(name) for one, name in zip(found.c, names, strict=True)]).subquery("others")
