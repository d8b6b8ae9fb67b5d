"""From the text of a request to its answer: parse, validate, execute, and name every error.

Parsed and validated documents are cached (`engine/documents.py`), so that a frontend's handful of operations is read
once. What is asked for again is compiled (`engine/compiler.py` says what, and when not); behind that stands
graphql-core's executor, in Strawberry's version.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any

from graphql import DocumentNode, ExecutionResult, GraphQLError, GraphQLSchema, execute, parse, validate
from graphql.validation.rules import overlapping_fields_can_be_merged
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from engine.answer_size import AnswerSize
from engine.compiler import Compiled, CompiledDocument
from engine.cost import LimitExceeded, QueryLimits
from engine.cost_limits import CostLimits, OperationCost
from engine.documents import MOST_BYTES, Document, Documents, drop_tokens
from engine.fallbacks import Fallbacks, Reason
from engine.literals import Parameterised, Slots
from engine.serialization_cache import SerializationCache
from engine.validation_rules import rules_for
from resolvers import global_id
from resolvers.errors import BadUserInput
from resolvers.fetching.upstream_context import UpstreamContext
from schema.access import MOST_REFUSALS, NO_CONTACTS, Access, Forbidden
from schema.context import Context
from schema.errors import PARSE_FAILED, VALIDATION_FAILED, field_errors, refusals, request_errors, variable_errors
from schema.federation import FederatedSchema

MAX_VALIDATION_ERRORS = 10

MAX_COMMENTS = 500

# Whether fields of one name can be merged takes time that grows with their number squared. graphql-core stops at this
# budget; its own default lets one document take most of a second.
overlapping_fields_can_be_merged.MAX_COMPLEXITY_BUDGET = 8_000


@dataclass(slots=True)  # not frozen, which would make each one three times as slow to make
class Answer:
    """A GraphQL response. `is_request_error`: nothing was executed, so the response has no `data`."""

    data: dict[str, Any] | None = None
    errors: list[dict[str, Any]] | None = None
    extensions: dict[str, Any] | None = None
    is_request_error: bool = False

    @classmethod
    def refusal(cls, message: str, code: str) -> "Answer":
        """Return the answer to a request that is not executed."""
        return cls(errors=request_errors([GraphQLError(message)], code), is_request_error=True)

    def body(self) -> dict[str, Any]:
        """Return the response as a JSON object."""
        found: dict[str, Any] = {} if self.is_request_error else {"data": self.data}
        if self.errors:
            found["errors"] = self.errors
        if self.extensions:
            found["extensions"] = self.extensions
        return found


class Engine:
    """Answers requests with one schema. Shared by all requests.

    `restricted` is the same schema with personal data closed, for callers that may not see it (`schema/access.py`).
    """

    def __init__(
        self,
        schema: FederatedSchema,
        *,
        restricted: FederatedSchema | None = None,
        limits: QueryLimits | None = None,
        show_costs: bool = False,
        suggests_names: bool = True,
        max_document_bytes: int = MOST_BYTES,
    ) -> None:
        self._schema = schema._schema  # noqa: SLF001 - Strawberry has no public way to the graphql-core schema
        self._restricted = restricted._schema if restricted else None  # noqa: SLF001 - as above
        self._planner = CostLimits(self._schema, limits or QueryLimits())
        self._show_costs = show_costs
        self._suggests_names = suggests_names
        self._documents: Documents[Answer] = Documents(
            self._read,
            most_characters=self._planner.limits.max_characters,
            most_bytes=max_document_bytes,
        )
        self._slots = Slots(self._schema)
        self._fallbacks = Fallbacks()
        self._serialization_cache = SerializationCache()

    @property
    def fallbacks(self) -> Mapping[Reason, int]:
        """How many operations graphql-core has executed, by the reason why they were not executed as compiled."""
        return self._fallbacks.counts

    def read(self, query: str) -> Document | Answer:
        """Return the document, or the answer that says why it cannot be executed."""
        return self._documents.get(query)

    async def answer(
        self, document: Document, variables: dict[str, Any] | None, operation_name: str | None, context: Context
    ) -> Answer:
        """Execute one operation of the document, with what its caller may see."""
        if refusal := self._refusal(document.plan(operation_name), variables, context.access):
            return refusal
        schema = self._schema if context.access.may_read_contacts else self._restricted
        assert schema, "no schema without personal data was given"
        most = self._planner.limits.max_answer_bytes
        try:
            result = await self._compiled(schema, document, variables or {}, operation_name, context, most)
            if result is None:
                result = await execute_with_graphql_core(schema, document.tree, variables, operation_name, context)
                AnswerSize(most).check(result.data)
        except LimitExceeded as error:
            return Answer.refusal(str(error), BadUserInput.code)
        if result.data is None and result.errors and not any(error.path for error in result.errors):
            return Answer(errors=variable_errors(result.errors, variables or {}), is_request_error=True)
        errors = field_errors(result.errors) if result.errors else []
        if context.refused:
            if len(context.refused) > MOST_REFUSALS:
                return Answer.refusal(f"{NO_CONTACTS} It was asked for too often.", Forbidden.code)
            errors += refusals(context.refused, Forbidden(NO_CONTACTS))
        return Answer(
            data=result.data,
            errors=errors or None,
            extensions=self._extensions(context.operation) or None,
        )

    async def _compiled(
        self,
        schema: GraphQLSchema,
        document: Document,
        variables: dict[str, Any],
        operation_name: str | None,
        context: Context,
        most_bytes: int,
    ) -> ExecutionResult | None:
        before = document.compiled_document.bytes
        shortcut = document.compiled_document.operation(schema, document.known_name(operation_name))
        if shortcut is None:
            return None
        try:
            return await shortcut.execute(variables, context, AnswerSize(most_bytes), document.text, document.parts)
        finally:
            if document.compiled_document.bytes != before:
                self._documents.recount(document)

    def _refusal(self, plan: OperationCost | None, variables: dict[str, Any] | None, access: Access) -> Answer | None:
        if plan is None:
            return None  # execution says which names there are
        if not access.closed_fields.isdisjoint(plan.root_fields):
            return Answer.refusal(
                "Introspection and the fields of a gateway are closed to this caller.", Forbidden.code
            )
        try:
            self._planner.check(plan, variables)
        except LimitExceeded as error:
            return Answer.refusal(str(error), BadUserInput.code)
        return None

    def _extensions(self, operation: UpstreamContext) -> dict[str, Any]:
        found: dict[str, Any] = {"upstream": operation.report()} if self._show_costs else {}
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

    def _read(self, query: str, ways: Iterable[Parameterised]) -> Document | Answer:
        limits = self._planner.limits
        try:
            tree = parse(
                query,
                max_lexical_tokens=limits.max_tokens,
                max_comments=MAX_COMMENTS,
                max_source_length=limits.max_characters,
            )
            drop_tokens(tree)
            costs = self._planner.costs(tree)
            errors = validate(
                self._schema,
                tree,
                rules_for(query),
                max_errors=MAX_VALIDATION_ERRORS,
                hide_suggestions=not self._suggests_names,
            )
        except GraphQLError as error:
            return Answer(errors=request_errors([error], PARSE_FAILED), is_request_error=True)
        except LimitExceeded as error:
            return Answer.refusal(str(error), BadUserInput.code)
        except RecursionError:
            return Answer.refusal("The document is nested too deeply.", PARSE_FAILED)
        if errors and errors[0].message == "Validation aborted.":
            return Answer.refusal("Too many fields of the same name would have to be compared.", BadUserInput.code)
        if errors:
            return Answer(errors=request_errors(errors, VALIDATION_FAILED), is_request_error=True)
        found = ((parts, self._slots.find(tree, parts)) for parts in ways)
        parts, slots = next((one for one in found if one[1] is not None), (None, None))
        if parts is not None and parts.name is not None:
            costs = {None: costs[parts.name]}
        shared = Compiled(query, tree, self._serialization_cache, self._fallbacks.of(query), parts, slots)
        return Document(query, costs, CompiledDocument(shared), tree, parts)


async def execute_with_graphql_core(
    schema: GraphQLSchema,
    tree: DocumentNode,
    variables: dict[str, Any] | None,
    operation_name: str | None,
    context: Context,
) -> ExecutionResult:
    """Return what graphql-core's executor gives: the measure of every answer."""
    result = execute(
        schema,
        tree,
        context_value=context,
        variable_values=variables,
        operation_name=operation_name,
        executor_class=StrawberryGraphQLCoreExecutionContext,
    )
    return await result if isawaitable(result) else result
