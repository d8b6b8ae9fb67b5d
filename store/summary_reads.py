"""How deals are summed up: by one walk, in a table in memory, set by set, or by one statement for all.

Groups of deals (`store.tables.DEAL_GROUPS`) that are alike in what a summary keeps apart are a set. By what groups have
deals are added group by group, in the order of the index `deals_grouped`. By whole numbers more SQLite adds them up
without a sort (`store.tallies`); by texts it sorts each set of its own, a few short ranges of the index. What the index
has not is read by one statement, as everything is in PostgreSQL, which has tables of hashes.

What groups and customers are called is read once for each of them, and not with each sum.
"""

from collections.abc import Iterator, Sequence
from itertools import chain, pairwise
from typing import Any, Final, TypeAlias

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from store import tallies
from store.conditions import Condition, columns, is_selective, shape
from store.json_rows import packed
from store.narrow import BY_GROUPS, narrow_index
from store.queries import Values, fetched
from store.summary_statements import CUSTOMERS, Of, groups_of, summed
from store.summary_totals import Grouping, Row, Totals
from store.tables import CELL, GROUPED, SUMMED

MOST_SETS: Final = 2_000
"""A statement for each of more would take longer than one for all."""

FIRST_GROUPS: Final = 64
"""So many groups are read first: of a hundred thousand customers these have too many for an answer already. By two keys
of deals a few more are read next, for the same reason."""

LONGEST_ARRAY: Final = 2**16
"""Of sets by the number of each group; numbers go beyond when there were many groups that are forgotten now."""

CUSTOMER: Final = "customer"
"""The key of what is no column: the company, without one the person."""

Part: TypeAlias = tuple[Row, list[Row]]
"""What deals are alike in, and rows of their other keys and of sums."""


def totals(
    connection: Connection, condition: Condition | None, groupings: Sequence[Grouping], most: int | None = None
) -> Totals:
    """Return the sums of the deals that meet a condition; raises TooManyRows where there are more than `most`."""
    summary = _Summary(connection, condition, groupings)
    found = Totals(groupings, summary.of_groups, summary.of_deals, most)
    customers = _Customers(connection, found) if CUSTOMER in summary.of_deals else None
    for parts in summary.parts():
        if customers is not None:
            customers.name(parts)
        for alike, rows in parts:
            found.add(alike, rows)
    return found


class _Summary:
    """One summary, of the state of the store that the connection sees.

    `of_groups`: the columns that deals of a part are alike in; `of_deals`: the other keys, the customer first.
    """

    def __init__(self, connection: Connection, condition: Condition | None, groupings: Sequence[Grouping]) -> None:
        self._connection = connection
        sql = {one.key: one.sql for one in groupings}
        wanted = dict.fromkeys([*CELL, *sql, *(name for one in groupings for name in one.shown)])
        self.of_groups = tuple([name for name in wanted if name in GROUPED])
        self.of_deals = tuple(sorted([name for name in sql if name not in GROUPED], key=lambda one: one != CUSTOMER))
        keys = tuple([("customer_names_id" if name == CUSTOMER else name, sql[name]) for name in self.of_deals])
        shape_, self._values = shape(condition)
        read = [(name,) if expression is None else SUMMED for name, expression in keys]  # a period is of one of them
        also = {"value", *chain.from_iterable(read)}
        self._index = narrow_index(connection, condition, also, finds_texts=True)
        self._finds_first = not columns(condition) <= {*GROUPED, *SUMMED}
        is_narrow = self._index is not None or not (self._finds_first or is_selective(condition))
        self._keys = keys
        self._shape = (keys, shape_, is_narrow, self._index)
        self._is_of_numbers = tallies.widths(keys) is not None

    def parts(self) -> Iterator[list[Part]]:
        """Yield the parts, some at a time."""
        sets: dict[Row, list[int]] = {}
        for number, *alike in fetched(self._connection, groups_of(self.of_groups), {}):
            sets.setdefault(tuple(alike), []).append(number)
        if self._index == BY_GROUPS and self._keys:
            if self._is_of_numbers and len(sets) <= tallies.MOST_SETS:
                yield from self._tallied(sets)
                return
            if len(sets) <= MOST_SETS and not self._finds_first:
                yield from self._sorted(sets)
                return
        yield self._at_once(sets)

    def _at_once(self, sets: dict[Row, list[int]]) -> list[Part]:
        """Return the parts as one statement adds all of them."""
        parts: list[Part] = [(alike, []) for alike in sets]
        set_of = {number: set_ for set_, numbers in enumerate(sets.values()) for number in numbers}
        of: Of | tuple[str, ...] = self.of_groups if self._keys else Of.ALL
        values = self._values
        longest = max(set_of, default=0)
        if of is not Of.ALL and self._connection.dialect.name == "postgresql" and longest <= LONGEST_ARRAY:
            of = Of.SETS
            in_order = ",".join([str(set_of.get(number, 0)) for number in range(1, longest + 1)])
            values = {**values, "sets": f"{{{in_order}}}"}
        for number, *row in _summed(self._connection, (*self._shape, of), values):
            parts[number if of is Of.SETS else set_of[number]][1].append(tuple(row))
        return parts

    def _tallied(self, sets: dict[Row, list[int]]) -> Iterator[list[Part]]:
        """Yield the parts as a table in memory adds them; those of a few groups first, which may be too many.

        All at once where each statement finds some deals first.
        """
        groups = sorted((number, set_) for set_, numbers in enumerate(sets.values()) for number in numbers)
        alike = list(sets)
        ends = [] if self._finds_first else [FIRST_GROUPS, 8 * FIRST_GROUPS][: len(self._keys)]
        for since, until in pairwise([0, *(end for end in ends if end < len(groups)), len(groups)]):
            some = groups[since:until]
            rows = tallies.tallied(self._connection, self._keys, self._shape[1], self._values, some)
            parts: dict[int, list[Any]] = {set_: [] for _, set_ in some}
            if rows is None and self._finds_first:
                yield self._at_once(sets)
            elif rows is None:
                for number, set_ in some:
                    parts[set_].append(number)
                yield from self._sorted({alike[set_]: numbers for set_, numbers in parts.items()})
            else:
                for set_, *row in rows:
                    parts[set_].append(tuple(row))
                yield [(alike[set_], part) for set_, part in parts.items()]

    def _sorted(self, sets: dict[Row, list[int]]) -> Iterator[list[Part]]:
        """Yield the parts as SQLite adds them, by a statement for each."""
        for alike, numbers in sets.items():
            values = {**self._values, "ids": f"[{','.join(map(str, numbers))}]"}
            yield [(alike, _summed(self._connection, (*self._shape, Of.IDS), values))]


class _Customers:
    """What customers go by, as far as it was looked up; the totals learn what is shown for them."""

    def __init__(self, connection: Connection, found: Totals) -> None:
        self._connection = connection
        self._found = found
        self._keys: dict[int | None, str | None] = {None: None}

    def name(self, parts: list[Part]) -> None:
        """Put what customers go by in the place of their numbers, with which rows begin."""
        if new := {row[0] for _, rows in parts for row in rows}.difference(self._keys):
            values = {"numbers": packed([(number,) for number in new])}
            for number, key, *texts in fetched(self._connection, CUSTOMERS, values):
                self._keys[number] = key
                self._found.show(CUSTOMER, key, tuple(texts))
        for _, rows in parts:
            rows[:] = [(self._keys[number], *row) for number, *row in rows]


def _summed(connection: Connection, shape_: Any, values: Values) -> list[Row]:
    """Return rows whose last three are sums: whole numbers, of whatever length."""
    try:
        rows = fetched(connection, summed(False, *shape_), values)
    except DBAPIError as error:
        if str(error.orig) != OVERFLOW:
            raise
        rows = fetched(connection, summed(True, *shape_), values)
        return [(*row[:-2], ((row[-2] or 0) << 32) + (row[-1] or 0)) for row in rows]
    return [(*row[:-1], int(row[-1] or 0)) for row in rows]  # PostgreSQL's are decimals


OVERFLOW: Final = "integer overflow"
"""What SQLite says, at once, of a sum that 64 bits do not hold; PostgreSQL's are of any length."""
