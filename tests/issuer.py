"""A token issuer for tests: keys, the key set as it would be published, and tokens of every kind of badness."""

import json
import time
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

ISSUER = "https://issuer.example.com/"
AUDIENCE = "opportunity-graph"

_CURVES = {"ec": ec.SECP256R1, "ec384": ec.SECP384R1, "ec521": ec.SECP521R1}
_ALGORITHMS = {"ec": "ES256", "ec384": "ES384", "ec521": "ES512", "ed25519": "EdDSA", "ed448": "EdDSA", "rsa": "RS256"}


def kind(name: str) -> str:
    """Return what a key of this name is: `rsa-1` is an RSA key."""
    return name.partition("-")[0]


@cache
def key(name: str) -> Any:
    """Return the private key with this id; its name begins with what it is."""
    if curve := _CURVES.get(kind(name)):
        return ec.generate_private_key(curve())
    if kind(name) == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    if kind(name) == "ed448":
        return ed448.Ed448PrivateKey.generate()
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def jwk(name: str, *, private: bool = False, **changes: Any) -> dict[str, Any]:
    """Return the key as a JSON Web Key without `alg`; a member that is None is left out."""
    algorithm: Any = {"rsa": RSAAlgorithm, "ed25519": OKPAlgorithm, "ed448": OKPAlgorithm}.get(kind(name), ECAlgorithm)
    entry = algorithm.to_jwk(key(name) if private else key(name).public_key(), as_dict=True)
    # PyJWT writes `key_ops` of its own accord; most issuers do not.
    found = {member: value for member, value in entry.items() if member != "key_ops"}
    found |= {"kid": name, "use": "sig"} | changes
    return {member: value for member, value in found.items() if value is not None}


def key_set(*names: str, **changes: Any) -> bytes:
    """Return the key set with these keys."""
    return json.dumps({"keys": [jwk(name, **changes) for name in names]}).encode()


def token(
    name: str = "rsa-1",
    *,
    scope: str | None = "opportunities:read",
    header: Any = None,
    expires_in: float = 600,
    algorithm: str | None = None,
    **claims: Any,
) -> str:
    """Return a token signed with a key; a claim or a member of the header that is None is left out."""
    found = {"iss": ISSUER, "aud": AUDIENCE, "exp": time.time() + expires_in, "sub": "ada@example.com", "scope": scope}
    found = {claim: value for claim, value in {**found, **claims}.items() if value is not None}
    headers = {"kid": name, **(header or {})}
    headers = {member: value for member, value in headers.items() if value is not None}
    return jwt.encode(found, key(name), algorithm=algorithm or _ALGORITHMS[kind(name)], headers=headers)
