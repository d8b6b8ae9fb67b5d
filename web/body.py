"""The body of a POST request, read once, whichever way it comes, within bounds of size, time and memory."""

import asyncio
from contextlib import AbstractAsyncContextManager, nullcontext

from starlette.types import Receive

from httpserver.http_errors import HTTPError
from httpserver.request import HttpRequest
from web.media_types import check_content
from web.policy import ConcurrencyLimit


async def read_body(request: HttpRequest, *, max_bytes: int, timeout_seconds: float, uploads: ConcurrencyLimit) -> None:
    """Read a request's body, which is `request.body` from then on; raises `HTTPError` for what cannot be taken.

    A client gets so much time for its body: one byte a minute would hold a connection and its memory for ever. A body
    that does not come in one piece takes one of the places for `uploads` until it is there. So slow clients cannot fill
    the memory together, and keep nobody out but each other: the requests of others are small, and come in one piece.
    """
    request.headers.memoized(check_content)
    if request.body is None:
        length = request.headers.get(b"content-length")
        if length.isdigit() and (len(length) > 15 or int(length) > max_bytes):
            raise _too_large(max_bytes)
        assert request.receive
        # A timer costs more than all else here, and what has come needs none.
        time_limit = nullcontext() if request.is_whole else asyncio.timeout(timeout_seconds)
        request.body = await _received(request.receive, max_bytes, time_limit, uploads)
    if len(request.body) > max_bytes:
        raise _too_large(max_bytes)


async def _received(
    receive: Receive, max_bytes: int, time_limit: AbstractAsyncContextManager[object], uploads: ConcurrencyLimit
) -> bytes:
    try:
        async with time_limit:
            body, is_whole = await _piece(receive)
            if not is_whole:
                with uploads:
                    body = await _rest(receive, bytearray(body), max_bytes)
    except TimeoutError:
        raise HTTPError(
            408, "The body did not arrive in time.", {"Connection": "close"}, code="REQUEST_TIMEOUT", retryable=True
        ) from None
    return body


async def _piece(receive: Receive) -> tuple[bytes, bool]:
    """Return what has arrived of the body, and whether that is all of it."""
    message = await receive()
    if message["type"] == "http.disconnect":
        raise HTTPError(400, "The body did not arrive.")
    return message.get("body", b""), not message.get("more_body", False)


async def _rest(receive: Receive, body: bytearray, max_bytes: int) -> bytes:
    """Return the whole body, which begins with what is given; that is not bytes, or each piece would copy it."""
    is_whole = False
    while not is_whole:
        piece, is_whole = await _piece(receive)
        body += piece
        if len(body) > max_bytes:
            raise _too_large(max_bytes)
    return bytes(body)


def _too_large(max_bytes: int) -> HTTPError:
    return HTTPError(413, f"The body is larger than {max_bytes} bytes.", {"Connection": "close"})
