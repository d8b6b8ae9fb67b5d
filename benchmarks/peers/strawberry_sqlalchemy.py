"""Lists as Strawberry's and SQLAlchemy's own pages show them: types of Strawberry, a mapped class, a session a request.

Over the peers' table of deals, at DATABASE_URL. Pages go by a cursor, as Strawberry's guide to pagination has them; the
cursor holds what the list is ordered by, so that the database can use its index, which is more than the guide does.
"""

import base64
import os
from collections.abc import Iterator
from typing import Any, Self

import strawberry
from sqlalchemy import create_engine, select, tuple_
from sqlalchemy.orm import Session
from starlette.applications import Starlette
from starlette.routing import Route
from strawberry.asgi import GraphQL
from strawberry.extensions import SchemaExtension
from strawberry.types import Info

from benchmarks.peers.deal_model import DealModel

ENGINE = create_engine(os.environ["DATABASE_URL"])


@strawberry.type
class Money:
    """An amount, in millionths."""

    amount: str
    currency_code: str | None


@strawberry.type
class Owner:
    """Who works on a deal."""

    name: str | None
    email: str | None


@strawberry.type
class Deal:
    """A deal, as its row has it."""

    id: strawberry.ID
    source: str
    stage_name: str | None
    pipeline_name: str | None
    created_at: str | None
    updated_at: str | None
    value: Money | None
    owner: Owner
    due_at: str | None
    lead_source: int | None
    status: str | None

    @classmethod
    def of(cls, row: DealModel) -> Self:
        """Return what clients see of a row."""
        return cls(
            id=strawberry.ID(row.source_id),
            source=row.source,
            stage_name=row.stage_name,
            pipeline_name=row.pipeline_name,
            created_at=_text(row.created_at),
            updated_at=_text(row.updated_at),
            value=None if row.value is None else Money(amount=str(row.value), currency_code=row.currency),
            owner=Owner(name=row.owner_name, email=row.owner_email),
            due_at=_text(row.due_at),
            lead_source=row.lead_source,
            status=row.status,
        )


@strawberry.type
class PageInfo:
    """Where the next page begins."""

    has_next_page: bool
    end_cursor: str | None


@strawberry.type
class DealConnection:
    """A page."""

    nodes: list[Deal]
    page_info: PageInfo


@strawberry.input
class DealFilter:
    """Which deals; the amount in millionths, the time in microseconds."""

    status: str
    currency: str
    value_from: str
    updated_before: str | None = None


@strawberry.type
class Query:
    """The root."""

    @strawberry.field
    def deals(
        self,
        info: Info[dict[str, Any], None],
        first: int,
        after: str | None = None,
        filter: DealFilter | None = None,  # noqa: A002 - its name in the graph
    ) -> DealConnection:
        """Return a page, the last changed deals first."""
        wanted = select(DealModel).where(DealModel.deleted_at.is_(None))
        if filter is not None:
            wanted = wanted.where(
                DealModel.status == filter.status,
                DealModel.currency == filter.currency,
                DealModel.value >= int(filter.value_from),
            )
        if filter is not None and filter.updated_before is not None:
            wanted = wanted.where(DealModel.updated_at < int(filter.updated_before))
        if after is not None:
            moment, id_ = base64.b64decode(after).decode().split("|")
            wanted = wanted.where(tuple_(DealModel.updated_at, DealModel.id) < tuple_(int(moment), int(id_)))
        wanted = wanted.order_by(DealModel.updated_at.desc(), DealModel.id.desc()).limit(first + 1)
        rows = info.context["session"].scalars(wanted).all()
        page = rows[:first]
        end = base64.b64encode(f"{page[-1].updated_at}|{page[-1].id}".encode()).decode() if page else None
        info_ = PageInfo(has_next_page=len(rows) > first, end_cursor=end)
        return DealConnection(nodes=[Deal.of(row) for row in page], page_info=info_)


def _text(number: int | None) -> str | None:
    return None if number is None else str(number)


class DatabaseSession(SchemaExtension):
    """A session for each operation, as Strawberry's page on extensions has it."""

    def on_operation(self) -> Iterator[None]:
        """Open it before, and close it behind."""
        with Session(ENGINE) as session:
            self.execution_context.context["session"] = session
            yield


view: GraphQL[Any, None] = GraphQL(strawberry.Schema(Query, extensions=[DatabaseSession]), graphql_ide=None)
app = Starlette(routes=[Route("/graphql", view, methods=["POST"])])
