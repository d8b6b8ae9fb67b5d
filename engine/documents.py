"""The cache of parsed and validated documents: least recently used first out, within a bound of memory.

Texts that differ in string literals and in the operation's name alone are one document where these may be parameters
(`engine/literals.py`). So are those that differ in aliases, but from the second one of them on: most documents have the
same aliases each time, and are not to pay for the search. What is compiled of a document counts towards the bound as
soon as it is compiled.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from graphql import DocumentNode, GraphQLSchema, OperationDefinitionNode, parse

from engine.compilation import Compilation
from engine.compiled_query import CompiledQuery
from engine.cost_limits import OperationCost
from engine.fallbacks import NotCompiled, Reason
from engine.literals import Parameterised, parameterisations
from lru import LRU

MOST_BYTES = 8_000_000
"""Memory for all documents, as `memory_of` estimates it."""

Refusal = TypeVar("Refusal")


class CompiledDocument:
    """The compiled operations of one document, by schema and name, each when it is requested for the second time."""

    def __init__(self, shared: Compilation) -> None:
        self.shared = shared
        self._found: dict[tuple[GraphQLSchema, str | None], CompiledQuery | Reason] = {}
        self._requested: set[tuple[GraphQLSchema, str | None]] = set()

    def operation(self, schema: GraphQLSchema, name: str | None) -> CompiledQuery | None:
        """Return an operation if it is compiled, or can be."""
        key = (schema, name)
        found = self._found.get(key)
        if found is None:
            operation = self._named(name)
            if operation is None or key not in self._requested:
                if operation is not None:
                    self._requested.add(key)
                self.shared.fallbacks.add(Reason.FIRST_REQUEST if operation else Reason.OPERATION)
                return None
            self.shared.bytes += 1_500
            try:
                found = CompiledQuery(schema, operation, self.shared)
            except NotCompiled as error:
                found = error.reason
            except Exception as error:  # graphql-core answers all the same
                self._found[key] = Reason.FAULT
                self.shared.fallbacks.add(Reason.FAULT, error)
                return None
            self._found[key] = found
        if isinstance(found, Reason):
            self.shared.fallbacks.add(found)
            return None
        return found

    def _named(self, name: str | None) -> OperationDefinitionNode | None:
        operations = self.shared.operations
        if name is None and len(operations) == 1:
            return next(iter(operations.values()))
        return operations.get(name)


Key = str | tuple[str, int, bool]
"""A text, or the key of its template."""


@dataclass(frozen=True, slots=True)
class Document:
    """A document that may be executed."""

    text: str
    operations: Mapping[str | None, OperationCost]
    """The cost of each operation by its name, by None where the name is a parameter."""
    compiled_document: CompiledDocument
    known_tree: DocumentNode | None
    parts: Parameterised | None = None
    """How the text is parameterised."""
    fixed_names: frozenset[str] = frozenset()
    """Response keys that no alias that is a parameter may be."""

    @property
    def key(self) -> Key:
        """What the text has in common with all those that are the same document."""
        return self.text if self.parts is None else self.parts.key

    @property
    def tree(self) -> DocumentNode:
        """The syntax tree of this very text."""
        return self.known_tree or parse(self.text)

    def of_text(self, text: str, parts: Parameterised) -> "Document":
        """Return the document that a text with other parameters is."""
        return Document(text, self.operations, self.compiled_document, None, parts, self.fixed_names)

    def operation_name(self, given: str | None) -> str | None:
        """Return the name of the operation that would be executed; None where it has none, or it is not clear which."""
        name = self.parts.name if self.parts else None
        if name is not None:  # a text has one operation where its name is a parameter
            return name if given is None or given == name else None
        return None if self.requested(given)[1] is None else given or next(iter(self.operations))

    def requested(self, operation_name: str | None) -> tuple[str | None, OperationCost | None]:
        """Return the key and the cost of the operation that would be executed; no cost where it is not clear which."""
        parts, costs = self.parts, self.operations
        key = None if parts is not None and operation_name == parts.name else operation_name
        return key, next(iter(costs.values())) if key is None and len(costs) == 1 else costs.get(key)

    def kind_of(self, operation_name: str | None) -> str | None:
        """Return the kind (query, mutation, subscription) of the operation that would be executed, if it is clear."""
        cost = self.requested(operation_name)[1]
        return cost.kind if cost else None


class Seen:
    """Stands for texts of which one was read, with its aliases in it."""


Read = Callable[[str, Iterable[Parameterised]], Document | Refusal]
"""Reads a text, which may have parameters in one of these ways."""


class Documents(Generic[Refusal]):
    """The cache of documents, and of the refusals of texts that cannot be executed."""

    def __init__(self, read: Read[Refusal], *, most_characters: int, most_bytes: int) -> None:
        self._read = read
        self._most_characters = most_characters
        self._known: LRU[Key, Document | Refusal | Seen] = LRU(
            max_size=most_bytes, size_of=lambda key, found: memory_of(found, key)
        )

    def __len__(self) -> int:
        return len(self._known)

    @property
    def bytes(self) -> int:
        """Memory for what is in the cache, estimated."""
        return self._known.size

    def get(self, text: str) -> Document | Refusal:
        """Return the document of a text, or its refusal, from the cache if it is there."""
        if len(text) <= self._most_characters:
            for parts in parameterisations(text):
                if isinstance(found := self._known.peek(parts.key), Document):
                    self._known.touch(parts.key)
                    return found if text == found.text else found.of_text(text, parts)
        known = self._known.get(text)
        return self._read_anew(text) if known is None or isinstance(known, Seen) else known

    def recount(self, document: Document) -> None:
        """Count what has been compiled of a document since it was counted last."""
        known = self._known.peek(document.key)
        if isinstance(known, Document) and known.compiled_document is document.compiled_document:
            self._known.put(document.key, known)

    def _read_anew(self, text: str) -> Document | Refusal:
        is_short = len(text) <= self._most_characters
        aliased = parameterisations(text, with_aliases=True) if is_short else []
        for parts in aliased:
            known = self._known.get(parts.key)
            if isinstance(known, Document) and known.fixed_names.isdisjoint(parts.aliases):
                return known if text == known.text else known.of_text(text, parts)
        ways = parameterisations(text) if is_short else []
        is_seen = any(parts.key in self._known for parts in aliased)
        found = self._read(text, aliased + ways if is_seen else ways)
        self._known.put(found.key if isinstance(found, Document) else text, found)
        if aliased and not is_seen and isinstance(found, Document):
            self._known.put(aliased[0].key, Seen())
        return found


def memory_of(found: object, key: Key) -> int:
    """Estimate the bytes that a document takes, or a refusal."""
    length = len(key if isinstance(key, str) else key[0])
    if isinstance(found, Document):
        return 15_000 + 100 * max(length, len(found.text)) + found.compiled_document.shared.bytes
    return 1_000 + 6 * length


def drop_tokens(tree: DocumentNode) -> None:
    """Unlink the tokens of a tree, which nothing reads: else each tree is a cycle that only a collection frees."""
    token = tree.loc.start_token if tree.loc else None
    while token is not None:
        token.prev, token.next, token = None, None, token.next
