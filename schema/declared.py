"""What the type of a record says about its attributes, so that nobody has to look at each value again.

Records are decoded into their type, and a decoder checks every value against it (`resolvers/reply.py`). So an attribute
declared as `str | None` is one or the other, and a scalar that takes text as it is has nothing left to do.
"""

from collections.abc import Mapping
from functools import cache

import msgspec
from msgspec.inspect import BoolType, CustomType, IntType, NoneType, StrType, Type, UnionType, type_info

from resolvers.reply import Timestamp


@cache
def scalars_of(record: type[msgspec.Struct]) -> Mapping[str, frozenset[str]]:
    """Return, for each attribute, the scalars that leave whatever it is as it is. Null is another matter."""
    found = type_info(record)
    assert isinstance(found, msgspec.inspect.StructType)
    return {field.name: _scalars(field.type) for field in found.fields}


def _scalars(type_: Type) -> frozenset[str]:
    if isinstance(type_, UnionType):
        return frozenset.intersection(*[_scalars(one) for one in type_.types if not isinstance(one, NoneType)])
    if isinstance(type_, StrType):
        return frozenset({"String", "ID"})
    if isinstance(type_, BoolType):
        return frozenset({"Boolean"})
    if isinstance(type_, IntType) and (type_.ge, type_.le) == (-(2**31), 2**31 - 1):
        return frozenset({"Int"})
    if isinstance(type_, CustomType) and type_.cls is Timestamp:
        return frozenset({"DateTime"})
    return frozenset()
