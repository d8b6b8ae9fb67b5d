"""What a selection set adds to an answer for each object that it is selected on.

An object is of one type: of what fragments select on several object types, no more than the dearest counts. What they
select on interfaces and unions counts for each object, as if all were of a type that has it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from graphql import FieldNode


@dataclass(slots=True)
class AnswerCost:
    """The fields, and the pages of records among them, for whose sizes variables are needed."""

    fields: int = 0
    pages: "list[NestedPage]" = field(default_factory=list)
    choices: "list[list[AnswerCost]]" = field(default_factory=list)
    """Of each one alone counts. They have pages: else the dearest would be known, and be among `fields`."""
    by_type: "dict[str, AnswerCost]" = field(default_factory=dict)
    """What is selected on one object type, by its name, as long as more may be added to the selection set."""
    items: "AnswerCost | None" = None
    """What is selected of the records of a page, if the object is one (`engine.lookup.Records.item_fields`); all else
    a page has once. No object has such fields on one of its types alone: they are added up."""

    def add(self, other: "AnswerCost", on: str | None = None) -> None:
        """Add a part of the selection set; all of it is selected `on` an object type, if it is given."""
        if on is not None:
            other.close()
            self.by_type.setdefault(on, AnswerCost()).add(other)
            return
        self.fields += other.fields
        self.pages += other.pages
        self.choices += other.choices
        if other.items is not None:
            self.add_items(other.items)
        for name, part in other.by_type.items():
            self.add(part, name)

    def add_items(self, selected: "AnswerCost") -> None:
        """Add what a field selects that has the records of a page."""
        if self.items is None:
            self.items = AnswerCost()
        self.items.add(selected)

    def close(self) -> None:
        """Count the dearest type; nothing is added any more to the selection set."""
        parts = list(self.by_type.values())
        for part in parts:
            if part.items is not None:
                self.add_items(part.items)
                part.items = None
        if _has_pages(parts):
            self.choices.append(parts)
        else:
            self.fields += max([part.fields for part in parts], default=0)
        self.by_type = {}

    def of_object(self) -> "AnswerCost":
        """Return what is selected of an object that is no page, closed."""
        found = AnswerCost()
        found.add(self)
        if found.items is not None:
            items, found.items = found.items, None
            found.add(items)
        return found


@dataclass(frozen=True, slots=True)
class NestedPage:
    """A field below the root that gives a page of records, and what it selects, closed."""

    node: FieldNode
    cost: AnswerCost


def _has_pages(parts: Iterable[AnswerCost]) -> bool:
    return any(part.pages or part.choices for part in parts)
