"""How much one operation may ask for, checked before anything is validated, executed or fetched.

A document is measured once, in time linear in its length (`engine/cost.py`); the result is stored with the
document, and each request adds only the lengths of the lists in its variables.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from operator import attrgetter
from typing import Any, Final, NamedTuple

from graphql import (
    ArgumentNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLSchema,
    ListTypeNode,
    NamedTypeNode,
    NonNullTypeNode,
    OperationDefinitionNode,
    ValueNode,
    VariableDefinitionNode,
    get_named_type,
    is_input_object_type,
    is_object_type,
)

from engine.answer_cost import AnswerCost
from engine.cost import CostVisitor, LimitExceeded, QueryCost, QueryLimits, name_of
from engine.field_cost import Dearest, FieldCost, Part, RecordCost, Selected, record_count
from engine.input_cost import NO_INPUT, InputCost, input_cost, objects_in
from engine.lookup import ITEM_FIELDS, Listing, PageSize

RECORDS: Final = "records"
"""As the message of a limit has it."""

PAGE_ARGUMENTS: Final = frozenset({"first", "last"})

INTROSPECTION: Final = ("__schema", "__type")

MOST_ALIASES: Final = 2
"""In introspection, whose lists are long and nested. Without aliases it cannot select anything twice."""


@dataclass(slots=True)
class OperationCost:
    """What an operation costs, as far as that does not depend on its variables."""

    kind: str
    selected_fields: int = 0
    """Those of the document, fragments inlined, each once."""
    root_fields: frozenset[str] = frozenset()
    records: dict[str, FieldCost] = field(default_factory=dict)
    """The root fields that give records, by their names in the answer."""
    others: dict[str, FieldCost] = field(default_factory=dict)
    """The root fields that give none and take input objects."""
    inputs: InputCost = NO_INPUT
    """The input objects of its fields, each of which is read once; but if it `nests_inputs`."""
    nests_inputs: bool = False
    fields: int = 0
    """Root fields, and what is selected of those that give no records."""
    _input_variables: frozenset[str] = frozenset()

    def add_inputs(self, inputs: InputCost) -> None:
        """Add those of one of its fields."""
        self.inputs = self.inputs.add(inputs)
        self._input_variables |= {name for name, _ in inputs.variables}

    def input_objects(self, given: Mapping[str, Any]) -> dict[str, int]:
        """Return how many input objects the variables have that fields take, each gone through once."""
        return {name: objects_in(given[name]) for name in self._input_variables if name in given}


class _Variables(NamedTuple):
    """The variables of an operation: their defaults, and the names of those that hold input objects."""

    defaults: Mapping[str, ValueNode | None]
    of_objects: Collection[str]

    def input_cost(self, arguments: Collection[ArgumentNode] | None) -> InputCost:
        return input_cost(arguments or (), self.defaults, self.of_objects)


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
        item_fields: Collection[str] = ITEM_FIELDS,
    ) -> None:
        self.limits = limits
        self._item_fields = item_fields
        self._list_lengths = list_lengths
        self._nested_listings = nested_listings or {}
        self._page_sizes = {name: one.size for name, one in (listings or {}).items()} | dict(page_sizes or {})
        self._object_types = {name for name, type_ in schema.type_map.items() if is_object_type(type_)}
        self._input_types = {name for name, type_ in schema.type_map.items() if is_input_object_type(type_)}
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
            most = self.limits.max_operations
            raise LimitExceeded("operations in a document", most, len(operations), nodes=[operations[most]])
        visitor = CostVisitor(
            fragments, self.limits, self._nested_listings, self._object_types, self._list_lengths, self._item_fields
        )
        # What no operation uses is validated all the same.
        for name in fragments:
            visitor.fragment(name)
        return {o.name.value if o.name else None: self._operation(o, visitor) for o in operations}

    def check(self, cost: OperationCost, variables: Mapping[str, Any] | None) -> None:
        """Raise `LimitExceeded` if an operation requests too many records or fields of them, or by too large inputs."""
        given = variables or {}
        records, fields = 0, cost.fields
        for one in cost.records.values():
            of_field = one.totals(given)
            records += of_field[0]
            fields += of_field[1]
        if records > self.limits.max_records:
            raise _exceeded(RECORDS, self.limits.max_records, records, cost, given)
        if fields > self.limits.max_answer_fields:
            raise _exceeded("fields in the answer", self.limits.max_answer_fields, fields, cost, given)
        if cost.inputs is not NO_INPUT:
            found = cost.input_objects(given)
            objects = cost.inputs.count(found)
            if cost.nests_inputs:
                objects = sum([part.input_objects(found) for _, part in _parts(cost, given)])
            if objects > self.limits.max_input_objects:
                raise _too_many_objects(self.limits.max_input_objects, objects, cost, given)

    def _operation(self, operation: OperationDefinitionNode, visitor: CostVisitor) -> OperationCost:
        size = visitor.operation(operation)
        cost = OperationCost(operation.operation.value, size.fields)
        variables = _Variables(
            {d.variable.name.value: d.default_value for d in operation.variable_definitions or ()},
            {d.variable.name.value for d in operation.variable_definitions or () if _named(d) in self._input_types},
        )
        fields = visitor.root_fields(operation.selection_set)
        if len(fields) > self.limits.max_root_fields:
            where = f" in {name_of(operation)}"
            raise LimitExceeded("root fields", self.limits.max_root_fields, len(fields), where, [operation])
        cost.root_fields = frozenset(node.name.value for node, _ in fields)
        introspected = [(node, size) for node, size in fields if node.name.value in INTROSPECTION]
        aliases = sum(size.aliases + (node.alias is not None) for node, size in introspected)
        if aliases > MOST_ALIASES:
            where = f" in {name_of(operation)}"
            raise LimitExceeded(
                "aliases in introspection", MOST_ALIASES, aliases, where, [node for node, _ in introspected]
            )
        for node, size in fields:
            self._add(cost, node, size, variables)
        for one in (*cost.records.values(), *cost.others.values()):
            if one.inputs is NO_INPUT and not one.each.below and not one.once.below:  # as nearly always
                continue
            for part in one.parts({}):
                if part.cost.inputs is not NO_INPUT:
                    cost.add_inputs(part.cost.inputs)
                    cost.nests_inputs |= part.cost is not one
        if sum(one.size.constant for one in cost.records.values()) > self.limits.max_records:
            self.check(cost, {})
        return cost

    def _add(self, cost: OperationCost, node: FieldNode, size: QueryCost, variables: _Variables) -> None:
        cost.fields += 1
        page_size = self._page_sizes.get(node.name.value)
        asked = self._id_arguments.get(node.name.value) if page_size is None else PAGE_ARGUMENTS
        if not asked:
            cost.fields += self._selected(size.answer.of_object(), variables).fields
            if node.arguments and (inputs := variables.input_cost(node.arguments)) is not NO_INPUT:
                name = node.alias.value if node.alias else node.name.value
                cost.others[name] = FieldCost(node, (), RecordCost(0, ()), Selected(), inputs=inputs)
            return
        found = self._field(node, asked, page_size, size.answer, variables)
        # Fields of one name in the answer are fetched once, with what both select.
        name = node.alias.value if node.alias else node.name.value
        before = cost.records.get(name)
        if before is not None:
            found = replace(found, each=before.each.add(found.each), once=before.once.add(found.once))
        cost.records[name] = found

    def _field(
        self,
        node: FieldNode,
        asked: Collection[str],
        page_size: PageSize | None,
        answer: AnswerCost,
        variables: _Variables,
    ) -> FieldCost:
        """Return the cost of a field that gives records, as many as arguments say that are `asked` for."""
        arguments = tuple([one for one in node.arguments or () if one.name.value in asked])
        count = record_count([one.value for one in arguments], variables.defaults, page_size)
        rest = [one for one in node.arguments or () if one.name.value not in asked]
        inputs = variables.input_cost(rest) if rest else NO_INPUT
        if page_size is None:
            each = self._selected(answer.of_object(), variables)
            return FieldCost(node, arguments, count, each, inputs=inputs)
        each = self._selected(answer.items or AnswerCost(), variables)
        return FieldCost(node, arguments, count, each, self._selected(answer, variables), inputs)

    def _selected(self, answer: AnswerCost, variables: _Variables) -> Selected:
        """Return what is selected of an object, without the records of a page if it is one."""
        pages = [
            self._field(one.node, PAGE_ARGUMENTS, self._nested_listings[one.node.name.value].size, one.cost, variables)
            for one in answer.pages
        ]
        choices = [Dearest(tuple([self._selected(one, variables) for one in choice])) for choice in answer.choices]
        return Selected(answer.fields, (*pages, *choices))


def _named(definition: VariableDefinitionNode) -> str:
    type_ = definition.type
    while isinstance(type_, ListTypeNode | NonNullTypeNode):
        type_ = type_.type
    assert isinstance(type_, NamedTypeNode)
    return type_.name.value


def _parts(cost: OperationCost, given: Mapping[str, Any]) -> Iterator[tuple[FieldNode, Part]]:
    """Return the parts of an operation's totals, each with its root field."""
    for one in (*cost.records.values(), *cost.others.values()):
        for part in one.parts(given):
            yield one.node, part


def _exceeded(what: str, most: int, found: int, cost: OperationCost, given: Mapping[str, Any]) -> LimitExceeded:
    """Return the error for totals above a limit; it names the field that gives most of them."""
    parts = list(_parts(cost, given))
    if not parts:
        return LimitExceeded(what, most, found)
    number_of = attrgetter("records" if what == RECORDS else "fields")
    root, part = max(parts, key=lambda one: number_of(one[1]))
    own, place = part.cost.node, _place(root, part)
    by = " and ".join([f"`{one.name.value}`" for one in part.cost.arguments]) or "default"
    where = f": {place} asks for {number_of(part):,} of them, by {by}"
    return LimitExceeded(what, most, found, where, part.cost.arguments or [own])


def _too_many_objects(most: int, found: int, cost: OperationCost, given: Mapping[str, Any]) -> LimitExceeded:
    """Return the error for too many input objects; it names the field that takes most of them."""
    counts = cost.input_objects(given)
    root, part = max(_parts(cost, given), key=lambda one: one[1].input_objects(counts))
    where = f": {_place(root, part)} takes {part.input_objects(counts):,} of them"
    return LimitExceeded("input objects in arguments", most, found, where, [part.cost.node])


def _place(root: FieldNode, part: Part) -> str:
    own, name = part.cost.node, root.alias.value if root.alias else root.name.value
    return f"`{name}`" if own is root else f"`{own.name.value}` within `{name}`"
