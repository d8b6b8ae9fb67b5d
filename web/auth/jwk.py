"""JSON Web Keys (RFC 7517, RFC 7518 section 6, RFC 8037): which keys of a set can verify what.

Only public members are read. A key whose set also gives its private part is left out, for whoever can fetch the set
can sign with it. So are symmetric keys, and whatever is not understood (RFC 7517, section 5).
"""

import json
import logging
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, Final

from jwt import PyJWK

MAX_KEYS: Final = 100

_RSA: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
_ALGORITHMS: Final = {
    ("RSA", None): _RSA,
    ("EC", "P-256"): ("ES256",),
    ("EC", "P-384"): ("ES384",),
    ("EC", "P-521"): ("ES512",),
    ("OKP", "Ed25519"): ("EdDSA",),
    ("OKP", "Ed448"): ("EdDSA",),
}
"""By `kty` and `crv`: `alg` is optional, and PyJWT would take a missing one for RS256."""

_PUBLIC: Final = ("kty", "crv", "n", "e", "x", "y")
_PRIVATE: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth"})
_RSA_BITS: Final = range(2_048, 16_384 + 1)
"""Shorter ones RFC 7518 (3.3) forbids; longer ones take too long."""

logger = logging.getLogger("opportunity_graph.callers")


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key that verifies signatures of these algorithms. Equal if the set says the same of it."""

    id: str | None
    algorithms: frozenset[str]
    members: tuple[tuple[str, str], ...]
    value: Any = field(compare=False, repr=False)


def read_jwks(text: bytes, algorithms: Collection[str]) -> tuple[PublicKey, ...]:
    """Return the keys of a set that can be used with these algorithms, perhaps none.

    Raises `ValueError` or `RecursionError` for what is no key set.
    """
    given: Any = json.loads(text)
    entries = given.get("keys") if isinstance(given, dict) else None
    if not isinstance(entries, list):
        raise ValueError("not a key set")
    found = [_read_key(entry, algorithms) for entry in entries[:MAX_KEYS] if isinstance(entry, dict)]
    return tuple(key for key in found if key is not None)


def _read_key(entry: dict[str, Any], algorithms: Collection[str]) -> PublicKey | None:
    usable = _usable_algorithms(entry).intersection(algorithms)
    key_id = entry.get("kid")
    if _PRIVATE & entry.keys():
        logger.warning("The token issuer publishes a private key: tokens signed with it are refused")
        return None
    if not usable or not isinstance(key_id, str | None):
        return None
    members: dict[str, Any] = {name: entry[name] for name in _PUBLIC if name in entry}
    try:
        value = PyJWK.from_dict(members, min(usable)).key
    except Exception:  # whatever a library says of one key, the others are good
        return None
    if entry["kty"] == "RSA" and value.key_size not in _RSA_BITS:
        return None
    return PublicKey(key_id, usable, tuple(members.items()), value)


def _usable_algorithms(entry: dict[str, Any]) -> frozenset[str]:
    """Return what a key may verify, as its type allows and `alg`, `use` and `key_ops` say (RFC 7517, 4.1 to 4.4)."""
    type_, curve = entry.get("kty"), entry.get("crv")
    if not isinstance(type_, str) or not isinstance(curve, str | None):
        return frozenset()
    found = frozenset(_ALGORITHMS.get((type_, None if type_ == "RSA" else curve), ()))
    if "alg" in entry:
        found = frozenset(name for name in found if name == entry["alg"])
    operations = entry.get("key_ops", ["verify"])
    if entry.get("use", "sig") != "sig" or not isinstance(operations, list) or "verify" not in operations:
        return frozenset()
    return found
