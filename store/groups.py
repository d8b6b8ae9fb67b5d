"""What deals have in common, kept once and named by a number: `deal_groups`, what their customers are called, and the
`names` of pipelines and owners.

Who writes deals has taken the number of its transaction before (`store.sequence.advance`), which the next one waits
for: so nobody gives a number twice, and none is forgotten that somebody is about to name.
"""

from collections.abc import Hashable, Mapping, Sequence
from hashlib import blake2b
from operator import itemgetter
from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, Connection, String, Table, delete, func, insert, select

from store.deal_rows import LOOKED_AT, Row
from store.json_rows import json_rows, packed
from store.queries import Query
from store.sequence import advance
from store.tables import CUSTOMER_NAMED, CUSTOMER_NAMES, DEAL_GROUPS, DEALS, GROUPED, NAMES, NUMBERED, ROW
from store.together import chunks, together

_encode: Final = msgspec.msgpack.Encoder().encode


def numbered(connection: Connection, rows: Sequence[Row], known: Mapping[bytes, Row]) -> list[Row]:
    """Return rows of deals with the numbers of what they have in common behind.

    Their values are in the order of `store.tables.ROW`, as they are stored. What is new gets a number; what is as it
    is in the `known` rows (`store.deal_rows.look`) keeps its own, and is not looked for.
    """
    found = [kind.numbers(connection, rows, known) for kind in _KINDS]
    return [row + numbers for row, numbers in zip(rows, zip(*found, strict=True), strict=True)]


def sources(connection: Connection) -> frozenset[str]:
    """Return the names of the sources of which there are deals, deleted ones included."""
    return frozenset(connection.scalars(select(DEAL_GROUPS.c.source).distinct()))


def forget_unused(connection: Connection) -> int:
    """Forget what no deal has any more, deleted ones included; return how much that was."""
    if not any(connection.scalar(select(table.c.id).where(unused).limit(1)) for table, unused in _UNUSED):
        return 0
    advance(connection)  # writers are waited for, and may have come to name it
    return sum(connection.execute(delete(table).where(unused)).rowcount for table, unused in _UNUSED)


def _unused(table: Table, number: str) -> tuple[Table, ColumnElement[bool]]:
    return table, table.c.id.in_(select(table.c.id).except_(select(DEALS.c[number])))


_OF_GROUPS: Final = [select(DEAL_GROUPS.c[name]) for name in NUMBERED]
_UNUSED: Final = (
    _unused(DEAL_GROUPS, "group_id"),
    _unused(CUSTOMER_NAMES, "customer_names_id"),
    (NAMES, NAMES.c.key.in_(select(NAMES.c.key).except_(*_OF_GROUPS))),
)
"""What each table has that no deal has; names come last, when all groups that are left have deals."""


class _Kind:
    """What is kept in a table, of these columns, and named by a column of deals."""

    def __init__(self, table: Table, columns: tuple[str, ...], named_by: str) -> None:
        self._table = table
        self._columns = columns
        self._values_of = itemgetter(*map(ROW.index, columns))
        self._known_values_of = itemgetter(*map(LOOKED_AT.index, columns))
        self._known_number_of = itemgetter(LOOKED_AT.index(named_by))
        given = json_rows("keys", [("key", String)])
        self._known = Query(select(table.c.key, table.c.id).where(table.c.key.in_(select(given.c.key))))

    def numbers(self, connection: Connection, rows: Sequence[Row], known: Mapping[bytes, Row]) -> list[int | None]:
        """Return the number of each row."""
        values = list(map(self._values_of, rows))
        numbers: dict[Hashable, int | None] = {None: None}  # a name that there is not has none
        for row, one in zip(rows, values, strict=True):
            if (was := known.get(row[0])) is not None and self._known_values_of(was) == one:
                numbers[one] = self._known_number_of(was)
        if others := [one for one in dict.fromkeys(values) if one not in numbers]:
            numbers.update(self._looked_up(connection, others))
        return [numbers[one] for one in values]

    def _looked_up(self, connection: Connection, values: Sequence[Any]) -> dict[Hashable, int]:
        keys = {one: self._key(one) for one in values}
        asked = self._known.text(connection.dialect, {"keys": packed([(key,) for key in keys.values()])})
        known: dict[str, int] = dict(map(tuple, connection.exec_driver_sql(*asked)))
        new = {key: one for one, key in keys.items() if key not in known}
        if new:
            last = connection.scalar(select(func.max(self._table.c.id))) or 0
            known.update(zip(new, range(last + 1, last + 1 + len(new)), strict=True))
            given = [{"id": known[key], "key": key, **self._kept(one)} for key, one in new.items()]
            with together(connection):
                for some in chunks(given):
                    connection.execute(insert(self._table), some)
        return {one: known[key] for one, key in keys.items()}

    def _key(self, values: Any) -> str:
        return blake2b(_encode(values), digest_size=16).hexdigest()

    def _kept(self, values: Any) -> dict[str, Any]:
        return dict(zip(self._columns, values, strict=True))


class _Name(_Kind):
    """A name, the text of one column."""

    def __init__(self, column: str, named_by: str) -> None:
        super().__init__(NAMES, (column,), named_by)

    def _key(self, values: Any) -> str:
        return str(values)

    def _kept(self, values: Any) -> dict[str, Any]:
        return {}


_KINDS: Final = (
    _Kind(DEAL_GROUPS, GROUPED, "group_id"),
    _Kind(CUSTOMER_NAMES, CUSTOMER_NAMED, "customer_names_id"),
    *(_Name(column, number) for column, number in NUMBERED.items()),
)
