"""API keys: long random texts, of which this server knows only the SHA-256 hashes.

A setting lists them, one key to a line (or separated by `;`): a name, the hash, and what the key allows.

    reports-2026 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 opportunities:read

Several keys may stand beside each other, so that a new one can be handed out before the old one goes. A fast hash is
enough: a key has 256 random bits, nobody guesses those. `python -m web.auth.api_keys NAME SCOPE...` makes one.
"""

import argparse
import re
import secrets
import sys
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from hmac import compare_digest
from importlib import import_module

SCOPE_BY_DEFAULT = "opportunities:read"

_NAME = re.compile(r"[^\s;]+")
_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)
_SHAPE = "each key needs a name, the SHA-256 hash of the key in lower-case hex, and at least one scope"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What is known of a key."""

    name: str
    hash: bytes
    scopes: frozenset[str]


class ApiKeys:
    """The keys of one kind of caller."""

    def __init__(self, keys: Collection[ApiKey]) -> None:
        self._keys = tuple(keys)

    def replace(self, others: "ApiKeys") -> None:
        """Have the keys of another list instead: one that is not among them is refused from now on."""
        self._keys = tuple(others)

    def __iter__(self) -> Iterator[ApiKey]:
        return iter(self._keys)

    def scopes(self, key: str) -> frozenset[str] | None:
        """Return what a key allows, None for an unknown one. All hashes are compared, in constant time."""
        given = sha256(key.encode("utf-8", "surrogateescape")).digest()
        found = None
        for known in self._keys:
            if compare_digest(known.hash, given):
                found = known.scopes
        return found


def read_keys(text: str, known_scopes: Collection[str]) -> ApiKeys:
    """Return the keys that a setting lists; raises `ValueError`, whose text repeats nothing but a key's number."""
    keys: list[ApiKey] = []
    for number, line in enumerate((line for line in re.split(r"[;\n]", text) if line.strip()), 1):
        name, *rest = line.split()
        if len(rest) < 2 or not _HASH.fullmatch(rest[0]):
            raise ValueError(f"key {number}: {_SHAPE}")
        if not set(rest[1:]) <= set(known_scopes):
            raise ValueError(f"key {number}: there is no such scope; the scopes are {' and '.join(known_scopes)}")
        keys.append(ApiKey(name, bytes.fromhex(rest[0]), frozenset(rest[1:])))
    if len({key.name for key in keys}) < len(keys) or len({key.hash for key in keys}) < len(keys):
        raise ValueError("two keys have the same name or the same hash")
    return ApiKeys(keys)


def main(arguments: Sequence[str], known_scopes: Collection[str]) -> int:
    """Print a new key, and the line for the setting; exits with status 2 where the arguments do not allow it."""
    names = " and ".join(known_scopes)
    parser = argparse.ArgumentParser(
        prog="python -m web.auth.api_keys",
        description="Make an API key: print it for its caller, and a line with its hash for API_KEYS or GATEWAY_KEYS.",
        epilog="examples:\n"
        "  python -m web.auth.api_keys reports-2026\n"
        f"  python -m web.auth.api_keys gateway {' '.join(known_scopes)}\n\n"
        "How to hand out keys, and take them back: docs/security.md",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", metavar="NAME", help="what the key is called in the setting, without spaces and ;")
    parser.add_argument(
        "scopes", metavar="SCOPE", nargs="*", help=f"what the key allows: {names}; without any, {SCOPE_BY_DEFAULT}"
    )
    given = parser.parse_args(arguments)
    scopes = given.scopes or [SCOPE_BY_DEFAULT]
    if not set(scopes) <= set(known_scopes):
        parser.error(f"there is no such scope; the scopes are {names}")
    if not _NAME.fullmatch(given.name):
        parser.error("a name has no spaces and no ;")
    key = secrets.token_urlsafe(32)
    line = f"{given.name} {sha256(key.encode()).hexdigest()} {' '.join(scopes)}"
    print(f"Give this to the caller, it is shown only now:\n  {key}\n\nAdd this to the setting:\n  {line}")
    return 0


if __name__ == "__main__":
    # As a command it is at home above all packages, like `server.py`. As a module it knows no schema.
    sys.exit(main(sys.argv[1:], import_module("schema.access").SCOPES))
