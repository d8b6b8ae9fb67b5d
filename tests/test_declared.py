"""`schema.declared`: a scalar has nothing to do for what a decoder lets through as a field of its kind."""

from datetime import UTC
from typing import Any

import msgspec
import orjson
import pytest
from graphql import GraphQLScalarType
from hypothesis import given
from hypothesis import strategies as st

from resolvers.reply import decoder
from schema import build_schema
from schema.declared import scalars_of
from schema.sources import SOURCE_TYPES, SourceType

NUMBERS = [0, -1, 1.0, 2**31 - 1, 2**31, -(2**31), -(2**31) - 1, 2**63, 2**70, 1e3, 1e99]
TIMES = ["2026-02-11T16:42:07.913118Z", "2026-02-11T16:42:07+02:00", "2026-02-11", "2026-02-11T16:42", 1770828127]
TEXTS = ["", "won", "7", "-0", " 7", "true", "null", "1e3", "\u2028", "\x7f", "\U0001f600"]
OTHERS = [True, False, [], ["a"], {}, {"a": 1}]

anything = st.sampled_from([*NUMBERS, *TIMES, *TEXTS, *OTHERS]) | st.text() | st.integers() | st.floats(allow_nan=False)

FIELDS = [(one, field, scalars) for one in SOURCE_TYPES for field, scalars in scalars_of(one.record).items() if scalars]


def test_most_fields_of_every_record_are_of_a_scalars_own_kind() -> None:
    assert len(FIELDS) > 40
    assert frozenset().union(*[scalars for _, _, scalars in FIELDS]) == {"Boolean", "DateTime", "ID", "Int", "String"}


@pytest.mark.parametrize(
    ("one", "field", "scalars"), [pytest.param(*each, id=f"{each[0].type_name}.{each[1]}") for each in FIELDS]
)
@given(anything)
def test_what_is_decoded_is_what_the_scalar_makes_of_it(
    one: SourceType, field: str, scalars: frozenset[str], sent: Any
) -> None:
    declared = next(known for known in msgspec.structs.fields(one.record) if known.name == field)
    alone = msgspec.defstruct("Alone", [(field, declared.type)])
    try:
        value = getattr(decoder(alone).decode(orjson.dumps({field: sent})), field)
    except (msgspec.MsgspecError, ValueError, TypeError, orjson.JSONEncodeError):
        return
    for name in scalars if value is not None else ():
        scalar = SCHEMA.type_map[name]
        assert isinstance(scalar, GraphQLScalarType)
        assert msgspec.json.encode(value) == orjson.dumps(scalar.coerce_output_value(value))


SCHEMA = build_schema()._schema


@given(st.text() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.datetimes(timezones=st.just(UTC)))
def test_a_value_is_written_as_orjson_writes_it(value: Any) -> None:
    assert msgspec.json.encode(value) == orjson.dumps(value, option=orjson.OPT_UTC_Z)
