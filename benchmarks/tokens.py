"""What it costs to tell who calls by a bearer token: `python -m benchmarks.tokens`.

Processor time for each request, for tokens that come for the first time and for one that has come before.
"""

import asyncio
import json
import statistics
import time
from collections.abc import Sequence

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from httpserver.request import Headers, HttpRequest
from web.auth.callers import Callers
from web.auth.jwks import JWKSet
from web.auth.jwt import JWTVerifier

ROUNDS, TOKENS = 9, 300
CLAIMS = {"iss": "https://issuer.example.com/", "aud": "graph", "scope": "opportunities:read contacts:read openid"}


async def measure(algorithm: str) -> tuple[float, float]:
    """Return microseconds for a new token and for a known one."""
    is_rsa = algorithm == "RS256"
    key = rsa.generate_private_key(65537, 2048) if is_rsa else ec.generate_private_key(ec.SECP256R1())
    public = (RSAAlgorithm if is_rsa else ECAlgorithm).to_jwk(key.public_key(), as_dict=True)
    keys = json.dumps({"keys": [{k: v for k, v in public.items() if k != "key_ops"}]}).encode()
    texts = [jwt.encode(CLAIMS | {"exp": time.time() + 600, "jti": str(n)}, key, algorithm) for n in range(TOKENS)]

    async def fetch(_: str) -> bytes:
        return keys

    def new() -> Callers:
        tokens = JWTVerifier(
            JWKSet("", fetch, algorithms=[algorithm]),
            issuer=CLAIMS["iss"],
            audience=CLAIMS["aud"],
            algorithms=[algorithm],
            leeway_seconds=30,
            scopes=CLAIMS["scope"].split()[:2],
        )
        return Callers(nobody=None, tokens=tokens)

    async def timed(callers: Callers, texts: Sequence[str]) -> float:
        head = (b"content-type", b"application/json")
        arrivals = [HttpRequest("POST", Headers([head, (b"authorization", b"Bearer " + t.encode())])) for t in texts]
        began = time.process_time()
        for request in arrivals:
            await callers.identify(request)
        return (time.process_time() - began) / len(texts) * 1e6

    fresh, known = [], []
    for _ in range(ROUNDS):
        callers = new()
        await timed(callers, texts[:1])  # fetches the keys
        fresh.append(await timed(callers, texts[1:]))
        known.append(await timed(callers, texts[:1] * TOKENS))
    return statistics.median(fresh), statistics.median(known)


if __name__ == "__main__":
    for name in ("RS256", "ES256"):
        first, again = asyncio.run(measure(name))
        print(f"{name}: {first:.0f} microseconds for a new token, {again:.1f} for a known one")
