"""The size of a GraphQL document with every fragment inlined, without inlining any.

Each fragment is measured once. So twenty fragments that each spread the next one twice count as a million fields, and
take no longer to measure than twenty fragments. Limiters that visit a fragment at every spread do the work that they
should prevent (CVE-2026-47706, CVE-2026-47707, GHSA-mfj6-6p54-m98c).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    NamedTypeNode,
    Node,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
)

from engine.answer_cost import AnswerCost, NestedPage
from engine.errors import BAD_USER_INPUT, RequestRefused
from engine.lookup import ITEM_FIELDS

MAX_NESTING: Final = 100
"""Nested selection sets, those of fragments included. The bound comes from Python's stack, not from the graph."""

MOST_PAGES: Final = 200
"""Lists of records, those within the records of other lists included: each is added up for every request."""

MOST_SHOWN: Final = 1_000_000_000
"""The largest number in a message."""

_NESTED: Final = "selection sets within one another"


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
    max_input_objects: int = 1_000
    """Input objects in arguments (`engine/input_cost.py`), times the records whose fields take them."""
    max_answer_bytes: int = 10_000_000
    """JSON of an answer's data (`engine/answer.py`)."""


class LimitExceeded(RequestRefused):
    """A document, or an operation with its variables, is over a limit.

    The text says which, how much was `found` if that is known, and `where`; the `nodes` are there, too.
    """

    def __init__(
        self, what: str, most: int, found: int | None = None, where: str = "", nodes: Sequence[Node] = ()
    ) -> None:
        said = f"This asks for too much: at most {most:,} {what} are allowed"
        said += "" if found is None else f", not {_shown(found)}"
        super().__init__(f"{said}{where}.", BAD_USER_INPUT, nodes)


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
    `item_fields` are the names of a page's fields whose selections count for each of its records.
    """

    def __init__(
        self,
        fragments: Mapping[str, FragmentDefinitionNode],
        limits: QueryLimits,
        nested_pages: Collection[str] = (),
        object_types: Collection[str] = (),
        list_lengths: Mapping[str, int] | None = None,
        item_fields: Collection[str] = ITEM_FIELDS,
    ) -> None:
        self._fragments = fragments
        self._nested_pages = nested_pages
        self._item_fields = item_fields
        self._list_lengths = list_lengths or {}
        self._object_types = object_types
        self._limits = limits
        self._sizes: dict[str, QueryCost] = {}
        self._depths: dict[int, int] = {}
        """Of selections of a document that is too deep, by their nodes' identity."""
        self._level = 0

    def operation(self, operation: OperationDefinitionNode) -> QueryCost:
        """Return an operation's size; raises `LimitExceeded`."""
        size = self._size(operation.selection_set)
        size.directives += len(operation.directives or ())
        size.directives += sum(len(d.directives or ()) for d in operation.variable_definitions or ())
        self._check(size, operation)
        return size

    def fragment(self, name: str) -> QueryCost:
        """Return a fragment's size; raises `LimitExceeded`."""
        known = self._sizes.get(name)
        if known is None:
            self._sizes[name] = known = QueryCost()  # what a fragment that spreads itself finds
            if definition := self._fragments.get(name):
                size = self._size(definition.selection_set)
                size.directives += len(definition.directives or ())
                self._check(size, definition)
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
            raise LimitExceeded(_NESTED, MAX_NESTING, nodes=[selection_set])
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
            name = node.name.value
            size.answer.fields += 1
            if name in self._nested_pages:
                size.page_count += 1
                size.answer.pages.append(NestedPage(node, below.answer))
                return
            selected = below.answer.of_object()
            if name in self._item_fields:
                size.answer.add_items(selected)
            else:
                size.answer.fields += (self._list_lengths.get(name, 1) - 1) * selected.fields
                size.answer.add(selected)
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

    def _check(self, size: QueryCost, definition: OperationDefinitionNode | FragmentDefinitionNode) -> None:
        limits = self._limits
        for found, what, most in (
            (size.nesting, _NESTED, MAX_NESTING),
            (size.depth, "levels of fields", limits.max_depth),
            (size.fields, "fields", limits.max_fields),
            (size.aliases, "aliases", limits.max_aliases),
            (size.directives, "directives", limits.max_directives),
            (size.page_count, "lists", MOST_PAGES),
        ):
            if found > most:
                where = [self._too_deep(definition)] if what == "levels of fields" else [definition]
                raise LimitExceeded(what, most, found, f" in {name_of(definition)}", where)

    def _too_deep(self, definition: OperationDefinitionNode | FragmentDefinitionNode) -> Node:
        """Return the first field on the way to the deepest one that is too deep."""
        place: Node = definition
        selections, levels = definition.selection_set.selections, 0
        for _ in range(MAX_NESTING):  # fragments may spread themselves
            place = max(selections, key=self._depth)
            levels += isinstance(place, FieldNode)
            if levels > self._limits.max_depth:
                break
            below = self._fragments.get(place.name.value) if isinstance(place, FragmentSpreadNode) else place
            if isinstance(below, FieldNode | InlineFragmentNode | FragmentDefinitionNode) and below.selection_set:
                selections = below.selection_set.selections
        return place

    def _depth(self, node: SelectionNode) -> int:
        """Return how many levels of fields a selection has; each is looked at once, whoever asks."""
        if isinstance(node, FragmentSpreadNode):
            return self.fragment(node.name.value).depth
        depth = self._depths.get(id(node))
        if depth is None:
            assert isinstance(node, FieldNode | InlineFragmentNode)
            below = node.selection_set.selections if node.selection_set else ()
            self._depths[id(node)] = depth = isinstance(node, FieldNode) + max(map(self._depth, below), default=0)
        return depth


def name_of(definition: OperationDefinitionNode | FragmentDefinitionNode) -> str:
    """Return what a message calls an operation or a fragment."""
    kind = "fragment" if isinstance(definition, FragmentDefinitionNode) else definition.operation.value
    return f"{kind} `{definition.name.value}`" if definition.name else f"the {kind}"


def _shown(number: int) -> str:
    """Return a number as people read it: fragments can multiply it beyond that."""
    return f"{number:,}" if number < MOST_SHOWN else f"more than {MOST_SHOWN:,}"
