"""What a deal is known by in the store: a few bytes, as each entry of an index has them.

They are in the order of systems' names, then accounts', then the deals' own ids there: numbers by their value, all
else as text. They hold all of the three, so that no two deals have the same, and that they are the same in every store.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

SHORT: Final = {"chartmogul": b"c", "nexudus": b"n"}
"""Systems that have one letter in place of a name. What is stored has it: none is ever changed. Other names are written
out, in two bytes at least, which takes more room and is as good."""

# What comes behind a system is below any letter or digit of a name, and an account's sign above these.
_NAME: Final = re.compile(rb"[^\0-\x20@]+")
_NUMBER_BYTES: Final = tuple(bytes([length]) for length in range(9))
_UUID, _TEXT, _ACCOUNT, _END = b"\x10", b"\x20", b"@", b"\0"

_UUID_SHAPE: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_NUMBER_SHAPE: Final = re.compile(r"[1-9][0-9]{0,18}", re.ASCII)


def deal_id(source: str, account: str, source_id: str) -> bytes:
    """Return the key of a deal."""
    if _NUMBER_SHAPE.fullmatch(source_id):
        number = int(source_id)
        length = (number.bit_length() + 7) // 8
        own = _NUMBER_BYTES[length] + number.to_bytes(length)
    elif _UUID_SHAPE.fullmatch(source_id):
        own = _UUID + bytes.fromhex(source_id.replace("-", ""))
    else:
        own = _TEXT + source_id.encode("utf-8", "surrogatepass")
    return _prefix(source, account) + own


@lru_cache(256)
def _prefix(source: str, account: str) -> bytes:
    name = SHORT.get(source) or source.encode().ljust(2, b":")
    return name + _ACCOUNT + account.encode() + _END if account else name


def sources_of(ids: Sequence[bytes]) -> list[str]:
    """Return the names of deals' systems, of their keys."""
    known = _BY_START
    return [known.get(id_[:2]) or _source_of(id_) for id_ in ids]


def _source_of(id_: bytes) -> str:
    name = _NAME.match(id_)
    if name is None:
        raise ValueError("no key of a deal")
    return _LONG.get(name[0]) or name[0].decode().removesuffix(":")


_LONG: Final = {letter: source for source, letter in SHORT.items()}
_BY_START: Final = {
    letter + behind: source for letter, source in _LONG.items() for behind in (*_NUMBER_BYTES, _UUID, _TEXT, _ACCOUNT)
}
"""Systems by the first two bytes of most keys."""
