"""`first`, `after`, `last`, `before`: the arguments of a page, checked alike for every list of deals."""

from dataclasses import dataclass
from typing import Self

from engine.lookup import PageSize
from schema.deals import cursors
from schema.deals.selection import Selection
from schema.refused_argument import RefusedArgument
from store.paging import PageRequest, Position


@dataclass(frozen=True, slots=True)
class PageArguments:
    """How many deals, from which end of a list, and between which of its cursors."""

    count: int
    after: str | None
    before: str | None
    is_backward: bool

    @classmethod
    def of(
        cls,
        size: PageSize,
        first: int | None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
    ) -> Self:
        """Return the arguments; raises `RefusedArgument`."""
        if first is not None and last is not None:
            raise RefusedArgument("Give `first` or `last`, not both.")
        name, number = ("first", first) if last is None else ("last", last)
        if number is not None and not 1 <= number <= size.most:
            raise RefusedArgument(f"must be from 1 to {size.most}, not {number}.", name)
        return cls(size.default if number is None else number, after, before, last is not None)

    def request(self, selection: Selection) -> PageRequest:
        """Return what the store is asked for; raises `RefusedArgument` for a cursor of another list."""

        def position(argument: str, cursor: str | None) -> Position | None:
            if cursor is None:
                return None
            return cursors.decode(cursor, argument, selection.hash, selection.order)

        return PageRequest(
            selection.condition,
            selection.order,
            self.count,
            after=position("after", self.after),
            before=position("before", self.before),
            is_backward=self.is_backward,
        )
