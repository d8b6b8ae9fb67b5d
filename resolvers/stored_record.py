"""Records as the store keeps them: the JSON of what the graph serves, each digit of an amount, and back.

A source's record may have several types (`Source.records`), for instance by a setting that says how amounts count. A
body begins with the number of its type, unless that is the first: so after a change of the setting each body differs
from what is stored, and is written anew.
"""

from typing import Any

import msgspec

from resolvers.errors import UpstreamBadResponse
from resolvers.registry import SOURCES
from resolvers.reply import decode as decode_reply
from resolvers.reply import decoder
from resolvers.source import Record, Source

_ENCODER = msgspec.json.Encoder(decimal_format="string")
_OBJECT = decoder(dict[str, msgspec.Raw])


class _Source:
    """How a source's records are read: a decoder for each of their types, and the fields that all of them have."""

    def __init__(self, source: Source) -> None:
        self.types = source.records
        self.decoders = {one: decoder(one) for one in source.records}
        self.names = source.names
        self.fields = {one.name: one.encode_name for type_ in source.records for one in msgspec.structs.fields(type_)}


_SOURCES = {source.name: _Source(source) for source in SOURCES}


def encode(source: str, record: Record) -> bytes:
    """Return the body that `decode` makes an equal record of."""
    number = _SOURCES[source].types.index(type(record))
    body = _ENCODER.encode(record)
    return b"%d%s" % (number, body) if number else body


def decode(source: str, body: bytes) -> Any:
    """Return the record of a body; fields that an older version did not store are null.

    Raises `UpstreamBadResponse` for what no version has written.
    """
    known = _SOURCES[source]
    type_, text = split(source, body)
    how = known.decoders[type_]
    try:
        return how.decode(text)
    except (msgspec.MsgspecError, ValueError):  # mostly a field that is newer than the body
        absent = dict.fromkeys(known.fields.values(), msgspec.Raw(b"null"))
        return decode_reply(source, how, msgspec.json.encode(absent | decode_reply(source, _OBJECT, text)))


def split(source: str, body: bytes) -> tuple[type[Any], bytes]:
    """Return the type of a body's record, and its JSON; raises `UpstreamBadResponse` for what nobody has written."""
    if body[:1] == b"{":
        return _SOURCES[source].types[0], body
    start = body.find(b"{", 0, 3)
    number = int(body[:start]) if start > 0 and body[:start].isdigit() else len(_SOURCES[source].types)
    if number >= len(_SOURCES[source].types):
        raise UpstreamBadResponse(source, detail="a stored record that cannot be read")
    return _SOURCES[source].types[number], body[start:]


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
