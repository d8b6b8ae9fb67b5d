"""JSON objects that have a name twice. RFC 8259 lets readers take what they like of the two, and most take the last."""

import json
from typing import Any


class DoubledName(ValueError):
    """An object has a name twice, which is the text."""


def check_names(text: bytes) -> None:
    """Raise `DoubledName` if an object in JSON, at whatever depth, has a name twice; `ValueError` or `RecursionError`
    for what is no JSON."""
    json.loads(text.decode(), object_pairs_hook=_once, parse_int=str, parse_float=str)


def _once(pairs: list[tuple[str, Any]]) -> None:
    names: set[str] = set()
    for name, _ in pairs:
        if name in names:
            raise DoubledName(name)
        names.add(name)
