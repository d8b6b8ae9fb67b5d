"""How many records a root field fetches: as many as its arguments name, or as a page of a list has."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphql import IntValueNode, ListValueNode, NullValueNode, ValueNode, VariableNode

from engine.lookup import PageSize


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
        sizes = [*self.literals, *(value for value in values if isinstance(value, int))]
        return max([size if 0 < size <= self.size.most else 0 for size in sizes], default=self.size.default)


@dataclass(frozen=True, slots=True)
class NestedCost:
    """A page of records within each record of another list."""

    page: RecordCost | PageCost
    nested: "tuple[NestedCost, ...]"

    def totals(self, given: Mapping[str, Any]) -> tuple[int, int]:
        """Return how many records it gives with these variables, and how many fields of them, with all below."""
        records, fields = totals(self.nested, given)
        count = self.page.count(given)
        return count * (1 + records), count * (self.page.fields + fields)


def totals(nested: Sequence[NestedCost], given: Mapping[str, Any]) -> tuple[int, int]:
    """Return how many records, and fields of them, pages give within one record."""
    found = [one.totals(given) for one in nested]
    return sum(records for records, _ in found), sum(fields for _, fields in found)


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
