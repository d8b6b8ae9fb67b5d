"""Responses as server-sent events: GraphQL over SSE, each operation on a connection of its own ("distinct connections
mode", https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md).

Each response of the operation is an event `next`, and behind the last one comes `complete`. What refuses a request by
its status (no credential, too many streams) is JSON, as ever; once the status was sent, it is an event.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final

from starlette.types import Receive, Scope, Send

from httpserver.disconnect import ClientDisconnected, while_connected
from httpserver.http_errors import HTTPError, internal_error
from httpserver.request import HttpRequest
from httpserver.response import HttpResponse, dumps
from web.access_log import ACCESS_NOTE
from web.line_ends import one_line
from web.media_types import EVENT_STREAM
from web.streams import Streams, StreamsEnd

COMPLETE: Final = b"event: complete\ndata:\n\n"
"""The empty `data` is for browsers' `EventSource`, which tells nobody of an event without any."""

HEADERS: Final = {"X-Accel-Buffering": "no"}
"""nginx sends events on as they come, and others that know the header."""


def next_event(content: bytes) -> bytes:
    """Return a response's JSON, which has no line feed, as an event."""
    return b"event: next\ndata: %b\n\n" % one_line(content)


def only_event(content: bytes) -> bytes:
    """Return the body that has one response alone."""
    return next_event(content) + COMPLETE


@dataclass(slots=True)
class Stream:
    """What is streamed: `responses`, each a GraphQL response's members, for a caller that was counted as `caller`.

    `check` looks again whether the caller may have them; raises `HTTPError`.
    """

    responses: AsyncGenerator[dict[str, Any], None]
    streams: Streams
    caller: bytes | None
    check: Callable[[], Awaitable[None]]


class EventStream(HttpResponse):
    """A response that is sent event by event: no next one is made before the client's connection has taken the last."""

    __slots__ = ("_request", "_stream")

    def __init__(self, request: HttpRequest, stream: Stream) -> None:
        super().__init__(b"", 200, EVENT_STREAM, HEADERS)
        self._request = request
        self._stream = stream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it (ASGI), until there is no more, or the client goes."""
        try:
            async with aclosing(self._stream.responses) as responses:
                await send({"type": "http.response.start", "status": 200, "headers": list(self.fields)})
                if scope["method"] == "HEAD":
                    await send({"type": "http.response.body", "body": b""})
                    return
                await send(_part(b""))  # the head goes before the first event
                await while_connected(self._request, self._send_all(responses, send))
        except ClientDisconnected:
            return
        finally:
            self._stream.streams.leave(self._stream.caller)

    async def _send_all(self, responses: AsyncGenerator[dict[str, Any], None], send: Send) -> None:
        stream, note = self._stream, ACCESS_NOTE.get()
        while True:
            try:
                with stream.streams.waiting():
                    await asyncio.sleep(0)  # others have a turn, and a client that has gone is heard of
                    body = await anext(responses)
                await stream.check()
            except (StopAsyncIteration, StreamsEnd):
                break
            except HTTPError as error:
                if note is not None:
                    note.code = error.code
                await send(_part(next_event(dumps(error.body))))
                break
            except Exception as error:
                await send(_part(next_event(internal_error(error).body)))
                break
            stream.streams.events += 1
            if note is not None:
                note.events = (note.events or 0) + 1
                if note.code is None and (errors := body.get("errors")):
                    note.code = errors[0]["extensions"]["code"]
            await send(_part(next_event(dumps(body))))
        await send({"type": "http.response.body", "body": COMPLETE})


def _part(text: bytes) -> dict[str, Any]:
    return {"type": "http.response.body", "body": text, "more_body": True}
