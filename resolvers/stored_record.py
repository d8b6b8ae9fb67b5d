"""Records as the store keeps them: the values of what the graph serves, each digit of an amount, and back.

A body is an array of MessagePack, with a record's values in the order of `Source.stored` and without their names: a
third of the JSON, and read in less time. Fields are only ever added at the end of that order; so a body that another
version has written has some at its end that are not known, or lacks some, which are null. A source's record may have
several types (`Source.records`), for instance by a setting that says how amounts count. A body begins with the number
of its type, unless that is the first: so after a change of the setting each body differs from what is stored, and is
written anew.

What earlier versions have written, and a record with a number of more than 64 bits, is an object of JSON in place of
the array, with the vendor's names of the fields, and the number of its type in decimal digits.
"""

from collections.abc import Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any, Final, Union, get_args

import msgspec

from resolvers.errors import UpstreamBadResponse
from resolvers.registry import SOURCES
from resolvers.reply import Timestamp, decoder
from resolvers.reply import decode as decode_reply
from resolvers.source import Record, Source

_JSON = msgspec.json.Encoder(decimal_format="string")
_PACK = msgspec.msgpack.Encoder(decimal_format="string")
_OBJECT = decoder(dict[str, msgspec.Raw])

_MOST_TYPES: Final = 16
"""Of a source's records; all bytes from there on begin an array or are digits."""

_ARRAYS: Final = 0x90
"""The first byte of an array, at least (https://github.com/msgpack/msgpack/blob/master/spec.md)."""


class _Source:
    """How a source's records are written and read, and the fields that all of its types have."""

    def __init__(self, source: Source) -> None:
        self.types = source.records
        self.decoders = {one: decoder(one) for one in source.records}
        self.names = source.names
        self.fields = {one.name: one.encode_name for type_ in source.records for one in msgspec.structs.fields(type_)}
        self.values = {one: itemgetter(*map(one.__struct_fields__.index, source.stored)) for one in source.records}
        self.arrays = {one: msgspec.msgpack.Decoder(values_type(one, source.stored)) for one in source.records}


def values_type(type_: type[Any], stored: tuple[str, ...], names: frozenset[str] | None = None, **more: Any) -> Any:
    """Return the type of an array with a record's values; only those of some names, if they are given.

    `more` goes to `msgspec.defstruct`.
    """
    types = {one.name: _plain(one.type) for one in msgspec.structs.fields(type_)}
    last = max((place for place, name in enumerate(stored) if names is None or name in names), default=-1)
    fields = [
        (name, types[name], None) if names is None or name in names else (f"_{place}", msgspec.Raw, None)
        for place, name in enumerate(stored[: last + 1])
    ]
    return msgspec.defstruct("Values", fields, array_like=True, eq=False, **more)


def _plain(type_: Any) -> Any:
    """Return a field's type without what only a vendor's texts are looked at for."""
    if type_ is Timestamp:
        return datetime
    parts = get_args(type_)
    return Union[tuple(map(_plain, parts))] if Timestamp in parts else type_  # noqa: UP007 - made of a list


_SOURCES = {source.name: _Source(source) for source in SOURCES}


def encode(source: str, record: Record) -> bytes:
    """Return the body that `decode` makes an equal record of."""
    known, type_ = _SOURCES[source], type(record)
    number = known.types.index(type_)
    try:
        body = _PACK.encode(known.values[type_](msgspec.structs.astuple(record)))  # type: ignore[arg-type] # a struct
    except OverflowError:
        body = _JSON.encode(record)
        return b"%d%s" % (number, body) if number else body
    return b"%c%s" % (number, body) if number else body


def decode(source: str, body: bytes) -> Any:
    """Return the record of a body; fields that another version did not store are null.

    Raises `UpstreamBadResponse` for what no version has written.
    """
    known = _SOURCES[source]
    type_, rest = split(source, body)
    if rest[:1] == b"{":
        how = known.decoders[type_]
        try:
            return how.decode(rest)
        except (msgspec.MsgspecError, ValueError):  # mostly a field that is newer than the body
            absent = dict.fromkeys(known.fields.values(), msgspec.Raw(b"null"))
            return decode_reply(source, how, msgspec.json.encode(absent | decode_reply(source, _OBJECT, rest)))
    try:
        return msgspec.convert(known.arrays[type_].decode(rest), type_, from_attributes=True)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise unreadable(source) from None


def split(source: str, body: bytes) -> tuple[type[Any], bytes]:
    """Return the type of a body's record, and its array or object; raises `UpstreamBadResponse` for what is neither."""
    types = _SOURCES[source].types
    first = body[0] if body else _MOST_TYPES
    if first >= _ARRAYS or first == ord("{"):
        return types[0], body
    number, start = first, 1
    if first >= _MOST_TYPES:
        start = body.find(b"{", 0, 3)
        number = int(body[:start]) if start > 0 and body[:start].isdigit() else len(types)
    if number >= len(types):
        raise unreadable(source)
    return types[number], body[start:]


def split_alike(source: str, bodies: Sequence[bytes]) -> tuple[type[Any], Sequence[bytes]] | None:
    """Return what `split` does for records that are all of one type; None if they are not, or one cannot be read."""
    if bodies and all(bodies) and min([body[0] for body in bodies]) >= _ARRAYS:
        return _SOURCES[source].types[0], bodies
    try:
        found = [split(source, body) for body in bodies]
    except UpstreamBadResponse:
        return None
    types = {type_ for type_, _ in found}
    return (types.pop(), [rest for _, rest in found]) if len(types) == 1 else None


def unreadable(source: str) -> UpstreamBadResponse:
    """Return what is raised for a body that nobody has written."""
    return UpstreamBadResponse(source, detail="a stored record that cannot be read")


def merge(source: str, record: Any, stored: Any, *, lacks: frozenset[str] = frozenset()) -> Any:
    """Return a record with what it does not say taken from the stored one: what its row left out, and last names.

    `lacks` has the vendor's names of fields. A name that is null stays what it was, as long as the id beside it is the
    same, or null too: vendors lose the names of what has been deleted.
    """
    known = _SOURCES[source]
    kept = {name: getattr(stored, name) for name, sent in known.fields.items() if sent in lacks} if lacks else {}
    for id_, name in known.names:
        if getattr(record, name) is None and getattr(record, id_) in (None, getattr(stored, id_)):
            kept[name] = getattr(stored, name)
    changed = {name: value for name, value in kept.items() if value is not None}
    return msgspec.structs.replace(record, **changed) if changed else record
