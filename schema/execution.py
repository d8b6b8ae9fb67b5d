"""From the text of a request to its answer: parse, validate, execute, and name every error.

Parsed and validated documents are kept, least recently used first out, so that a frontend's handful of operations is
read once. What is asked for again is compiled (`schema/compiled.py` says what, and when not); behind that stands
graphql-core's executor, in Strawberry's version.
"""

from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any

from graphql import DocumentNode, ExecutionResult, GraphQLError, GraphQLSchema, execute, parse, validate
from graphql.validation.rules import overlapping_fields_can_be_merged
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from resolvers import global_id
from resolvers.errors import BadUserInput
from resolvers.operation import Operation
from schema.access import MOST_REFUSALS, NO_CONTACTS, Access, Forbidden
from schema.compiled import Shortcuts
from schema.context import Context
from schema.errors import PARSE_FAILED, VALIDATION_FAILED, field_errors, refusals, request_errors, variable_errors
from schema.federation import FederatedSchema
from schema.limits import Plan, Planner
from schema.measure import Limits, TooMuch
from schema.memo import Memo
from schema.pieces import PiecedShortcuts, take_apart
from schema.rules import rules_for

MAX_VALIDATION_ERRORS = 10

MAX_COMMENTS = 500

# Whether fields of one name can be merged takes time that grows with their number squared. graphql-core stops at this
# budget; its own default lets one document take most of a second.
overlapping_fields_can_be_merged.MAX_COMPLEXITY_BUDGET = 8_000

KEPT_DOCUMENT_BYTES = 8_000_000
"""Memory for the documents that are kept, as `_memory_of` estimates it."""


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


@dataclass(frozen=True, slots=True)
class Document:
    """A document that may be executed. Its tree is not kept where it was put together from pieces."""

    text: str
    operations: dict[str | None, Plan]
    """What is known of each operation, by its name."""
    shortcuts: Shortcuts | PiecedShortcuts
    kept_tree: DocumentNode | None = None
    pieces: Collection[str] = ()
    """The texts of those that it was put together from."""

    @property
    def tree(self) -> DocumentNode:
        """The syntax tree."""
        return self.kept_tree or parse(self.text)

    def plan(self, operation_name: str | None) -> Plan | None:
        """Return the plan of the operation that would be executed; None where the name does not say which."""
        if operation_name is None and len(self.operations) == 1:
            return next(iter(self.operations.values()))
        return self.operations.get(operation_name)

    def kind_of(self, operation_name: str | None) -> str | None:
        """Return the kind (query, mutation, subscription) of the operation that would be executed, if it is clear."""
        plan = self.plan(operation_name)
        return plan.kind if plan else None


class Engine:
    """Answers requests with one schema. Shared by all requests.

    `restricted` is the same schema with personal data closed, for callers that may not see it (`schema/access.py`).
    """

    def __init__(
        self,
        schema: FederatedSchema,
        *,
        restricted: FederatedSchema | None = None,
        limits: Limits | None = None,
        show_costs: bool = False,
        suggests_names: bool = True,
    ) -> None:
        self._schema = schema._schema  # noqa: SLF001 - Strawberry has no public way to the graphql-core schema
        self._restricted = restricted._schema if restricted else None  # noqa: SLF001 - as above
        self._planner = Planner(self._schema, limits or Limits())
        self._show_costs = show_costs
        self._suggests_names = suggests_names
        self._documents: OrderedDict[str, Document | Answer] = OrderedDict()
        self._kept_bytes = 0
        self._memo = Memo()

    def read(self, query: str) -> Document | Answer:
        """Return the document, or the answer that says why it cannot be executed."""
        found = self._known(query)
        if found is None:
            found = self._keep(query, self._put_together(query) or self._read(query))
            self._use(query, found)
        return found

    def _known(self, query: str) -> Document | Answer | None:
        known = self._documents.get(query)
        if known is not None:
            self._use(query, known)
        return known

    def _use(self, query: str, found: Document | Answer) -> None:
        """Forget it last, and before its pieces: forgotten, they would live on in it, and count no more."""
        for text in (query, *(found.pieces if isinstance(found, Document) else ())):
            if text in self._documents:
                self._documents.move_to_end(text)

    def _keep(self, query: str, found: Document | Answer) -> Document | Answer:
        self._documents[query] = found
        self._kept_bytes += _memory_of(query, found)
        while self._kept_bytes > KEPT_DOCUMENT_BYTES:
            self._kept_bytes -= _memory_of(*self._documents.popitem(last=False))
        return found

    async def answer(
        self, document: Document, variables: dict[str, Any] | None, operation_name: str | None, context: Context
    ) -> Answer:
        """Execute one operation of the document, with what its caller may see."""
        if refusal := self._refusal(document.plan(operation_name), variables, context.access):
            return refusal
        schema = self._schema if context.access.may_read_contacts else self._restricted
        assert schema, "no schema without personal data was given"
        shortcut = document.shortcuts.operation(schema, operation_name)
        result = await shortcut.execute(variables or {}, context) if shortcut else None
        if result is None:
            result = await execute_with_graphql_core(schema, document.tree, variables, operation_name, context)
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

    def _refusal(self, plan: Plan | None, variables: dict[str, Any] | None, access: Access) -> Answer | None:
        if plan is None:
            return None  # execution says which names there are
        if not access.closed_fields.isdisjoint(plan.root_fields):
            return Answer.refusal(
                "Introspection and the fields of a gateway are closed to this caller.", Forbidden.code
            )
        try:
            self._planner.check(plan, variables)
        except TooMuch as error:
            return Answer.refusal(str(error), BadUserInput.code)
        return None

    def _extensions(self, operation: Operation) -> dict[str, Any]:
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

    def _put_together(self, query: str) -> Document | None:
        """Return a document that consists of known pieces, or of pieces that are then known."""
        pieces = take_apart(query, self._planner.limits)
        if pieces is None:
            return None
        shortcuts = {}
        for text in pieces.texts:
            piece = self._known(text) or self._keep(text, self._read(text))
            if isinstance(piece, Answer):
                return None
            assert isinstance(piece.shortcuts, Shortcuts)
            shortcuts[text] = piece.shortcuts
        plans = {pieces.operation_name: Plan("query")}
        return Document(query, plans, PiecedShortcuts(pieces, shortcuts), pieces=pieces.texts)

    def _read(self, query: str) -> Document | Answer:
        limits = self._planner.limits
        try:
            tree = parse(
                query,
                max_lexical_tokens=limits.max_tokens,
                max_comments=MAX_COMMENTS,
                max_source_length=limits.max_characters,
            )
            plans = self._planner.plans(tree)
            errors = validate(
                self._schema,
                tree,
                rules_for(query),
                max_errors=MAX_VALIDATION_ERRORS,
                hide_suggestions=not self._suggests_names,
            )
        except GraphQLError as error:
            return Answer(errors=request_errors([error], PARSE_FAILED), is_request_error=True)
        except TooMuch as error:
            return Answer.refusal(str(error), BadUserInput.code)
        except RecursionError:
            return Answer.refusal("The document is nested too deeply.", PARSE_FAILED)
        if errors and errors[0].message == "Validation aborted.":
            return Answer.refusal("Too many fields of the same name would have to be compared.", BadUserInput.code)
        if errors:
            return Answer(errors=request_errors(errors, VALIDATION_FAILED), is_request_error=True)
        return Document(query, plans, Shortcuts(tree, self._memo), tree)


def _memory_of(query: str, found: Document | Answer) -> int:
    """Estimate: a syntax tree was measured at 60 to 210 times its text, longer ones at less; and what is compiled."""
    has_tree = isinstance(found, Document) and found.kept_tree is not None
    return 25_000 + 150 * len(query) if has_tree else 1_000 + 6 * len(query)


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
