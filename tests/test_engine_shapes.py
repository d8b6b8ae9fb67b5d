"""`engine.shapes`: objects that are encoded with the keys that they were made for."""

import gc
from weakref import ref

import msgspec
import pytest

from engine.shapes import shape


@pytest.mark.parametrize("keys", [("id", "name"), ("class", "from", "_"), ("a", "A", "é"), ()])
def test_an_object_is_encoded_with_its_keys_in_order(keys: tuple[str, ...]) -> None:
    values = range(len(keys))
    encoded = msgspec.json.encode(shape(keys)(*values))
    assert encoded == msgspec.json.encode(dict(zip(keys, values, strict=True)))


def test_equal_keys_share_a_type_while_somebody_uses_it() -> None:
    first = shape(("only", "here"))
    assert shape(("only", "here")) is first
    gone = ref(first)
    del first
    gc.collect()
    assert gone() is None
