"""Which parameters of a document's text (`engine/literals.py`) its syntax tree allows, and where they stand in it."""

from collections.abc import Collection, Iterator, Mapping, Sequence

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLSchema,
    InlineFragmentNode,
    ListValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    StringValueNode,
    ValueNode,
    get_named_type,
)

from engine.aliases import alias_nodes, fixed_names
from engine.literals import Parameterised

Slot = int | slice
"""Which of a text's parameters an argument is: one, or the items of a list."""


class Slots:
    """Finds the arguments of root fields that may be parameters: those of type `ID`, which every string fits."""

    def __init__(self, schema: GraphQLSchema) -> None:
        assert schema.query_type
        self._root = schema.query_type.name
        self._arguments = {
            (name, argument)
            for name, field in schema.query_type.fields.items()
            for argument, definition in field.args.items()
            if get_named_type(definition.type).name == "ID"
        }

    def find(self, tree: DocumentNode, parts: Parameterised) -> Mapping[int, int] | None:
        """Return the number of each parameter by its place in the text; None unless all of them may be parameters.

        Two fields of one name in the answer have to have equal arguments (GraphQL specification, 5.3.2), so that the
        literals of such fields decide whether the document is valid. So do the names of several operations (5.2.1).
        """
        others = len(parts.aliases) + (parts.name is not None)
        slots = self._literals(tree) if len(parts.parameters) > others else []
        if slots is None:
            return None
        if parts.aliases:
            nodes = alias_nodes(tree)
            if [node.value for node in nodes] != list(parts.aliases) or not fixed_names(tree).isdisjoint(parts.aliases):
                return None
            slots += [node.loc.start for node in nodes if node.loc]
        if parts.name is not None:
            operations = [one for one in tree.definitions if isinstance(one, OperationDefinitionNode)]
            name = operations[0].name
            if len(operations) > 1 or name is None or name.loc is None:
                return None
            slots.append(name.loc.start)
        if len(slots) != len(parts.parameters):
            return None
        return {start: index for index, start in enumerate(slots)}

    def _literals(self, tree: DocumentNode) -> list[int] | None:
        found: list[int] = []
        names: set[str] = set()
        for field in self._root_fields(tree):
            starts = [start for value in self._values(field) for start in _starts(value)]
            name = field.alias.value if field.alias else field.name.value
            if starts and name in names:
                return None
            names.add(name)
            found += starts
        return sorted(found)

    def _root_fields(self, tree: DocumentNode) -> Iterator[FieldNode]:
        waiting: list[SelectionSetNode] = [
            one.selection_set
            for one in tree.definitions
            if isinstance(one, OperationDefinitionNode)
            or (isinstance(one, FragmentDefinitionNode) and one.type_condition.name.value == self._root)
        ]
        while waiting:
            for node in waiting.pop().selections:
                if isinstance(node, FieldNode):
                    yield node
                elif isinstance(node, InlineFragmentNode):
                    waiting.append(node.selection_set)

    def _values(self, field: FieldNode) -> Iterator[ValueNode]:
        for argument in field.arguments or ():
            if (field.name.value, argument.name.value) in self._arguments:
                yield argument.value


def slot_of(node: ValueNode | None, slots: Mapping[int, int], *, is_list: bool) -> Slot | None:
    """Return which parameters of the text a value is; None if it is none."""
    starts = _starts(node) if node else ()
    numbers = [slots[start] for start in starts if start in slots]
    if not numbers:
        return None
    return slice(numbers[0], numbers[-1] + 1) if is_list else numbers[0]


def shifted_position(position: int, slots: Mapping[int, int], before: Sequence[str], after: Sequence[str]) -> int:
    """Return the position in a text (its parameters `after`) of one in the first text (`before`) of its template."""
    return position + sum(len(after[n]) - len(before[n]) for start, n in slots.items() if start < position)


def _starts(value: ValueNode) -> Collection[int]:
    """Return the positions of an argument's literals; none if it has anything else besides."""
    nodes = value.values if isinstance(value, ListValueNode) else (value,)
    if not all(isinstance(node, StringValueNode) for node in nodes):
        return ()
    return [node.loc.start for node in nodes if node.loc]
