"""How many records the fields of an operation give, and how many fields those have, with a request's variables.

What depends on the document alone is measured once (`engine/cost.py`); `engine/cost_limits.py` adds both up.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from graphql import ArgumentNode, FieldNode, IntValueNode, ListValueNode, NullValueNode, ValueNode, VariableNode

from engine.input_cost import NO_INPUT, InputCost
from engine.lookup import PageSize

Totals = tuple[int, int]
"""Records, and fields of an answer."""


@dataclass(frozen=True, slots=True)
class RecordCost:
    """A root field that fetches records: how many its literals name, and which variables name more (or by default)."""

    constant: int
    variables: tuple[tuple[str, int], ...]

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
class Selected:
    """What is selected of an object: its fields, and the fields below that give records."""

    fields: int = 0
    below: "tuple[FieldCost | Dearest, ...]" = ()

    def totals(self, given: Mapping[str, Any]) -> Totals:
        """Return how many records, and fields of all, it gives at most with these variables."""
        if not self.below:
            return 0, self.fields
        found = [one.totals(given) for one in self.below]
        return sum([records for records, _ in found]), self.fields + sum([fields for _, fields in found])

    def add(self, other: "Selected") -> "Selected":
        """Return what both select."""
        return Selected(self.fields + other.fields, self.below + other.below)


@dataclass(frozen=True, slots=True)
class Dearest:
    """What is selected of records of several types, for a record of one of them."""

    types: tuple[Selected, ...]

    def totals(self, given: Mapping[str, Any]) -> Totals:
        """Return how many records, and fields of them, it gives at most with these variables."""
        found = [one.totals(given) for one in self.types]
        return max(records for records, _ in found), max(fields for _, fields in found)


@dataclass(frozen=True, slots=True)
class FieldCost:
    """A field that gives records: how many, what is selected of each, and what is selected of their page, once."""

    node: FieldNode
    arguments: tuple[ArgumentNode, ...]
    """Those that say how many."""
    size: RecordCost | PageCost
    each: Selected
    once: Selected = Selected()
    inputs: InputCost = NO_INPUT

    def totals(self, given: Mapping[str, Any]) -> Totals:
        """Return how many records, and fields of all, it gives at most with these variables."""
        count = self.size.count(given)
        if not self.each.below and not self.once.below:  # as nearly always
            return count, count * self.each.fields + self.once.fields
        records, fields = self.each.totals(given)
        once_records, once_fields = self.once.totals(given)
        return count * (1 + records) + once_records, count * fields + once_fields

    def parts(self, given: Mapping[str, Any], times: int = 1) -> "Iterator[Part]":
        """Return what of the totals is this field's own, and each one's below, where it is `times` in the answer."""
        count = times * self.size.count(given)
        yield Part(self, count, count * self.each.fields + times * self.once.fields, times)
        waiting = [(one, count) for one in self.each.below] + [(one, times) for one in self.once.below]
        while waiting:
            one, number = waiting.pop()
            if isinstance(one, FieldCost):
                yield from one.parts(given, number)
            else:
                waiting += [(field, number) for type_ in one.types for field in type_.below]


class Part(NamedTuple):
    """How many records, and fields of them, a field has of an operation's totals; arguments are read `times` times."""

    cost: FieldCost
    records: int
    fields: int
    times: int

    def input_objects(self, found: Mapping[str, int]) -> int:
        """Return how many input objects are read, if variables have as many as were `found`."""
        return self.times * self.cost.inputs.count(found)


def record_count(
    values: Sequence[ValueNode], defaults: Mapping[str, ValueNode | None], page_size: PageSize | None
) -> RecordCost | PageCost:
    """Return how many records a field gives by these arguments, literals or variables with one of the `defaults`."""
    literals = [value for value in values if not isinstance(value, VariableNode)]
    variables = [value.name.value for value in values if isinstance(value, VariableNode)]
    if page_size is None:
        named = [(name, _length(defaults.get(name))) for name in variables]
        return RecordCost(sum(map(_length, literals)), tuple(named))
    sizes = [number for value in literals if (number := _number(value)) is not None]
    return PageCost(page_size, tuple(sizes), tuple([(name, _number(defaults.get(name))) for name in variables]))


def _length(value: ValueNode | None) -> int:
    """Return how many records a literal names; a single value is coerced to a list of one."""
    if isinstance(value, ListValueNode):
        return len(value.values)
    return 0 if value is None or isinstance(value, NullValueNode) else 1


def _number(value: ValueNode | None) -> int | None:
    """Return a literal that is a whole number; one of many digits is as good as any that is out of bounds."""
    return int(value.value[:20]) if isinstance(value, IntValueNode) else None
