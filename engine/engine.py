"""From the text of a request to its response.

Parsed and validated documents are cached (`engine/documents.py`), so that a frontend's handful of operations is read
once. What is asked for again is compiled (`engine/compiler.py` says what, and when not); graphql-core's executor, in
Strawberry's version, executes everything else.
"""

from collections.abc import AsyncGenerator, Callable, Mapping
from inspect import isawaitable
from typing import Any

from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLSchema,
    create_source_event_stream,
    execute,
)
from graphql.execution import Executor
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from engine.answer import Answer, AnswerSize
from engine.context import Context
from engine.cost import LimitExceeded, QueryLimits
from engine.cost_limits import CostLimits, OperationCost
from engine.documents import MOST_BYTES, Document, Documents
from engine.errors import ErrorFormatter, RequestRefused, forget_frames
from engine.fallbacks import Fallbacks, Reason
from engine.lookup import Records
from engine.reader import Reader


class Engine:
    """Answers requests with one schema. Shared by all requests.

    `restricted` is the same schema with fields closed, for callers whose access is restricted.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        records: Records,
        errors: ErrorFormatter,
        *,
        restricted: GraphQLSchema | None = None,
        limits: QueryLimits | None = None,
        suggests_names: bool = True,
        max_document_bytes: int = MOST_BYTES,
    ) -> None:
        self._schema = schema
        self._restricted = restricted
        self._errors = errors
        self._suggests_names = suggests_names
        self._limits = limits or QueryLimits()
        self._cost_limits = CostLimits(
            schema,
            self._limits,
            records.listings,
            records.nested_listings,
            records.page_sizes,
            records.list_lengths,
            records.item_fields,
        )
        self._fallbacks = Fallbacks()
        self.compiled = 0
        """How many operations were executed as compiled."""
        reader = Reader(schema, records, self._cost_limits, errors, self._fallbacks, suggests_names=suggests_names)
        self._documents: Documents[Answer] = Documents(
            reader.read, most_characters=self._limits.max_characters, most_bytes=max_document_bytes
        )
        self.read: Callable[[str], Document | Answer] = self._documents.get
        """Return a text's document, or the response that says why it cannot be executed."""
        self.forget_records: Callable[[], None] = reader.forget_records
        """Forget the JSON of records, whose mappings give other values from now on."""

    @property
    def fallbacks(self) -> Mapping[Reason, int]:
        """How many operations graphql-core has executed, by the reason why they were not executed as compiled."""
        return self._fallbacks.counts

    def refusal(self, message: str, code: str) -> Answer:
        """Return the response to a request that is not executed."""
        return self._refused(RequestRefused(message, code))

    def _refused(self, error: RequestRefused) -> Answer:
        errors = self._errors.request_errors([error.located()], error.code)
        return Answer(errors=errors, is_request_error=True)

    async def answer(
        self, document: Document, variables: dict[str, Any] | None, operation_name: str | None, context: Context
    ) -> Answer:
        """Execute one operation of the document, with what its caller may see; a subscription's for one event."""
        try:
            schema, key = self._admitted(document, variables, operation_name, context)
            most, compiled = self._limits.max_answer_bytes, document.compiled_document
            before = compiled.shared.bytes
            query = compiled.operation(schema, key)
            result = None
            try:
                if query is not None:
                    size = AnswerSize(most)
                    result = await query.execute(variables or {}, context, size, document.text, document.parts)
            finally:
                if compiled.shared.bytes != before:
                    self._documents.recount(document)
            if result is None:
                result = await execute_with_graphql_core(
                    schema, document.tree, variables, operation_name, context, suggests_names=self._suggests_names
                )
                AnswerSize(most).check(result.data)
            else:
                self.compiled += 1
            return self._answer(result, variables, context)
        except RequestRefused as error:
            return self._refused(error)

    async def subscribe(
        self, document: Document, variables: dict[str, Any] | None, operation_name: str | None, context: Context
    ) -> AsyncGenerator[Any, None] | Answer:
        """Return the events of a subscription, for each of which `answer` executes it with a context that has the
        event; or the response that says why there are none (GraphQL specification, 6.2.3.1)."""
        try:
            schema, _ = self._admitted(document, variables, operation_name, context)
            executor = StrawberryGraphQLCoreExecutionContext.build(
                schema,
                document.tree,
                context_value=context,
                raw_variable_values=variables,
                operation_name=operation_name,
                hide_suggestions=not self._suggests_names,
            )
            if not isinstance(executor, Executor):
                return self._answer(ExecutionResult(None, list(executor)), variables, context)
            found = create_source_event_stream(executor)
            result: Any = await found if isawaitable(found) else found  # the generator that its resolver is
            return self._answer(result, variables, context) if isinstance(result, ExecutionResult) else result
        except RequestRefused as error:
            return self._refused(error)

    def _admitted(
        self, document: Document, variables: dict[str, Any] | None, operation_name: str | None, context: Context
    ) -> tuple[GraphQLSchema, str | None]:
        """Return the schema that an operation is executed on, and its key; raises `RequestRefused`."""
        access = context.access
        key, cost = document.requested(operation_name)
        if cost is not None:  # else execution says which names there are
            if not access.closed_fields.isdisjoint(cost.root_fields):
                access.refuse_root_fields()
            self._check(document, operation_name, cost, variables)
            context.selected_fields = cost.selected_fields
        schema = self._restricted if access.is_restricted else self._schema
        assert schema, "no restricted schema was given"
        return schema, key

    def _check(
        self, document: Document, operation_name: str | None, cost: OperationCost, variables: dict[str, Any] | None
    ) -> None:
        """Raise `LimitExceeded`, with the names and places that the document's own text has."""
        try:
            self._cost_limits.check(cost, variables)
        except LimitExceeded:
            if document.known_tree is None:
                costs = self._cost_limits.costs(document.tree)
                self._cost_limits.check(costs.get(operation_name) or next(iter(costs.values())), variables)
            raise

    def _answer(self, result: ExecutionResult, variables: dict[str, Any] | None, context: Context) -> Answer:
        """Return what an execution gave as a response; raises `RequestRefused`."""
        if result.data is None and result.errors and not any(error.path for error in result.errors):
            return Answer(errors=self._errors.variable_errors(result.errors, variables or {}), is_request_error=True)
        has_errors = result.errors or context.refused
        errors = self._errors.execution_errors(result.errors or (), context) if has_errors else None
        forget_frames(result.errors or ())
        return Answer(data=result.data, errors=errors or None)


async def execute_with_graphql_core(
    schema: GraphQLSchema,
    tree: DocumentNode,
    variables: dict[str, Any] | None,
    operation_name: str | None,
    context: Context,
    *,
    suggests_names: bool = True,
) -> ExecutionResult:
    """Return what graphql-core's executor gives: the measure of every answer."""
    result = execute(
        schema,
        tree,
        root_value=context.event,
        context_value=context,
        variable_values=variables,
        operation_name=operation_name,
        executor_class=StrawberryGraphQLCoreExecutionContext,
        hide_suggestions=not suggests_names,
    )
    return await result if isawaitable(result) else result
