"""Cursors: where a deal is in a list, as text that clients pass back unchanged.

A cursor holds a version, a hash of the list that it is of (filter, order, search, sources as they were asked for), and
the deal's values of the order. It is not signed: whoever makes one up reads a list that they may read anyway.
"""

import base64
import binascii
from dataclasses import is_dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum
from hashlib import blake2b
from typing import Any, Final

import msgspec
from strawberry import UNSET

from schema.refused_argument import RefusedArgument
from store.order_columns import largest, stored
from store.paging import ID, OrderKey, Position, full_order
from store.text import storable

VERSION: Final = 2

_SCALARS: Final = frozenset({str, int, bool, type(None), datetime, Decimal})


def list_hash(*asked: Any) -> str:
    """Return a hash of what a list was asked for with: input objects, lists and values."""
    return blake2b(repr([_plain(one) for one in asked]).encode("utf-8", "replace"), digest_size=8).hexdigest()


def _plain(value: Any) -> Any:
    kind = type(value)
    if kind in _SCALARS:
        return value
    if kind is list:
        return [_plain(one) for one in value]
    if isinstance(value, Enum):
        return value.name
    if is_dataclass(kind):
        given = vars(value)  # in the order of its fields
        return {name: _plain(one) for name, one in given.items() if one is not None and one is not UNSET}
    return value


def encode(hash_: str, position: Position) -> str:
    """Return the cursor of a deal."""
    packed = msgspec.json.encode([VERSION, hash_, *position])
    return base64.urlsafe_b64encode(packed).rstrip(b"=").decode()


def decode(cursor: str, argument: str, hash_: str, order: tuple[OrderKey, ...]) -> Position:
    """Return the position of a cursor; raises `RefusedArgument` for one of another list."""
    keys = full_order(order)
    asked = "`filter`, `orderBy`, `search` and `sources`"
    found = unpacked(cursor, argument, hash_, len(keys), asked)
    try:
        return tuple([_value(value, key) for value, key in zip(found, keys, strict=True)])
    except (ValueError, TypeError):
        raise is_none(argument) from None


def unpacked(cursor: str, argument: str, hash_: str, count: int, asked: str) -> list[Any]:
    """Return so many values that a cursor holds, unchecked; raises `RefusedArgument` for one of another list than that
    with this hash, which was `asked` for by these arguments."""
    try:
        packed = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        found = msgspec.json.decode(packed, type=list[Any])
    except (binascii.Error, ValueError, RecursionError):
        found = []
    if not found or type(found[0]) is not int:
        raise is_none(argument)
    is_of_list = found[1:2] == [hash_]
    if found[0] != VERSION or (is_of_list and len(found) != count + 2):  # other versions had other values in it
        raise RefusedArgument("is a cursor of another version of this graph: begin again without it.", argument)
    if not is_of_list:
        raise RefusedArgument(f"is a cursor of another list: {asked} must be those that it came with.", argument)
    return found[2:]


def is_none(argument: str) -> RefusedArgument:
    """Return the refusal of what is no cursor."""
    return RefusedArgument("is no cursor of this graph: pass back a `cursor` unchanged.", argument)


def _value(value: Any, key: OrderKey) -> str | int | bytes | None:
    """Return a value as its column has it; raises `ValueError` and `TypeError` for what it cannot have."""
    if value is None and key.column != ID:
        return None
    type_ = stored(key).type.python_type
    if type_ is bytes:
        return base64.b64decode(value, validate=True)  # which `encode` writes for bytes
    if type(value) is not type_ or (type_ is int and abs(value) > largest(key)):
        raise ValueError
    return storable(value) if isinstance(value, str) else int(value)
