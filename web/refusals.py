"""Requests that were refused before anything was executed: counted, and logged with who and why.

Who is the kind of credential that was offered, never the credential: what a stranger sends is not repeated. The reason
is the refusal's fixed sentence.
"""

import logging
from collections import Counter
from collections.abc import Mapping

from httpserver.http_errors import HTTPError
from httpserver.request import Headers, HttpRequest
from web.auth.callers import API_KEY, GATEWAY_KEY

LOGGED = frozenset({401, 403, 413})
"""The statuses that have a line in the log. The others are slips of clients, which are counted alone."""

CREDENTIALS = {
    GATEWAY_KEY.lower().encode(): "gateway key",
    API_KEY.lower().encode(): "API key",
    b"authorization": "bearer token",
}

logger = logging.getLogger("opportunity_graph.http")


def credential_kind(headers: Headers) -> str:
    """Return what kind of credential a request carries, valid or not."""
    return next((kind for name, kind in CREDENTIALS.items() if name in headers), "none")


class Refusals:
    """The refusals since the start."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[int, str, str]] = Counter()

    @property
    def counts(self) -> Mapping[tuple[int, str, str], int]:
        """How many there were, by status, code and kind of credential."""
        return self._counts

    def add(self, request: HttpRequest, error: HTTPError) -> None:
        """Count a refusal, and log it if somebody should look at it."""
        kind = credential_kind(request.headers)
        self._counts[error.status, error.code, kind] += 1
        if error.status in LOGGED:
            logger.warning("refused with %d %s (credential: %s): %s", error.status, error.code, kind, error.message)
