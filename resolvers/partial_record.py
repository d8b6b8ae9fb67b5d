"""Records of the store read in part: the attributes that are asked for, and no others, in a fraction of the time.

A list shows a dozen of a record's values. What is stored was checked when it came from its source, and was written by
`resolvers/stored_record.py`, so that nothing is checked again, and times are as msgspec writes and reads them.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import lru_cache
from types import MemberDescriptorType
from typing import Any, Final, Union, get_args

import msgspec

from resolvers.errors import UpstreamBadResponse
from resolvers.reply import Timestamp
from resolvers.stored_record import split

MOST_DECODERS: Final = 256

JOINED: Final = "customer"
"""What `resolvers.source.CustomerJoin` adds to a record, which is not stored with it."""


def decode(
    source: str, bodies: Sequence[bytes], names: frozenset[str], absent: Callable[[str], Exception]
) -> Sequence[Any] | None:
    """Return what has these attributes of each record; None if one body cannot be read so, though perhaps as a whole.

    It has the methods and properties of the record's type too. An attribute that it has not raises what `absent`
    gives for its name. `JOINED`, if it is among the names, is None, and can be set.
    """
    try:
        texts = [split(source, body) for body in bodies]
    except UpstreamBadResponse:
        return None
    types = {type_ for type_, _ in texts}
    if len(types) != 1:
        return None
    how = _decoder(types.pop(), names, absent)  # type: ignore[arg-type] # types have hashes
    try:
        found = how.decode_lines(b"\n".join([text for _, text in texts]))
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    return found if len(found) == len(texts) else None


@lru_cache(MOST_DECODERS)
def _decoder(type_: type[Any], names: frozenset[str], absent: Callable[[str], Exception]) -> msgspec.json.Decoder[Any]:
    fields: list[Any] = [
        (one.name, _plain(one.type), msgspec.field(name=one.encode_name))
        for one in msgspec.structs.fields(type_)
        if one.name in names
    ]
    if JOINED in names and JOINED not in type_.__struct_fields__:
        fields.append((JOINED, Any, msgspec.field(default=None, name=f" {JOINED}")))  # nothing stored has such a name

    def missing(_: object, name: str) -> None:
        raise absent(name)

    namespace = {**_further(type_), "__getattr__": missing}
    part = msgspec.defstruct("Part", fields, namespace=namespace, kw_only=True, eq=False, gc=False)
    return msgspec.json.Decoder(part, strict=False)


def _further(type_: type[Any]) -> dict[str, Any]:
    """Return what a record's type has beside its fields: properties, methods, constants."""
    found = {name: one for class_ in reversed(type_.__mro__[:-2]) for name, one in vars(class_).items()}
    return {
        name: one
        for name, one in found.items()
        if not name.startswith("__") and not isinstance(one, MemberDescriptorType)
    }


def _plain(type_: Any) -> Any:
    if type_ is Timestamp:
        return datetime
    parts = get_args(type_)
    return Union[tuple(map(_plain, parts))] if Timestamp in parts else type_  # noqa: UP007 - made of a list
