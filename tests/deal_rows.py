"""Rows of deals for tests of what the store is asked, and what plain Python finds among them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cmp_to_key
from itertools import chain
from typing import Any

from hypothesis import strategies as st
from sqlalchemy import Connection, insert

from store.conditions import And, Compare, CompareAttribute, Condition, Not, Operator, Or, Search
from store.groups import numbered
from store.paging import CUSTOMER_ID, ID, ORDERS, SOURCE, SOURCE_ID, OrderKey, by_attribute, full_order
from store.tables import DEAL_ATTRIBUTES, DEALS, ROW
from store.text import searchable
from tests.stores import key

Deal = dict[str, Any]

# Few values, so that many are alike; some that LIKE, collations or a sum of doubles would take for others.
TEXTS = ("", "a", "A", "ab", "b%", "b_", "b\\", "é", "z", "\U0001f600", "\uffee")
NUMBERS = (-(2**63), -1, 0, 1, 50, 100, 101, 2**53 + 1, 2**63 - 1)
WORDS = ("acme", "100%", "a_b", "back\\slash", "bad", "ö")
KEYS = ("size", "region")
_ATTRIBUTES: Sequence[Mapping[str, Any]] = (
    {},
    *({"number": number} for number in NUMBERS),
    *({"text_folded": text} for text in TEXTS),
    *({"boolean": number} for number in (0, 1)),
)
COLUMNS = (
    "status",
    "value",
    "pipeline_folded",
    "owner_folded",
    "utm_campaign",
    "win_likelihood",
    "created_at",
    "name_folded",
    "customer_email_folded",
    CUSTOMER_ID,
    "currency",
    "utm_term",
)


def deal(number: int, **values: Any) -> Deal:
    """Return the row of a deal."""
    fixed = {
        "id": key(f"nexudus:{number}"),
        "source": "nexudus",
        "account": "",
        "source_id": str(number),
        "body": b"{}",
        "hash": b"",
        "misses": 0,
    }
    return {
        **dict.fromkeys(ROW),
        **fixed,
        "sequence": 1,
        "read_at": 1,
        "is_whole": 1,
        "value_is_inexact": 0,
        "attributes": {},
        **values,
    }


def put(connection: Connection, deals: Sequence[Deal]) -> None:
    """Put deals into a store."""
    if deals:
        given = ROW[: ROW.index("group_id")]
        rows = numbered(connection, [tuple([one[name] for name in given]) for one in deals], {})
        whole = [dict(zip(ROW, row, strict=True)) for row in rows]
        connection.execute(insert(DEALS), [{one.name: row[one.name] for one in DEALS.c} for row in whole])
    parts = {column.name: None for column in DEAL_ATTRIBUTES.c}
    attributes = [
        parts | {"deal_id": one["id"], "key": key} | given for one in deals for key, given in one["attributes"].items()
    ]
    if attributes:
        connection.execute(insert(DEAL_ATTRIBUTES), attributes)


def _optional(values: Iterable[Any]) -> st.SearchStrategy[Any]:
    return st.sampled_from([None, *values])


_ACCOUNTS: Sequence[Callable[[int], Deal]] = (
    lambda _: {},
    lambda number: {"source": "chartmogul", "id": key(f"chartmogul:{number}")},
    lambda number: {"source": "chartmogul", "account": "eu", "id": key(f"chartmogul@eu:{number}")},
)


@st.composite
def deals(draw: st.DrawFn) -> list[Deal]:
    """Up to a few dozen deals that have much in common, some deleted."""
    return [
        deal(
            number,
            **draw(st.sampled_from(_ACCOUNTS))(number),
            **{name: draw(_optional(_values(name))) for name in COLUMNS},
            search_public=draw(_optional(map(searchable, WORDS))),
            search_personal=draw(_optional(map(searchable, WORDS))),
            deleted_at=draw(st.sampled_from([None, None, None, 1])),
            attributes={name: draw(st.sampled_from(_ATTRIBUTES)) for name in KEYS if draw(st.booleans())},
        )
        for number in draw(st.permutations(range(draw(st.integers(0, 25)))))
    ]


def _values(column: str) -> tuple[Any, ...]:
    return NUMBERS if column in ("value", "win_likelihood", "created_at") else TEXTS


def _operands(operator: Operator, values: tuple[Any, ...]) -> st.SearchStrategy[Any]:
    if operator is Operator.IS_NULL:
        return st.booleans()
    if operator in (Operator.IN, Operator.NOT_IN):
        return st.lists(st.sampled_from(values), max_size=4)
    return st.sampled_from([*values, *([2**63, -(2**63) - 1] if values is NUMBERS else [])])


@st.composite
def _comparisons(draw: st.DrawFn) -> Condition:
    column = draw(st.sampled_from([*COLUMNS, "attribute"]))
    values = NUMBERS if column == "attribute" else _values(column)
    numeric = set(Operator) - {Operator.CONTAINS, Operator.STARTS_WITH}
    operator = draw(st.sampled_from([one for one in Operator if values is TEXTS or one in numeric]))
    value = draw(_operands(operator, values))
    if column == "attribute":
        return CompareAttribute("size", "number", operator, value)
    return Compare(column, operator, value)


conditions: st.SearchStrategy[Condition] = st.recursive(
    _comparisons() | st.builds(Search, st.sampled_from([*WORDS, "a", "ÖL ac"]), st.booleans()),
    lambda inner: (
        st.builds(Not, inner)
        | st.builds(And, st.lists(inner, max_size=3).map(tuple))
        | st.builds(Or, st.lists(inner, max_size=3).map(tuple))
    ),
    max_leaves=5,
)

orders: st.SearchStrategy[tuple[OrderKey, ...]] = st.lists(
    st.builds(
        OrderKey,
        st.sampled_from([*(one for one in COLUMNS if one in ORDERS), SOURCE, ID, SOURCE_ID]),
        st.booleans(),
        st.booleans(),
    ).map(lambda key: (key,))
    | st.builds(by_attribute, st.sampled_from(KEYS), is_descending=st.booleans(), nulls_first=st.booleans()),
    max_size=3,
    unique_by=lambda keys: keys[0].attribute or keys[0].column,
).map(lambda found: tuple(chain.from_iterable(found)))

_PLAIN: Mapping[Operator, Callable[[Any, Any], bool]] = {
    Operator.EQ: lambda one, other: one == other,
    Operator.IN: lambda one, others: one in others,
    Operator.LT: lambda one, other: one < other,
    Operator.LTE: lambda one, other: one <= other,
    Operator.GT: lambda one, other: one > other,
    Operator.GTE: lambda one, other: one >= other,
    Operator.CONTAINS: lambda one, other: other in one,
    Operator.STARTS_WITH: lambda one, other: one.startswith(other),
    Operator.IS_NULL: lambda one, is_null: not is_null,
}


def _compare(value: Any, operator: Operator, operand: Any) -> bool:
    if operator is Operator.NE:
        return not _compare(value, Operator.EQ, operand)
    if operator is Operator.NOT_IN:
        return not _compare(value, Operator.IN, operand)
    if value is None:
        return operator is Operator.IS_NULL and operand
    return _PLAIN[operator](value, operand)


def meets(one: Deal, condition: Condition | None) -> bool:
    """Return whether a deal meets a condition."""
    match condition:
        case And(parts):
            return all(meets(one, part) for part in parts)
        case Or(parts):
            return any(meets(one, part) for part in parts)
        case Not(part):
            return not meets(one, part)
        case Compare(column, operator, value):
            return _compare(one[column], operator, value)
        case CompareAttribute(key, part, operator, value):
            return _compare(one["attributes"].get(key, {}).get(part), operator, value)
        case Search(text, is_personal):
            texts = [one["search_public"], one["search_personal"]][: 2 if is_personal else 1]
            return all(any(word in (text or "") for text in texts) for word in searchable(text).split())
    return True


def value(one: Deal, key: OrderKey) -> Any:
    """Return what a deal has of an order's key."""
    return one[key.column] if key.attribute is None else one["attributes"].get(key.attribute, {}).get(key.column)


def listed(rows: Iterable[Deal], condition: Condition | None, order: tuple[OrderKey, ...]) -> list[Deal]:
    """Return the deals of a list, in its order."""

    def compare(one: Deal, other: Deal) -> int:
        for part in full_order(order):
            first, second = value(one, part), value(other, part)
            if first == second:
                continue
            if first is None or second is None:
                return -1 if (first is None) == part.nulls_first else 1
            return -1 if (first < second) != part.is_descending else 1
        return 0

    alive = [one for one in rows if one["deleted_at"] is None and meets(one, condition)]
    return sorted(alive, key=cmp_to_key(compare))
