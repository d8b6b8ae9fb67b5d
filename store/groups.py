"""What deals have in common, kept once and named by a number: `deal_groups`, and what their customers are called.

Who writes deals has taken the number of its transaction before (`store.sequence.advance`), which the next one waits
for: so nobody gives a number twice, and none is forgotten that somebody is about to name.
"""

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from operator import itemgetter
from typing import Final

import msgspec
from sqlalchemy import Connection, String, Table, delete, func, insert, select

from store.deal_rows import LOOKED_AT, Row
from store.json_rows import json_rows, packed
from store.queries import Query
from store.sequence import advance
from store.tables import CUSTOMER_NAMED, CUSTOMER_NAMES, DEAL_GROUPS, DEALS, GROUPED

_encode: Final = msgspec.msgpack.Encoder().encode


def numbered(connection: Connection, rows: Sequence[Row], known: Mapping[bytes, Row]) -> list[Row]:
    """Return rows of deals with the numbers of their groups and of their customers' names behind.

    Their values are in the order of `store.tables.DEALS`, as they are stored. What is new gets a number; what is as it
    is in the `known` rows (`store.deal_rows.look`) keeps its own, and is not looked for.
    """
    groups, names = (kind.numbers(connection, rows, known) for kind in _KINDS)
    return [(*row, group, name) for row, group, name in zip(rows, groups, names, strict=True)]


def forget_unused(connection: Connection) -> int:
    """Forget what no deal has any more, deleted ones included; return how much that was."""
    if not any(connection.scalar(select(kind.table.c.id).where(kind.is_unused).limit(1)) for kind in _KINDS):
        return 0
    advance(connection)  # writers are waited for, and may have come to name it
    return sum(connection.execute(delete(kind.table).where(kind.is_unused)).rowcount for kind in _KINDS)


class _Kind:
    """What is kept in a table, of these columns, and named by a column of deals."""

    def __init__(self, table: Table, columns: tuple[str, ...], named_by: str) -> None:
        self.table: Final = table
        self.is_unused: Final = table.c.id.in_(select(table.c.id).except_(select(DEALS.c[named_by])))
        self._columns = columns
        self._values_of = itemgetter(*map(DEALS.c.keys().index, columns))
        self._known_values_of = itemgetter(*map(LOOKED_AT.index, columns))
        self._known_number_of = itemgetter(LOOKED_AT.index(named_by))
        given = json_rows("keys", [("key", String)])
        self._known = Query(select(table.c.key, table.c.id).where(table.c.key.in_(select(given.c.key))))

    def numbers(self, connection: Connection, rows: Sequence[Row], known: Mapping[bytes, Row]) -> list[int]:
        """Return the number of each row."""
        values = list(map(self._values_of, rows))
        numbers: dict[Row, int] = {}
        for row, one in zip(rows, values, strict=True):
            if (was := known.get(row[0])) is not None and self._known_values_of(was) == one:
                numbers[one] = self._known_number_of(was)
        if others := [one for one in dict.fromkeys(values) if one not in numbers]:
            numbers.update(self._looked_up(connection, others))
        return [numbers[one] for one in values]

    def _looked_up(self, connection: Connection, values: Sequence[Row]) -> dict[Row, int]:
        keys = {one: blake2b(_encode(one), digest_size=16).hexdigest() for one in values}
        asked = self._known.text(connection.dialect, {"keys": packed([(key,) for key in keys.values()])})
        known: dict[str, int] = dict(map(tuple, connection.exec_driver_sql(*asked)))
        new = {key: one for one, key in keys.items() if key not in known}
        if new:
            last = connection.scalar(select(func.max(self.table.c.id))) or 0
            known.update(zip(new, range(last + 1, last + 1 + len(new)), strict=True))
            names = ("id", "key", *self._columns)
            given = [dict(zip(names, (known[key], key, *one), strict=True)) for key, one in new.items()]
            connection.execute(insert(self.table), given)
        return {one: known[key] for one, key in keys.items()}


_KINDS: Final = (
    _Kind(DEAL_GROUPS, GROUPED, "group_id"),
    _Kind(CUSTOMER_NAMES, CUSTOMER_NAMED, "customer_names_id"),
)
