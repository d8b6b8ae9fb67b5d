"""Global ids: base64url (RFC 4648 5, without padding) of `source:id`. Opaque to clients; the format never changes."""

import base64
import binascii
from functools import lru_cache

from resolvers.errors import BadUserInput
from resolvers.registry import SOURCES
from resolvers.source import Source

_BY_NAME = {source.name: source for source in SOURCES}
_LONGEST = 200
_REMEMBERED = 4096
"""Ids that are remembered taken apart: for fifty that takes longer than to find their records."""

_URL_SAFE = bytes.maketrans(b"+/", b"-_")

_MALFORMED = "This is not the id of an opportunity. Pass back an `id` that this graph gave out, unchanged."
_SPACES = "This is not the id of an opportunity: there are spaces around it."


def encode(source: str, source_id: str) -> str:
    """Return the global id of a source's record."""
    found = binascii.b2a_base64(f"{source}:{source_id}".encode(), newline=False)
    return found.translate(_URL_SAFE, b"=").decode()


def decode(global_id: str) -> tuple[Source, str]:
    """Return the source and the canonical source id; raises `BadUserInput`. Padding is tolerated."""
    text = global_id.rstrip("=")
    if len(text) > _LONGEST:
        raise BadUserInput(_MALFORMED)
    try:
        return _decoded(text)
    except BadUserInput:
        if (bare := text.strip()) != text and is_global_id(bare):
            raise BadUserInput(_SPACES) from None
        raise


@lru_cache(_REMEMBERED)
def _decoded(text: str) -> tuple[Source, str]:
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        name, _, source_id = raw.decode("ascii").partition(":")
    except (binascii.Error, ValueError):
        raise BadUserInput(_MALFORMED) from None
    source = _BY_NAME.get(name)
    canonical = source.canonical_id(source_id) if source else None
    if source is None or canonical is None:
        raise BadUserInput(_MALFORMED)
    return source, canonical


def canonical_id(source: Source, source_id: str) -> str:
    """Return the one spelling of a source's own id; raises `BadUserInput`."""
    canonical = _canonical(source.name, source_id) if len(source_id) <= _LONGEST else source.canonical_id(source_id)
    if canonical is None:
        has_spaces = source.canonical_id(source_id.strip()) is not None  # pasted with the blank behind it
        why = "there are spaces around it" if has_spaces else source.id_shape
        raise BadUserInput(f"This is not the id of a {source.title} opportunity: {why}.", source=source.name)
    return canonical


def is_global_id(text: str) -> bool:
    """Whether a text is an id that this graph gives out."""
    try:
        decode(text)
    except BadUserInput:
        return False
    return True


def is_own_id(source: Source, text: str) -> bool:
    """Whether a text can be an id that a source gave out."""
    return len(text) <= _LONGEST and source.canonical_id(text) is not None


@lru_cache(_REMEMBERED)
def _canonical(source: str, source_id: str) -> str | None:
    return _BY_NAME[source].canonical_id(source_id)
