"""From the text of a request to its answer: parse, validate, execute, and name every error.

Parsed and validated documents are kept, least recently used first out, so that a frontend's handful of operations is
read once. The executor is Strawberry's own.
"""

from collections import OrderedDict
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any

from graphql import DocumentNode, GraphQLError, OperationDefinitionNode, execute, parse, validate
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from schema.context import Context
from schema.errors import PARSE_FAILED, VALIDATION_FAILED, field_errors, request_errors, variable_errors
from schema.federation import FederatedSchema

MAX_TOKENS = 5_000
"""Tokens in a document; a query of 100 aliases with 20 fields each has about 2,600."""

MAX_VALIDATION_ERRORS = 10

KEPT_DOCUMENT_BYTES = 4_000_000
"""Source text of the documents kept; their syntax trees take some 50 times as much."""


@dataclass(frozen=True, slots=True)
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
    """A document that may be executed."""

    tree: DocumentNode
    operations: dict[str | None, str]
    """The kind of each operation (query, mutation, subscription) by its name."""

    def kind_of(self, operation_name: str | None) -> str | None:
        """Return the kind of the operation that would be executed; None where the name does not say which."""
        if operation_name is None and len(self.operations) == 1:
            return next(iter(self.operations.values()))
        return self.operations.get(operation_name)


class Engine:
    """Answers requests with one schema. Shared by all requests."""

    def __init__(self, schema: FederatedSchema, *, show_costs: bool = False) -> None:
        self._schema = schema._schema  # noqa: SLF001 - Strawberry has no public way to the graphql-core schema
        self._show_costs = show_costs
        self._documents: OrderedDict[str, Document | Answer] = OrderedDict()
        self._kept_bytes = 0

    def read(self, query: str) -> Document | Answer:
        """Return the document, or the answer that says why it cannot be executed."""
        known = self._documents.get(query)
        if known is not None:
            self._documents.move_to_end(query)
            return known
        found = self._read(query)
        self._documents[query] = found
        self._kept_bytes += len(query)
        while self._kept_bytes > KEPT_DOCUMENT_BYTES:
            dropped, _ = self._documents.popitem(last=False)
            self._kept_bytes -= len(dropped)
        return found

    async def answer(
        self, document: Document, variables: dict[str, Any] | None, operation_name: str | None, context: Context
    ) -> Answer:
        """Execute one operation of the document."""
        result = execute(
            self._schema,
            document.tree,
            context_value=context,
            variable_values=variables,
            operation_name=operation_name,
            executor_class=StrawberryGraphQLCoreExecutionContext,
        )
        if isawaitable(result):
            result = await result
        if result.data is None and result.errors and not any(error.path for error in result.errors):
            return Answer(errors=variable_errors(result.errors), is_request_error=True)
        return Answer(
            data=result.data,
            errors=field_errors(result.errors) if result.errors else None,
            extensions={"upstream": context.operation.report()} if self._show_costs else None,
        )

    def _read(self, query: str) -> Document | Answer:
        try:
            tree = parse(query, max_tokens=MAX_TOKENS)
        except GraphQLError as error:
            return Answer(errors=request_errors([error], PARSE_FAILED), is_request_error=True)
        except RecursionError:
            return Answer.refusal("The document is nested too deeply.", PARSE_FAILED)
        if errors := validate(self._schema, tree, max_errors=MAX_VALIDATION_ERRORS):
            return Answer(errors=request_errors(errors, VALIDATION_FAILED), is_request_error=True)
        operations = [node for node in tree.definitions if isinstance(node, OperationDefinitionNode)]
        return Document(tree, {node.name.value if node.name else None: node.operation.value for node in operations})
