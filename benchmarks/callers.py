"""Who asks: as it is in production, where frontends show a bearer token, and browsers say which page asks (`Origin`).

A server either takes callers without a credential or requires one, so a token has a server of its own beside the plain
one; both allow the page's origin.
"""

import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

PAGE = "https://app.example.com"
TOKEN_SECONDS = 86_400
"""Longer than any run takes."""

CLAIMS = {
    "iss": "https://issuer.example.com/",
    "aud": "opportunity-graph",
    "sub": "ada@example.com",
    "scope": "opportunities:read contacts:read",
}


@dataclass(frozen=True)
class Caller:
    """What a request carries besides its body. `has_token`: it goes to the server that requires one."""

    name: str
    has_token: bool = False
    has_origin: bool = False

    @property
    def headers(self) -> dict[str, str]:
        """Those that every server gets; the token is the server's own (`Issuer`)."""
        return {"Origin": PAGE} if self.has_origin else {}


PLAIN = Caller("plain")
EVERYTHING = Caller("token and Origin", has_token=True, has_origin=True)
CALLERS = (PLAIN, Caller("token", has_token=True), Caller("Origin", has_origin=True), EVERYTHING)
BY_NAME = {caller.name: caller for caller in CALLERS}


@dataclass(frozen=True)
class Issuer:
    """An issuer of tokens whose key set is served on loopback."""

    headers: Mapping[str, str]
    """With a token that allows everything."""
    settings: Mapping[str, str]
    """Of a server that requires tokens of this issuer."""


@contextmanager
def issuer() -> Iterator[Issuer]:
    """Serve a key set (RFC 7517) until the block ends."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    public = {name: value for name, value in public.items() if name != "key_ops"} | {"kid": "bench", "use": "sig"}
    body = json.dumps({"keys": [public]}).encode()

    class KeySet(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/jwk-set+json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    token = jwt.encode(CLAIMS | {"exp": time.time() + TOKEN_SECONDS}, key, "RS256", {"kid": "bench"})
    with ThreadingHTTPServer(("127.0.0.1", 0), KeySet) as served:
        thread = threading.Thread(target=served.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield Issuer(
                {"Authorization": f"Bearer {token}"},
                {
                    "JWT_ISSUER": CLAIMS["iss"],
                    "JWT_AUDIENCE": CLAIMS["aud"],
                    "JWT_JWKS_URL": f"http://127.0.0.1:{served.server_port}/jwks.json",
                },
            )
        finally:
            served.shutdown()
            thread.join()
