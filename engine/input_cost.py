"""How many input objects, such as filters, the arguments of a field have.

They are read anew for each object that has the field. What reads them may go through all fields of their types, so that
their number decides how long that takes, not the length of their text.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from graphql import ArgumentNode, ListValueNode, ObjectValueNode, ValueNode, VariableNode


@dataclass(frozen=True, slots=True)
class InputCost:
    """The input objects in a field's arguments: those of literals, and the variables that may hold more."""

    literal: int = 0
    variables: tuple[tuple[str, int], ...] = ()
    """Each as often as it is used, with the number of its default."""

    def add(self, other: "InputCost") -> "InputCost":
        """Return the cost of both."""
        return InputCost(self.literal + other.literal, self.variables + other.variables)

    def count(self, found: Mapping[str, int]) -> int:
        """Return how many there are if variables have as many as were `found`, or else their defaults."""
        return self.literal + sum([found.get(name, default) for name, default in self.variables])


NO_INPUT = InputCost()


def input_cost(
    arguments: Collection[ArgumentNode], defaults: Mapping[str, ValueNode | None], objects: Collection[str]
) -> InputCost:
    """Return the cost of a field's arguments; only variables that are named in `objects` hold input objects."""
    if not arguments:
        return NO_INPUT
    literal, names = _in_literals([one.value for one in arguments])
    variables = [(name, _in_literals([defaults.get(name)])[0]) for name in names if name in objects]
    return InputCost(literal, tuple(variables)) if literal or variables else NO_INPUT


def objects_in(value: Any) -> int:
    """Return how many objects a variable's value has, in whatever lists and objects."""
    found, values = 0, [value]
    for one in values:  # which grows meanwhile
        if type(one) is dict:
            found += 1
            values += one.values()
        elif type(one) is list:
            values += one
    return found


def _in_literals(values: Collection[ValueNode | None]) -> tuple[int, list[str]]:
    """Return how many input objects literals have, and the names of the variables, as often as they are in them."""
    found, names, waiting = 0, [], list(values)
    while waiting:
        one = waiting.pop()
        if isinstance(one, VariableNode):
            names.append(one.name.value)
        elif isinstance(one, ListValueNode):
            waiting += one.values
        elif isinstance(one, ObjectValueNode):
            found += 1
            waiting += [field.value for field in one.fields]
    return found, names
