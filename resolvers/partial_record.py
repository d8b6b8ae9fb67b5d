"""Records of the store read in part: the attributes that are asked for, and no others, in a fraction of the time.

A list shows a dozen of a record's values. What is stored was checked when it came from its source, and was written by
`resolvers/stored_record.py`, so that nothing is checked again, and times are as msgspec writes and reads them.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from types import MemberDescriptorType
from typing import Any, Final

import msgspec

from resolvers.registry import SOURCES
from resolvers.stored_record import split_alike, values_type

MOST_DECODERS: Final = 256

JOINED: Final = "customer"
"""What `resolvers.source.CustomerJoin` adds to a record, which is not stored with it."""

_STORED: Final = {source.name: source.stored for source in SOURCES}


def decode(
    source: str, bodies: Sequence[bytes], names: frozenset[str], absent: Callable[[str], Exception]
) -> Sequence[Any] | None:
    """Return what has these attributes of each record; None if one body cannot be read so, though perhaps as a whole.

    It has the methods and properties of the record's type too. An attribute that it has not raises what `absent`
    gives for its name. `JOINED`, if it is among the names, is None, and can be set.
    """
    if (alike := split_alike(source, bodies)) is None:
        return None
    type_, arrays = alike
    how = _decoder(type_, _STORED[source], names, absent)  # type: ignore[arg-type] # types have hashes
    try:
        return how.decode(b"".join([b"\xdd", len(arrays).to_bytes(4), *arrays]))
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


@lru_cache(MOST_DECODERS)
def _decoder(
    type_: type[Any], stored: tuple[str, ...], names: frozenset[str], absent: Callable[[str], Exception]
) -> msgspec.msgpack.Decoder[list[Any]]:
    is_joined = JOINED in names and JOINED not in stored

    def missing(_: object, name: str) -> None:
        raise absent(name)

    namespace = {**_further(type_), "__getattr__": missing, **({JOINED: None} if is_joined else {})}
    part: Any = values_type(type_, stored, names, namespace=namespace, dict=is_joined, gc=is_joined)
    return msgspec.msgpack.Decoder(list[part])


def _further(type_: type[Any]) -> dict[str, Any]:
    """Return what a record's type has beside its fields: properties, methods, constants."""
    found = {name: one for class_ in reversed(type_.__mro__[:-2]) for name, one in vars(class_).items()}
    return {
        name: one
        for name, one in found.items()
        if not name.startswith("__") and not isinstance(one, MemberDescriptorType)
    }
