"""Keys of machines and gateways, as their settings list them."""

from hashlib import sha256

SCOPES = ("opportunities:read", "contacts:read")


def line(name: str, key: str, scopes: str = "opportunities:read") -> str:
    """Return the line of a key in `API_KEYS` or `GATEWAY_KEYS`."""
    return f"{name} {sha256(key.encode()).hexdigest()} {scopes}"
