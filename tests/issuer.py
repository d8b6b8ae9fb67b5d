"""A token issuer for tests: keys, the key set as it would be published, and tokens of every kind of badness."""

import json
import time
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

ISSUER = "https://issuer.example.com/"
AUDIENCE = "opportunity-graph"


@cache
def key(name: str) -> Any:
    """Return the private key with this id; `ec-...` is an elliptic curve's."""
    if name.startswith("ec"):
        return ec.generate_private_key(ec.SECP256R1())
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def key_set(*names: str, **changes: Any) -> bytes:
    """Return the key set with these keys."""
    entries = []
    for name in names:
        algorithm = ECAlgorithm if name.startswith("ec") else RSAAlgorithm
        entry = algorithm.to_jwk(key(name).public_key(), as_dict=True)
        entries.append(entry | {"kid": name, "use": "sig"} | changes)
    return json.dumps({"keys": entries}).encode()


def token(
    name: str = "rsa-1",
    *,
    scope: str | None = "opportunities:read",
    header: Any = None,
    expires_in: float = 600,
    **claims: Any,
) -> str:
    """Return a token signed with a key; a claim that is None is left out."""
    found = {"iss": ISSUER, "aud": AUDIENCE, "exp": time.time() + expires_in, "sub": "ada@example.com", "scope": scope}
    found = {claim: value for claim, value in {**found, **claims}.items() if value is not None}
    algorithm = "ES256" if name.startswith("ec") else "RS256"
    return jwt.encode(found, key(name), algorithm=algorithm, headers={"kid": name, **(header or {})})
