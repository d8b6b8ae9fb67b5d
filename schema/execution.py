"""The engine over this graph: what `engine/` does not know of opportunities is handed to it here."""

from collections.abc import Mapping, Sequence
from typing import Any

from graphql import GraphQLError

from engine.cost import QueryLimits
from engine.documents import MOST_BYTES
from engine.engine import Engine
from engine.errors import RequestRefused
from engine.lookup import ITEM_FIELDS, Copies, Records
from engine.mapping import value_of
from resolvers import global_id
from resolvers.fetching.upstream_context import UpstreamContext
from schema.access import MOST_REFUSALS, NO_CONTACTS, Forbidden
from schema.context import Context
from schema.deals import customers
from schema.deals.connections import LISTING, SIZE
from schema.deals.stored_first import young_copies
from schema.deals.summaries import find_summary
from schema.deals.sync_runs import RUNS
from schema.errors import field_errors, refusals, request_errors, variable_errors
from schema.federation import FederatedSchema
from schema.lookups import LOOKUPS
from schema.sources import MAPPINGS
from store.changes import Field


def url_of(context: Context, source: str, record: Any) -> str | None:
    """Return where people see a record in its own system, as `Opportunity.url` does."""
    return context.url_of(source, str(value_of(MAPPINGS[source].fields["source_id"], record)))


RECORDS = Records(
    LOOKUPS,
    MAPPINGS,
    listings={"opportunities": LISTING},
    nested_listings={"opportunities": customers.LISTING},
    page_sizes={"opportunityChanges": SIZE},
    list_lengths={"fields": len(Field), "runs": RUNS.most},
    item_fields=ITEM_FIELDS | {"changes"},
    objects={"opportunitySummary": find_summary},
    known_fields={"url": url_of},
    copies=Copies("freshness", young_copies),
    read_at="as_of",
)


def build_engine(
    schema: FederatedSchema,
    *,
    restricted: FederatedSchema | None = None,
    limits: QueryLimits | None = None,
    suggests_names: bool = True,
    max_document_bytes: int = MOST_BYTES,
) -> Engine:
    """Return the engine that answers requests to this graph.

    `restricted` is the schema with personal data closed (`schema/access.py`), for callers that may not see it.
    """
    return Engine(
        schema._schema,  # noqa: SLF001 - Strawberry has no public way to the graphql-core schema
        RECORDS,
        ErrorFormatter(),
        restricted=restricted._schema if restricted else None,  # noqa: SLF001 - as above
        limits=limits,
        suggests_names=suggests_names,
        max_document_bytes=max_document_bytes,
    )


class ErrorFormatter:
    """`engine.errors.ErrorFormatter` for this graph (`schema/errors.py`)."""

    def request_errors(self, errors: Sequence[GraphQLError], code: str) -> list[dict[str, Any]]:
        """Return errors of a document that is not executed."""
        return request_errors(errors, code)

    def variable_errors(self, errors: Sequence[GraphQLError], given: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return errors of the variables that were given, and of the choice of an operation."""
        return variable_errors(errors, given)

    def execution_errors(self, errors: Sequence[GraphQLError], context: Context) -> list[dict[str, Any]]:
        """Return errors of fields, and of personal fields that were refused; too many of those refuse the request."""
        found = field_errors(errors) if errors else []
        if context.refused:
            if len(context.refused) > MOST_REFUSALS:
                raise RequestRefused(f"{NO_CONTACTS} It was asked for too often.", Forbidden.code)
            found += refusals(context.refused, Forbidden(NO_CONTACTS))
        return found


def extensions(operation: UpstreamContext, *, show_costs: bool) -> dict[str, Any]:
    """Return a response's `extensions`: what it took upstream, and which records are stale."""
    found: dict[str, Any] = {"upstream": operation.report()} if show_costs else {}
    if operation.stale:
        found["stale"] = [
            {
                "id": global_id.encode(stale.source, stale.source_id),
                "ageSeconds": round(stale.age_seconds, 1),
                "code": stale.code,
            }
            for stale in operation.stale
        ]
    return found
