"""`python -m web.health_check`: ends with status 0 if the server of this machine is alive, else 1.

For images and orchestrators that run a command. It asks where `HOST` and `PORT` say, and never through a proxy.
"""

import http.client
import sys
from collections.abc import Mapping
from os import environ

TIMEOUT_SECONDS = 2.0

_EVERY_ADDRESS = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 # not listened on, but asked


def is_alive(variables: Mapping[str, str]) -> bool:
    """Return whether `/health/live` answers 200 where these settings let the server listen."""
    host = variables.get("HOST", "").strip()
    port = variables.get("PORT", "").strip() or "8000"
    try:
        connection = http.client.HTTPConnection(_EVERY_ADDRESS.get(host, host), int(port), timeout=TIMEOUT_SECONDS)
        connection.request("GET", "/health/live")
        return connection.getresponse().status == 200
    except (OSError, ValueError, http.client.HTTPException):
        return False


if __name__ == "__main__":
    sys.exit(0 if is_alive(environ) else 1)
