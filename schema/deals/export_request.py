"""`/export/opportunities`: a whole list as rows, from the parameters of an address.

They are the arguments of `Query.opportunities` but those of paging, and `columns`. Arguments are coerced as variables
of a GraphQL request are, and become a list by the same `select`: what is refused there is refused here.
"""

from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

from graphql import (
    GraphQLEnumType,
    GraphQLError,
    GraphQLInputObjectType,
    GraphQLSchema,
    get_named_type,
    parse,
)
from graphql.execution.values import VariableValues, get_variable_values
from graphql.utilities import validate_input_value
from sqlalchemy import Connection
from strawberry.types.arguments import convert_arguments

from engine.cost import QueryLimits
from engine.input_cost import objects_in
from schema.context import Context
from schema.deals.connections import opportunities
from schema.deals.export_columns import ExportColumn, UrlOf, Value, chosen, readers
from schema.deals.selection import Selection, select
from schema.deals.service import ReadTurns
from schema.deals.source_status import SourceStatus, name_of
from schema.federation import FederatedSchema
from schema.refused_argument import RefusedArgument
from schema.scalars import WRITTEN
from schema.sources import MAPPINGS
from store.pages import PageRequest, chunk
from store.paging import is_indexed

ROWS: Final = 250
"""Deals that are read and written at once: a reader of the store is kept for some hundredths of a second."""

SORTED_ROWS: Final = 2_500
"""The same where no index has the list's order: each time deals are sorted, perhaps all."""

SOURCES: Final = "Opportunity-Sources"
"""The header that says how current the list is."""

PARAMETERS: Final[Mapping[str, str | None]] = {
    "columns": None,
    "filter": '{"status": {"eq": "OPEN"}}',
    "orderBy": '[{"field": "VALUE"}]',
    "search": None,
    "sources": '["nexudus"]',
    "freshness": '{"maxAgeSeconds": 60}',
}
"""What an export takes: text, or JSON such as this."""

Encode = Callable[[Iterable[Sequence[Value]]], bytes]


class ExportArguments:
    """Arguments of `Query.opportunities` that come outside of a document."""

    def __init__(self, schema: FederatedSchema, most_objects: int = QueryLimits().max_input_objects) -> None:
        """`most_objects`: how many input objects, such as filters, all of them may have."""
        self._schema = schema
        self._most_objects = most_objects
        self._core: GraphQLSchema = schema._schema  # noqa: SLF001 - Strawberry has no public way to it
        query = self._core.query_type
        assert query is not None
        given = query.fields["opportunities"].args
        self._types = {name: given[name].type for name in PARAMETERS if name in given}
        variables = ", ".join(f"${name}: {type_}" for name, type_ in self._types.items())
        (operation,) = parse(f"query({variables}) {{ __typename }}").definitions
        self._definitions = operation.variable_definitions  # type: ignore[attr-defined] # it is an operation

    def coerced(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return what `select` takes, of values as JSON has them; raises `RefusedArgument`."""
        if objects_in(dict(given)) - 1 > self._most_objects:
            raise RefusedArgument(f"`filter` and `orderBy` may have at most {self._most_objects:,} objects.")
        values = get_variable_values(self._core, self._definitions, dict(given))
        if not isinstance(values, VariableValues):
            problems = (self._problem(name, given) for name in self._types)
            raise next(filter(None, problems), RefusedArgument("is nested too deeply.", "filter"))
        return convert_arguments(
            values.coerced,
            opportunities.arguments,
            scalar_registry=self._schema.schema_converter.scalar_registry,
            config=self._schema.config,
        )

    def _problem(self, name: str, given: Mapping[str, Any]) -> RefusedArgument | None:
        """Return what would be right where an argument is wrong first, without the value that was sent."""
        found: list[Sequence[str | int]] = []

        def note(_: GraphQLError, path: Sequence[str | int]) -> None:
            found.append(list(path))

        if name in given:
            try:
                validate_input_value(given[name], self._types[name], note)
            except RecursionError:
                return RefusedArgument("is nested too deeply.", name)
        if not found:
            return None
        type_: Any = get_named_type(self._types[name])
        for key in found[0]:
            if isinstance(key, str):
                type_ = get_named_type(type_.fields[key].type)
        return RefusedArgument(f"must be {_expected(type_)}.", name, *found[0])


def _expected(type_: Any) -> str:
    if isinstance(type_, GraphQLEnumType):
        return f"one of {', '.join(type_.values)}"
    fields = f", which has {', '.join(type_.fields)}" if isinstance(type_, GraphQLInputObjectType) else ""
    written = f": {WRITTEN[type_.name]}" if type_.name in WRITTEN else ""
    return f"of type {type_.name}{fields}{written}"


@dataclass(frozen=True, slots=True)
class Export:
    """A list that is read to its end. `statuses` are those of its sources at the beginning."""

    selection: Selection
    columns: tuple[ExportColumn, ...]
    statuses: Sequence[SourceStatus]
    url_of: UrlOf

    @property
    def name(self) -> str:
        """The name for a file, without its ending."""
        return f"opportunities-{self.selection.deals.now():%Y-%m-%d}"

    @property
    def headers(self) -> dict[str, str]:
        """How current the list is: a list of strings with parameters, as structured fields are written (RFC 9651)."""
        return {SOURCES: ", ".join(map(_structured, self.statuses))}

    async def chunks(self, encode: Encode) -> AsyncGenerator[bytes, None]:
        """Yield what `encode` makes of the rows, some at a time; it runs in the store's threads.

        Each time in a transaction of its own: however long a client reads, the store is not kept from changing.
        Raises `StoreOutage`.
        """
        order = self.selection.order
        rows = ROWS if is_indexed(order) else SORTED_ROWS
        following: PageRequest | None = PageRequest(self.selection.condition, order, rows)
        while following is not None:
            piece, following = await self.selection.read(partial(self._read, encode, following))
            if piece:
                yield piece

    def _read(self, encode: Encode, request: PageRequest, connection: Connection) -> tuple[bytes, PageRequest | None]:
        rows, following = chunk(connection, request)
        record_of = self.selection.deals.record
        reads = {source: readers(source, self.columns, self.url_of) for source in MAPPINGS}
        records = ((row.source, record_of(row), row.read_at) for row in rows)
        return encode([read(record, at) for read in reads[source]] for source, record, at in records), following


async def open_export(arguments: ExportArguments, given: Mapping[str, Any], context: Context) -> Export:
    """Return the export that these parameters ask for; raises a `ResolverError`, as `select` does."""
    asked = arguments.coerced({name: value for name, value in given.items() if name != "columns"})
    selection = await select(context, **asked)
    if not asked.get("order_by"):
        # By what never changes: of a list by its last change, deals that change meanwhile would be missed.
        selection = replace(selection, order=())
    columns = chosen(given.get("columns"), context.closed_fields)
    statuses = await selection.statuses()
    # To its end a file takes as long as it takes: what limits it is not known here.
    return Export(replace(selection, turns=ReadTurns(None)), columns, statuses, context.url_of)


def _structured(status: SourceStatus) -> str:
    as_of = "" if status.as_of is None else f";as-of=@{status.as_of // 1_000_000}"
    unread = f";unread-customers={status.unread_customers}" if status.unread_customers else ""
    return f'"{name_of(status)}"{as_of};complete{"" if status.is_complete else "=?0"}{unread}'
