"""How much one operation may ask for, checked before anything is validated, executed or fetched.

A document is measured once, in time linear in its length (`engine/cost.py`); the result is stored with the
document, and each request adds only the lengths of the lists in its variables.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLSchema,
    IntValueNode,
    ListValueNode,
    NullValueNode,
    OperationDefinitionNode,
    ValueNode,
    VariableNode,
    get_named_type,
    is_object_type,
)

from engine.answer_cost import AnswerCost, NestedPage
from engine.cost import CostVisitor, LimitExceeded, QueryCost, QueryLimits
from engine.lookup import Listing, PageSize

INTROSPECTION: Final = ("__schema", "__type")

MOST_ALIASES: Final = 2
"""In introspection, whose lists are long and nested. Without aliases it cannot select anything twice."""


@dataclass(frozen=True, slots=True)
class RecordCost:
    """A root field that fetches records: how many its literals name, and which variables name more (or by default)."""

    constant: int
    variables: tuple[tuple[str, int], ...]
    fields: int

    def count(self, given: Mapping[str, Any]) -> int:
        """Return how many records it fetches with these variables."""
        count = self.constant
        for name, default in self.variables:
            value = given.get(name)
            count += len(value) if isinstance(value, list) else default if value is None else 1
        return count


@dataclass(frozen=True, slots=True)
class PageCost:
    """A root field that gives a page of records: the sizes in its literals, and the variables that give more of them.

    A size that is out of bounds is refused at the field, and so counts nothing.
    """

    size: PageSize
    literals: tuple[int, ...]
    variables: tuple[tuple[str, int | None], ...]
    fields: int

    @property
    def constant(self) -> int:
        """How many records it gives whatever the variables are."""
        return 0 if self.variables else self.count({})

    def count(self, given: Mapping[str, Any]) -> int:
        """Return how many records it gives with these variables."""
        values = [given.get(name, default) for name, default in self.variables]
        # As Int takes them: JSON's 200.0 is 200.
        sizes = [*self.literals, *(int(value) for value in values if isinstance(value, int | float) and value % 1 == 0)]
        return max([size if 0 < size <= self.size.most else 0 for size in sizes], default=self.size.default)


@dataclass(frozen=True, slots=True)
class Dearest:
    """What is selected of records of several types, for a record of one of them."""

    types: "tuple[tuple[int, tuple[NestedCost | Dearest, ...]], ...]"
    """The fields of each, and its pages of records."""

    def totals(self, given: Mapping[str, Any]) -> tuple[int, int]:
        """Return how many records, and fields of them, it gives at most with these variables."""
        found = [(totals(nested, given), fields) for fields, nested in self.types]
        return max(records for (records, _), _ in found), max(below + fields for (_, below), fields in found)


@dataclass(frozen=True, slots=True)
class NestedCost:
    """A page of records within each record of another list."""

    page: RecordCost | PageCost
    nested: "tuple[NestedCost | Dearest, ...]"

    def totals(self, given: Mapping[str, Any]) -> tuple[int, int]:
        """Return how many records it gives with these variables, and how many fields of them, with all below."""
        records, fields = totals(self.nested, given)
        count = self.page.count(given)
        return count * (1 + records), count * (self.page.fields + fields)


def totals(nested: Sequence[NestedCost | Dearest], given: Mapping[str, Any]) -> tuple[int, int]:
    """Return how many records, and fields of them, pages give within one record."""
    found = [one.totals(given) for one in nested]
    return sum(records for records, _ in found), sum(fields for _, fields in found)


@dataclass(slots=True)
class OperationCost:
    """What an operation costs, as far as that does not depend on its variables."""

    kind: str
    selected_fields: int = 0
    """Those of the document, fragments inlined, each once."""
    root_fields: frozenset[str] = frozenset()
    records: dict[str, RecordCost | PageCost] = field(default_factory=dict)
    nested: dict[str, list[NestedCost | Dearest]] = field(default_factory=dict)
    """Pages of records within those records."""
    fields: int = 0


class CostLimits:
    """Measures the documents of one schema, and checks requests against the limits."""

    def __init__(
        self,
        schema: GraphQLSchema,
        limits: QueryLimits,
        listings: Mapping[str, Listing] | None = None,
        nested_listings: Mapping[str, Listing] | None = None,
        page_sizes: Mapping[str, PageSize] | None = None,
        list_lengths: Mapping[str, int] | None = None,
    ) -> None:
        self.limits = limits
        self._list_lengths = list_lengths
        self._nested_listings = nested_listings or {}
        self._page_sizes = {name: one.size for name, one in (listings or {}).items()} | dict(page_sizes or {})
        self._object_types = {name for name, type_ in schema.type_map.items() if is_object_type(type_)}
        assert schema.query_type
        # An argument of type ID names a record, and so does a router's representation.
        self._id_arguments = {
            name: {a for a, argument in field.args.items() if get_named_type(argument.type).name in ("ID", "_Any")}
            for name, field in schema.query_type.fields.items()
        }

    def costs(self, document: DocumentNode) -> dict[str | None, OperationCost]:
        """Return each operation's cost by its name; raises `LimitExceeded`."""
        fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
        operations = [d for d in document.definitions if isinstance(d, OperationDefinitionNode)]
        if len(operations) > self.limits.max_operations:
            raise LimitExceeded("operations in a document", self.limits.max_operations)
        visitor = CostVisitor(fragments, self.limits, self._nested_listings, self._object_types, self._list_lengths)
        # What no operation uses is validated all the same.
        for name in fragments:
            visitor.fragment(name)
        return {o.name.value if o.name else None: self._operation(o, visitor) for o in operations}

    def check(self, cost: OperationCost, variables: Mapping[str, Any] | None) -> None:
        """Raise `LimitExceeded` if an operation requests too many records, or too many fields of them."""
        given = variables or {}
        records = 0
        fields = cost.fields
        for name, asked in cost.records.items():
            count = asked.count(given)
            nested = cost.nested[name]
            below, fields_below = totals(nested, given) if nested else (0, 0)
            records += count * (1 + below)
            fields += count * (asked.fields + fields_below)
        if records > self.limits.max_records:
            raise LimitExceeded("records", self.limits.max_records)
        if fields > self.limits.max_answer_fields:
            raise LimitExceeded("fields in the answer", self.limits.max_answer_fields)

    def _operation(self, operation: OperationDefinitionNode, visitor: CostVisitor) -> OperationCost:
        size = visitor.operation(operation)
        cost = OperationCost(operation.operation.value, size.fields)
        defaults = {d.variable.name.value: d.default_value for d in operation.variable_definitions or ()}
        fields = visitor.root_fields(operation.selection_set)
        if len(fields) > self.limits.max_root_fields:
            raise LimitExceeded("root fields", self.limits.max_root_fields)
        cost.root_fields = frozenset(node.name.value for node, _ in fields)
        introspected = [(node, size) for node, size in fields if node.name.value in INTROSPECTION]
        if sum(size.aliases + (node.alias is not None) for node, size in introspected) > MOST_ALIASES:
            raise LimitExceeded("aliases in introspection", MOST_ALIASES)
        for node, size in fields:
            self._add(cost, node, size, defaults)
        if sum(asked.constant for asked in cost.records.values()) > self.limits.max_records:
            raise LimitExceeded("records", self.limits.max_records)
        return cost

    def _add(
        self, cost: OperationCost, node: FieldNode, size: QueryCost, defaults: Mapping[str, ValueNode | None]
    ) -> None:
        cost.fields += 1
        page_size = self._page_sizes.get(node.name.value)
        asked = self._id_arguments.get(node.name.value) if page_size is None else {"first", "last"}
        if not asked:
            cost.fields += size.answer.fields
            return
        values = [argument.value for argument in node.arguments or () if argument.name.value in asked]
        # Fields of one name in the answer are fetched once, with what both select.
        name = node.alias.value if node.alias else node.name.value
        before = cost.records.get(name)
        fields = size.answer.fields + (before.fields if before else 0)
        cost.records[name] = record_cost(values, defaults, page_size, fields)
        cost.nested.setdefault(name, []).extend(self._nested(size.answer, defaults))

    def _nested(self, answer: AnswerCost, defaults: Mapping[str, ValueNode | None]) -> tuple[NestedCost | Dearest, ...]:
        """Return the pages of records within a record."""
        return (
            *[self._page(page, defaults) for page in answer.pages],
            *[
                Dearest(tuple([(one.fields, self._nested(one, defaults)) for one in choice]))
                for choice in answer.choices
            ],
        )

    def _page(self, page: NestedPage, defaults: Mapping[str, ValueNode | None]) -> NestedCost:
        arguments = [one.value for one in page.node.arguments or () if one.name.value in ("first", "last")]
        page_size = self._nested_listings[page.node.name.value].size
        return NestedCost(
            record_cost(arguments, defaults, page_size, page.cost.fields), self._nested(page.cost, defaults)
        )


def record_cost(
    values: Sequence[ValueNode], defaults: Mapping[str, ValueNode | None], page_size: PageSize | None, fields: int
) -> RecordCost | PageCost:
    """Return the cost of a root field with these arguments, each a literal or a variable with one of the `defaults`."""
    literals = [value for value in values if not isinstance(value, VariableNode)]
    variables = [value.name.value for value in values if isinstance(value, VariableNode)]
    if page_size is None:
        named = [(name, _length(defaults.get(name))) for name in variables]
        return RecordCost(sum(map(_length, literals)), tuple(named), fields)
    sizes = [number for value in literals if (number := _number(value)) is not None]
    return PageCost(page_size, tuple(sizes), tuple([(name, _number(defaults.get(name))) for name in variables]), fields)


def _length(value: ValueNode | None) -> int:
    """Return how many records a literal names; a single value is coerced to a list of one."""
    if isinstance(value, ListValueNode):
        return len(value.values)
    return 0 if value is None or isinstance(value, NullValueNode) else 1


def _number(value: ValueNode | None) -> int | None:
    """Return a literal that is a whole number; one of many digits is as good as any that is out of bounds."""
    return int(value.value[:20]) if isinstance(value, IntValueNode) else None
