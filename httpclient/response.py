"""A response, as a client gets it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Headers:
    """Headers as they came. Nothing is parsed before somebody looks one up: of most responses nobody does."""

    __slots__ = ("_lines",)

    def __init__(self, lines: Sequence[tuple[bytes, bytes]]) -> None:
        self._lines = lines

    def get(self, name: str, default: str = "", /) -> str:
        """Look up without regard to case; of several with one name, the first."""
        wanted = name.lower().encode()
        for given, value in self._lines:
            if given.lower() == wanted:
                return value.decode("latin-1").strip()
        return default

    def listed(self, name: str) -> list[str]:
        """Return the members of a list, in lower case and from all of its lines (RFC 9110, 5.3), without empty ones."""
        wanted = name.lower().encode()
        found = [value for given, value in self._lines if given.lower() == wanted]
        if not found:
            return []
        members = b",".join(found).decode("latin-1").lower().split(",")
        return [stripped for member in members if (stripped := member.strip())]


@dataclass(slots=True)
class Response:
    """Status, headers (looked up without regard to case), and the whole body."""

    status: int
    headers: Headers | Mapping[str, str]
    body: bytes
