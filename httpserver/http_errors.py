"""Requests that are not answered: an HTTP status, a sentence, and a code for programs."""

from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse


class HTTPError(Exception):
    """A request that cannot be taken. The message is a fixed sentence: nothing that was sent becomes part of it."""

    def __init__(
        self,
        status: int,
        message: str,
        headers: dict[str, str] | None = None,
        *,
        code: str = "BAD_USER_INPUT",
        retryable: bool = False,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = headers or {}
        self.code = code
        self.retryable = retryable

    @property
    def body(self) -> dict[str, Any]:
        """The problem as a GraphQL response without `data`."""
        return {
            "errors": [{"message": self.message, "extensions": {"code": self.code, "retryable": self.retryable}}],
        }


async def no_such_page(_: Request, error: Exception) -> JSONResponse:
    """Answer for Starlette where no route fits (404), or not with this method (405): in JSON, like everything else."""
    assert isinstance(error, HTTPException)
    message = "There is nothing here; the endpoint is /graphql."
    if error.status_code == 405:
        message = "This page does not take this method."
    found = HTTPError(error.status_code, message)
    return JSONResponse(found.body, found.status, error.headers)
