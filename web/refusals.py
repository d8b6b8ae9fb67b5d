"""Requests that were refused before anything was executed: counted, and logged with who and why.

Who is the kind of credential that was offered, never the credential: what a stranger sends is not repeated. Why is a
word for programs and the refusal's fixed sentence. A flood of refusals has a few lines a second, and then one that says
how many more there were.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Mapping
from contextvars import Context
from typing import Final, Literal

from httpserver.http_errors import HTTPError
from httpserver.request import Headers
from web.access_log import ACCESS_NOTE
from web.auth.callers import API_KEY, GATEWAY_KEY

Reason = Literal["framing", "cors", "credential", "forbidden", "size", "slow", "busy", "request"]
"""Why: what came is no HTTP request, a page of another site asks, no or a wrong credential, what a caller may not do,
too large, too slow, too much at once, or a slip of the client."""

REASONS: Final[Mapping[int, Reason]] = {
    401: "credential",
    403: "forbidden",
    408: "slow",
    413: "size",
    414: "size",
    429: "busy",
    431: "size",
    503: "busy",
}

LOGGED: Final = frozenset({"framing", "credential", "forbidden", "size"})
"""The reasons that have a line in the log. The others are slips of clients, or have one elsewhere; they are counted."""

LINES_A_SECOND: Final = 10

CREDENTIALS = {
    GATEWAY_KEY.lower().encode(): "gateway key",
    API_KEY.lower().encode(): "API key",
    b"authorization": "bearer token",
}

logger = logging.getLogger("opportunity_graph.http")


def credential_kind(headers: Headers | None) -> str:
    """Return what kind of credential a request carries, valid or not."""
    return next((kind for name, kind in CREDENTIALS.items() if name in headers), "none") if headers else "none"


class Refusals:
    """The refusals since the start."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[int, str, str, str]] = Counter()
        self._lines = 0
        self._unlogged = 0

    @property
    def counts(self) -> Mapping[tuple[int, str, str, str], int]:
        """How many there were, by status, code, reason and kind of credential."""
        return self._counts

    def add(self, headers: Headers | None, error: HTTPError, reason: Reason | None = None) -> None:
        """Count a refusal, and log it if somebody should look at it. `headers` are None where none could be read.

        Without a `reason`, it is the one that its status tells.
        """
        kind = credential_kind(headers)
        why = reason or REASONS.get(error.status, "request")
        self._counts[error.status, error.code, why, kind] += 1
        if (note := ACCESS_NOTE.get()) is not None:
            note.code = error.code
        if why in LOGGED and self._may_log():
            told = error.message if error.detail is None else f"{error.message} {error.detail()}"
            logger.warning("refused with %d %s (credential: %s): %s", error.status, error.code, kind, told)

    def add_unseen(self, headers: Headers | None, error: HTTPError) -> None:
        """Do the same for what a connection has refused, and the application has never seen."""
        self.add(headers, error, REASONS.get(error.status, "framing"))

    def _may_log(self) -> bool:
        if self._lines == 0:
            asyncio.get_running_loop().call_later(1.0, self._next_second, context=Context())
        self._lines += 1
        self._unlogged += self._lines > LINES_A_SECOND
        return self._lines <= LINES_A_SECOND

    def _next_second(self) -> None:
        if self._unlogged:
            logger.warning("refused %d more requests in the same second", self._unlogged)
        self._lines = self._unlogged = 0
