"""From the text of a document to what may be executed: parsed, within its limits, valid."""

from collections.abc import Iterable, Mapping
from typing import Final

from graphql import DocumentNode, GraphQLError, GraphQLSchema, parse, validate
from graphql.validation.rules import overlapping_fields_can_be_merged

from engine.aliases import fixed_names, with_numbers
from engine.answer import Answer
from engine.compilation import Compilation
from engine.cost import LimitExceeded
from engine.cost_limits import CostLimits
from engine.documents import CompiledDocument, Document, drop_tokens
from engine.errors import BAD_USER_INPUT, PARSE_FAILED, VALIDATION_FAILED, ErrorFormatter
from engine.fallbacks import Fallbacks
from engine.literals import Parameterised
from engine.lookup import Records
from engine.serialization_cache import SerializationCache
from engine.slots import Slots
from engine.validation_rules import rules_for

MAX_VALIDATION_ERRORS: Final = 10

MAX_COMMENTS: Final = 500

# Whether fields of one name can be merged takes time that grows with their number squared. graphql-core stops at this
# budget; its own default lets one document take most of a second.
overlapping_fields_can_be_merged.MAX_COMPLEXITY_BUDGET = 8_000


class Reader:
    """Reads documents for one schema."""

    def __init__(
        self,
        schema: GraphQLSchema,
        records: Records,
        cost_limits: CostLimits,
        errors: ErrorFormatter,
        fallbacks: Fallbacks,
        *,
        suggests_names: bool,
    ) -> None:
        self._schema = schema
        self._records = records
        self._cost_limits = cost_limits
        self._errors = errors
        self._fallbacks = fallbacks
        self._suggests_names = suggests_names
        self._slots = Slots(schema)
        self._serialization_cache = SerializationCache()

    def forget_records(self) -> None:
        """Forget the JSON of records, whose mappings give other values from now on."""
        self._serialization_cache.clear()

    def read(self, text: str, ways: Iterable[Parameterised]) -> Document | Answer:
        """Return a text's document, or the response that refuses it; `ways`: how it may be parameterised."""
        limits = self._cost_limits.limits
        try:
            tree = parse(
                text,
                max_lexical_tokens=limits.max_tokens,
                max_comments=MAX_COMMENTS,
                max_source_length=limits.max_characters,
            )
            drop_tokens(tree)
            costs = self._cost_limits.costs(tree)
            errors = validate(
                self._schema,
                tree,
                rules_for(text),
                max_errors=MAX_VALIDATION_ERRORS,
                hide_suggestions=not self._suggests_names,
            )
        except GraphQLError as error:
            return self._refused([error], PARSE_FAILED)
        except LimitExceeded as error:
            return self._refused([error.located()], error.code)
        except RecursionError:
            return self._refused([GraphQLError("The document is nested too deeply.")], PARSE_FAILED)
        if errors and errors[0].message == "Validation aborted.":
            message = "Too many fields of the same name would have to be compared."
            return self._refused([GraphQLError(message)], BAD_USER_INPUT)
        if errors:
            return self._refused(errors, VALIDATION_FAILED)
        parts, slots = self._parameters(tree, ways)
        if parts is not None and parts.name is not None:
            costs = {None: costs[parts.name]}
        takes_aliases = parts is not None and parts.aliases
        shared = Compilation(
            text,
            with_numbers(tree) if takes_aliases else tree,
            self._records,
            self._serialization_cache,
            self._fallbacks.of(text),
            parts,
            slots,
        )
        fixed = fixed_names(tree) if takes_aliases else frozenset()
        return Document(text, costs, CompiledDocument(shared), tree, parts, fixed)

    def _parameters(
        self, tree: DocumentNode, ways: Iterable[Parameterised]
    ) -> tuple[Parameterised, Mapping[int, int]] | tuple[None, None]:
        for parts in ways:
            if (slots := self._slots.find(tree, parts)) is not None:
                return parts, slots
        return None, None

    def _refused(self, errors: list[GraphQLError], code: str) -> Answer:
        return Answer(errors=self._errors.request_errors(errors, code), is_request_error=True)
