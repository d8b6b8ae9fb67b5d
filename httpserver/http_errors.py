"""Requests that are refused or failed: an HTTP status, a sentence, and a code for programs."""

import logging
from collections.abc import Callable
from typing import Any

from httpserver.response import JSON, HttpResponse, dumps

logger = logging.getLogger("opportunity_graph.http")


class HTTPError(Exception):
    """A request that is refused. The message is a fixed sentence: nothing that was sent becomes part of it.

    `detail` gives what the log says besides; it is called where there is a line. `retry_after_seconds`: when it is
    worth asking again, which the header `Retry-After` (RFC 9110, 10.2.3) and the body tell.
    """

    def __init__(
        self,
        status: int,
        message: str,
        headers: dict[str, str] | None = None,
        *,
        code: str = "BAD_USER_INPUT",
        retryable: bool = False,
        retry_after_seconds: int | None = None,
        detail: Callable[[], str] | None = None,
    ) -> None:
        super().__init__(message)
        self.detail = detail
        self.status = status
        self.message = message
        self.headers = headers or {}
        self.code = code
        self.retryable = retryable
        self.retry_after_seconds = retry_after_seconds
        if retry_after_seconds is not None:
            self.headers = self.headers | {"Retry-After": str(retry_after_seconds)}

    @property
    def body(self) -> dict[str, Any]:
        """The error as a GraphQL response without `data`."""
        extensions: dict[str, Any] = {"code": self.code, "retryable": self.retryable}
        if self.retry_after_seconds is not None:
            extensions["retryAfterSeconds"] = self.retry_after_seconds
        return {"errors": [{"message": self.message, "extensions": extensions}]}

    def response(self, media_type: str = JSON) -> HttpResponse:
        """Return the response that tells of it."""
        return HttpResponse(dumps(self.body), self.status, media_type, self.headers)


def internal_error(error: Exception, media_type: str = JSON) -> HttpResponse:
    """Return the response to a request that met a fault of this server, and log the fault."""
    # Not with the exception's own text: it could repeat what was sent, or what a source answered.
    logger.error("A request failed", exc_info=Exception(type(error).__name__).with_traceback(error.__traceback__))
    return HTTPError(500, "Internal server error.", code="INTERNAL_SERVER_ERROR").response(media_type)
