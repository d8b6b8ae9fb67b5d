"""The size of a GraphQL document with every fragment inlined, without inlining any.

Each fragment is measured once. So twenty fragments that each spread the next one twice count as a million fields, and
take no longer to measure than twenty fragments. Limiters that visit a fragment at every spread do the work that they
should prevent (CVE-2026-47706, CVE-2026-47707, GHSA-mfj6-6p54-m98c).
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    NamedTypeNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
)

from engine.answer_cost import AnswerCost, NestedPage
from engine.errors import BAD_USER_INPUT, RequestRefused

MAX_NESTING: Final = 100
"""Nested selection sets, those of fragments included. The bound comes from Python's stack, not from the graph."""

MOST_PAGES: Final = 200
"""Lists of records, those within the records of other lists included: each is added up for every request."""


@dataclass(frozen=True, slots=True)
class QueryLimits:
    """The bounds. A fragment counts wherever it is spread. GraphiQL's introspection passes the defaults."""

    max_characters: int = 50_000
    max_tokens: int = 2_000
    max_operations: int = 20
    max_depth: int = 20
    max_fields: int = 2_500
    max_aliases: int = 500
    max_root_fields: int = 100
    max_directives: int = 100
    max_records: int = 200
    max_answer_fields: int = 24_000
    """Fields times the records that they are selected on: what a response can hold if each list whose length is not
    known (`engine.lookup.Records.list_lengths`) has one item."""
    max_answer_bytes: int = 10_000_000
    """JSON of an answer's data (`engine/answer.py`)."""


class LimitExceeded(RequestRefused):
    """A document, or an operation with its variables, is over a limit; the text says which."""

    def __init__(self, what: str, most: int) -> None:
        super().__init__(f"This asks for too much: at most {most:,} {what} are allowed.", BAD_USER_INPUT)


@dataclass(slots=True)
class QueryCost:
    """The size of a selection set, fragments inlined."""

    depth: int = 0
    nesting: int = 0
    fields: int = 0
    aliases: int = 0
    directives: int = 0
    page_count: int = 0
    answer: AnswerCost = field(default_factory=AnswerCost, compare=False)

    def add(self, other: "QueryCost", *, below_field: bool = False) -> None:
        """Add a part of the selection set, but for its answer; `below_field`: it is the selection set of a field."""
        self.page_count += other.page_count
        self.depth = max(self.depth, other.depth + below_field)
        self.nesting = max(self.nesting, other.nesting + 1)
        self.fields += other.fields
        self.aliases += other.aliases
        self.directives += other.directives


class CostVisitor:
    """Measures one document. Validation refuses fragments that are not defined, or spread themselves.

    `nested_pages` are the names of fields below the root that give pages of records, `list_lengths` has those of lists
    that may have so many items, `object_types` those of types that exclude each other: no object is of two of them.
    """

    def __init__(
        self,
        fragments: Mapping[str, FragmentDefinitionNode],
        limits: QueryLimits,
        nested_pages: Collection[str] = (),
        object_types: Collection[str] = (),
        list_lengths: Mapping[str, int] | None = None,
    ) -> None:
        self._fragments = fragments
        self._nested_pages = nested_pages
        self._list_lengths = list_lengths or {}
        self._object_types = object_types
        self._limits = limits
        self._sizes: dict[str, QueryCost] = {}
        self._level = 0

    def operation(self, operation: OperationDefinitionNode) -> QueryCost:
        """Return an operation's size; raises `LimitExceeded`."""
        size = self._size(operation.selection_set)
        size.directives += len(operation.directives or ())
        size.directives += sum(len(d.directives or ()) for d in operation.variable_definitions or ())
        self._check(size)
        return size

    def fragment(self, name: str) -> QueryCost:
        """Return a fragment's size; raises `LimitExceeded`."""
        known = self._sizes.get(name)
        if known is None:
            self._sizes[name] = known = QueryCost()  # what a fragment that spreads itself finds
            if definition := self._fragments.get(name):
                size = self._size(definition.selection_set)
                size.directives += len(definition.directives or ())
                self._check(size)
                self._sizes[name] = known = size
        return known

    def root_fields(self, selection_set: SelectionSetNode) -> list[tuple[FieldNode, QueryCost]]:
        """Return the fields of an operation's own level, each with the size of what it selects."""
        found: list[tuple[FieldNode, QueryCost]] = []
        seen: set[str] = set()
        waiting = [selection_set]
        while waiting:
            for node in waiting.pop().selections:
                if isinstance(node, FieldNode):
                    found.append((node, self._below(node)))
                elif isinstance(node, InlineFragmentNode):
                    waiting.append(node.selection_set)
                elif isinstance(node, FragmentSpreadNode) and node.name.value not in seen:
                    seen.add(node.name.value)
                    if definition := self._fragments.get(node.name.value):
                        waiting.append(definition.selection_set)
        return found

    def _size(self, selection_set: SelectionSetNode) -> QueryCost:
        self._level += 1
        if self._level > MAX_NESTING:
            raise _too_deep()
        size = QueryCost()
        for node in selection_set.selections:
            self._add(size, node)
        self._level -= 1
        return size

    def _add(self, size: QueryCost, node: SelectionNode) -> None:
        size.directives += len(node.directives or ())
        if isinstance(node, FieldNode):
            size.fields += 1
            size.aliases += node.alias is not None
            below = self._below(node)
            size.add(below, below_field=True)
            if node.name.value in self._nested_pages:
                size.page_count += 1
                size.answer.add(AnswerCost(1 + below.answer.fields, [NestedPage(node, below.answer)]))
            else:
                further_items = self._list_lengths.get(node.name.value, 1) - 1
                size.answer.fields += 1 + further_items * below.answer.fields
                size.answer.add(below.answer)
        elif isinstance(node, InlineFragmentNode):
            self._add_fragment(size, self._size(node.selection_set), node.type_condition)
        elif isinstance(node, FragmentSpreadNode):
            definition = self._fragments.get(node.name.value)
            self._add_fragment(size, self.fragment(node.name.value), definition.type_condition if definition else None)

    def _add_fragment(self, size: QueryCost, part: QueryCost, condition: NamedTypeNode | None) -> None:
        size.add(part)
        is_exclusive = condition is not None and condition.name.value in self._object_types
        size.answer.add(part.answer, on=condition.name.value if condition and is_exclusive else None)

    def _below(self, node: FieldNode) -> QueryCost:
        """Return the size of what a field selects."""
        if node.selection_set is None:
            return QueryCost()
        size = self._size(node.selection_set)
        size.answer.close()
        return size

    def _check(self, size: QueryCost) -> None:
        limits = self._limits
        if size.nesting > MAX_NESTING:
            raise _too_deep()
        for found, what, most in (
            (size.depth, "levels of fields", limits.max_depth),
            (size.fields, "fields", limits.max_fields),
            (size.aliases, "aliases", limits.max_aliases),
            (size.directives, "directives", limits.max_directives),
            (size.page_count, "lists", MOST_PAGES),
        ):
            if found > most:
                raise LimitExceeded(what, most)


def _too_deep() -> LimitExceeded:
    return LimitExceeded("selection sets within one another", MAX_NESTING)
