"""Documents that were read before, least recently used first out, within a bound of memory.

Texts that differ in string literals alone are one document where these may be parameters (`engine/literals.py`). What
is compiled of a document counts towards the bound as soon as it is compiled.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from graphql import DocumentNode, parse

from engine.compiler import CompiledDocument
from engine.cost_limits import OperationCost
from engine.literals import Parameterised, take_out_literals
from lru import LRU

MOST_BYTES = 8_000_000
"""Memory for all documents, as `memory_of` estimates it."""

Refusal = TypeVar("Refusal")


@dataclass(frozen=True, slots=True)
class Document:
    """A document that may be executed."""

    text: str
    operations: Mapping[str | None, OperationCost]
    """What is known of each operation, by its name."""
    compiled_document: CompiledDocument
    known_tree: DocumentNode | None
    literals: Sequence[str] = ()
    """Those of the text that are parameters."""
    is_parameterised: bool = False

    @property
    def tree(self) -> DocumentNode:
        """The syntax tree of this very text."""
        return self.known_tree or parse(self.text)

    def with_literals(self, text: str, literals: Sequence[str]) -> "Document":
        """Return the document that a text with other literals is."""
        return self if text == self.text else replace(self, text=text, literals=literals, known_tree=None)

    def plan(self, operation_name: str | None) -> OperationCost | None:
        """Return the plan of the operation that would be executed; None where the name does not say which."""
        if operation_name is None and len(self.operations) == 1:
            return next(iter(self.operations.values()))
        return self.operations.get(operation_name)

    def kind_of(self, operation_name: str | None) -> str | None:
        """Return the kind (query, mutation, subscription) of the operation that would be executed, if it is clear."""
        plan = self.plan(operation_name)
        return plan.kind if plan else None


Read = Callable[[str, Sequence[str]], Document | Refusal]
"""Reads a text, with the literals that may be its parameters."""

Key = str | tuple[str]
"""A text, or a template."""


class Documents(Generic[Refusal]):
    """The cache of documents, and of refusals of texts that are none."""

    def __init__(self, read: Read[Refusal], *, most_characters: int, most_bytes: int) -> None:
        self._read = read
        self._most_characters = most_characters
        self._known: LRU[Key, Document | Refusal] = LRU(
            max_size=most_bytes, size_of=lambda key, found: memory_of(found, key)
        )

    def __len__(self) -> int:
        return len(self._known)

    @property
    def bytes(self) -> int:
        """Memory for what is in the cache, estimated."""
        return self._known.size

    def get(self, text: str) -> Document | Refusal:
        """Return the document of a text, or its refusal."""
        parts = take_out_literals(text) if len(text) <= self._most_characters else None
        if parts is not None and isinstance(found := self._known.get((parts.template,)), Document):
            return found.with_literals(text, parts.literals)
        known = self._known.get(text)
        return self._read_anew(text, parts) if known is None else known

    def recount(self, document: Document) -> None:
        """Count what has been compiled of a document since it was counted last."""
        key = _key(document)
        known = self._known.peek(key)
        if isinstance(known, Document) and known.compiled_document is document.compiled_document:
            self._known.put(key, known)

    def _read_anew(self, text: str, parts: Parameterised | None) -> Document | Refusal:
        found = self._read(text, parts.literals if parts else ())
        self._known.put(_key(found) if isinstance(found, Document) else text, found)
        return found


def _key(document: Document) -> Key:
    parts = take_out_literals(document.text) if document.is_parameterised else None
    return (parts.template,) if parts else document.text


def memory_of(found: object, key: Key) -> int:
    """Estimate the bytes that a document takes, or a refusal."""
    length = len(key if isinstance(key, str) else key[0])
    if isinstance(found, Document):
        return 15_000 + 100 * max(length, len(found.text)) + found.compiled_document.bytes
    return 1_000 + 6 * length


def drop_tokens(tree: DocumentNode) -> None:
    """Unlink the tokens of a tree, which nothing reads: else each tree is a cycle that waits for a collection."""
    token = tree.loc.start_token if tree.loc else None
    while token is not None:
        token.prev, token.next, token = None, None, token.next
