"""Requests for no page of this server, or with a method that the page does not take."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from httpserver.http_errors import HTTPError


async def not_found(_: Request, error: Exception) -> JSONResponse:
    """Respond where no route fits (404), or none with this method (405): in JSON, like everything else."""
    assert isinstance(error, HTTPException)
    message = "There is nothing here; the endpoint is /graphql."
    if error.status_code == 405:
        message = "This page does not take this method."
    refusal = HTTPError(error.status_code, message)
    return JSONResponse(refusal.body, refusal.status, error.headers)
