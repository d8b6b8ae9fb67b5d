"""`OpportunityCustomer.opportunities` and `matchedBy`: a customer's deals in both systems.

A customer of one system is one of the other by its email address, without case, or by a link that the operator has
configured. Nothing is guessed: names are never compared.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import partial
from inspect import isawaitable
from operator import attrgetter
from typing import Any, Final, TypeVar

import strawberry
from aiodataloader import DataLoader
from sqlalchemy import Connection

from engine.lookup import Listing
from schema.context import Context, Info
from schema.deals.connections import PARTS, OpportunityPage
from schema.deals.cursors import list_hash
from schema.deals.listed_fields import CUSTOM
from schema.deals.orders import asked_order
from schema.deals.page_arguments import PageArguments
from schema.deals.selection import select
from schema.deals.service import Deals, ReadTurns
from schema.opportunity import DEALS_OF_CUSTOMER, OpportunityCustomer
from store.customer_deals import CustomerKey, Link, counts_of, linked, pages_of

T = TypeVar("T")


@strawberry.enum(description="How a customer's deals are found.")
class CustomerMatch(Enum):
    """The value is its name."""

    SOURCE_ID = strawberry.enum_value("source id", description="In the same system, by the customer's id there.")
    EMAIL = strawberry.enum_value("email", description="In both systems, by the email address, without case.")
    LINK = strawberry.enum_value("link", description="In the other system, by a link that the operator has configured.")


@dataclass(frozen=True, slots=True)
class _Question:
    """About one customer. Those with equal `group` are answered together, by the `answer` of one of them."""

    customer: CustomerKey
    group: str
    answer: Callable[[Connection, Sequence[CustomerKey]], Sequence[Any]] = field(compare=False)


class CustomerDeals:
    """What one operation asks of customers' deals: each question once, and all of a kind by one statement."""

    def __init__(self, deals: Deals, turns: ReadTurns) -> None:
        self._deals, self._turns = deals, turns
        self._loader: DataLoader[_Question, Any] = DataLoader(self._answers, loop=asyncio.get_running_loop())

    async def ask(
        self, customer: CustomerKey, group: str, answer: Callable[[Connection, Sequence[CustomerKey]], Sequence[T]]
    ) -> T:
        """Return the answer for a customer; raises `StoreOutage`."""
        found: T = await asyncio.shield(self._loader.load(_Question(customer, group, answer)))
        return found

    async def _answers(self, questions: list[_Question]) -> list[Any]:
        groups: dict[str, list[_Question]] = defaultdict(list)
        for one in questions:
            groups[one.group].append(one)

        def read(connection: Connection) -> dict[_Question, Any]:
            return {
                one: answer
                for same in groups.values()
                for one, answer in zip(same, same[0].answer(connection, [each.customer for each in same]), strict=True)
            }

        found = await self._deals.read(read, self._turns)
        return [found[one] for one in questions]


@strawberry.type(description="A page of a customer's deals, in whichever system they are.")
class CustomerOpportunityConnection(OpportunityPage):
    """A connection over the deals of one customer."""

    customer: strawberry.Private[CustomerKey]

    @strawberry.field(description="How many deals the list has on all its pages; counted only if asked for.")
    async def total_count(self, info: Info) -> int | None:
        """Return the number."""
        selection = self.selection
        count = partial(counts_of, condition=selection.condition, links=_links(info.context))
        return await _customer_deals(info.context).ask(self.customer, f"count {selection.hash}", count)


async def opportunities_of(
    context: Context,
    customer: OpportunityCustomer,
    *,
    first: int | None = None,
    after: str | None = None,
    last: int | None = None,
    before: str | None = None,
    filter: Any = None,
    order_by: Any = None,
    search: str | None = None,
) -> CustomerOpportunityConnection:
    """Return a page of a customer's deals; raises a `ResolverError`."""
    part = PageArguments.of(DEALS_OF_CUSTOMER, first, after, last, before)
    selection = await select(context, filter=filter, order_by=order_by, search=search)
    hash_ = list_hash("customer", filter, asked_order(order_by, selection.order), search)
    selection = replace(selection, hash=hash_)
    key = await _key(context, customer)
    pages = partial(pages_of, request=part.request(selection), links=_links(context))
    found = await _customer_deals(context).ask(key, f"page {selection.hash} {part}", pages)
    return CustomerOpportunityConnection(selection=selection, page=found, customer=key)


async def matches_of(context: Context, customer: OpportunityCustomer) -> list[CustomerMatch]:
    """Return how a customer's deals are found; raises a `ResolverError`."""
    links, key = _links(context), await _key(context, customer)
    found = [CustomerMatch.SOURCE_ID]
    if key.email is not None:
        found.append(CustomerMatch.EMAIL)
    if links:
        has_link: bool = await _customer_deals(context).ask(key, "linked", partial(linked, links=links))
        found += [CustomerMatch.LINK] if has_link else []
    return found


def _customer_deals(context: Context) -> CustomerDeals:
    if context.customer_deals is None:
        context.customer_deals = CustomerDeals(context.lists(), context.turns)
    return context.customer_deals


def _links(context: Context) -> Sequence[Link]:
    """Return the links that the caller may use: none by attributes whose values it may not see."""
    closed = context.closed_fields
    return [one for one in context.lists().links if one.attribute is None or CUSTOM not in closed]


async def _key(context: Context, customer: OpportunityCustomer) -> CustomerKey:
    """Return what a customer's deals are found by. Who may not see email addresses finds none by them."""
    email: Any = None
    if "customer_email" not in context.closed_fields:
        email = customer.email
        if isawaitable(email):
            email = await email
        if isinstance(email, Exception):
            raise email
    return CustomerKey(
        source=customer.source,
        source_id=customer.source_id,
        email=email if isinstance(email, str) and email.strip() else None,
    )


LISTING: Final = Listing(
    DEALS_OF_CUSTOMER,
    opportunities_of,
    records=attrgetter("records"),
    cursors=lambda connection: connection.cursors(),
    parts=PARTS,
)
"""How compiled operations read a page of a customer's deals."""

OpportunityCustomer.find_opportunities = staticmethod(opportunities_of)
OpportunityCustomer.find_matches = staticmethod(matches_of)
