"""A table as a file: checked before the first byte, then streamed, in memory that does not grow with it.

Who calls, how much and from which pages is decided as at `/graphql`, by the same functions. What the table has is not
known here: `open_table` takes the parameters of the address and gives the rows.

What goes wrong before the first byte is JSON, like every refusal. After it the connection is broken off: the chunked
coding stays without its end (RFC 9112, 7.1), so that no client takes a part for the whole.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final
from urllib.parse import parse_qsl

from starlette.types import Receive, Scope, Send

from httpserver.disconnect import ClientDisconnected, while_connected
from httpserver.http_errors import HTTPError, internal_error
from httpserver.request import HttpRequest
from json_names import DoubledName, check_names
from web.auth.callers import Caller
from web.file_formats import FileFormat, Rows
from web.media_types import check_accepted
from web.parameters import BYTE_ORDER_MARK, decode_json
from web.policy import ConcurrencyLimit, RequestPolicy

logger = logging.getLogger("opportunity_graph.http")

METHODS: Final = "GET, HEAD"

Encode = Callable[[Rows], bytes]


@dataclass(frozen=True, slots=True)
class Table:
    """A table that may be read. `name` is that of the file, without its ending; `headers` are more of the response's.

    `chunks` gives what `encode` makes of its rows, some at a time; it may be called in another thread.
    """

    name: str
    columns: Sequence[str]
    chunks: Callable[[Encode], AsyncGenerator[bytes, None]]
    headers: Mapping[str, str] = field(default_factory=dict)


OpenTable = Callable[[Mapping[str, Any], Caller], Awaitable[Table]]
"""Checks the parameters that were given, and opens the table; raises `HTTPError`, as its chunks may."""


@dataclass(frozen=True, slots=True)
class DownloadLimits:
    """How many files are sent at once, and for how long each."""

    concurrency: ConcurrencyLimit
    timeout_seconds: float


class ResponseAborted(Exception):
    """A response has begun that cannot be sent to its end."""


class Download:
    """The view of one file. `parameters`: the names that its address takes; None for text, for JSON an example."""

    def __init__(
        self,
        open_table: OpenTable,
        format_: FileFormat,
        *,
        parameters: Mapping[str, str | None],
        security: RequestPolicy,
        limits: DownloadLimits,
    ) -> None:
        self._open_table = open_table
        self._format = format_
        self._parameters = parameters
        self._policy = security
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request (ASGI). Raises what happens after the first byte: only the server can close then."""
        request = HttpRequest.from_scope(scope, receive)
        response = _Response(send)
        try:
            await self._respond(request, response)
        except ClientDisconnected:
            return
        except Exception as error:
            if response.has_started:
                logger.error("A file was broken off: %s", getattr(error, "code", type(error).__name__))
                # Not with the exception's own text: a server that logs it would log what it repeats.
                raise ResponseAborted().with_traceback(error.__traceback__) from None
            if isinstance(error, HTTPError):
                self._policy.refusals.add(request.headers, error)
                refusal = error.response()
            else:
                refusal = internal_error(error)
            await refusal(scope, receive, send)

    async def _respond(self, request: HttpRequest, response: "_Response") -> None:
        caller = await self._policy.admit(request, METHODS)
        check_accepted(request.headers, self._format.media_type)
        given = read_parameters(request.query_string, self._parameters)
        with self._policy.concurrency_limit, self._limits.concurrency:
            sending = self._send(given, caller, response, is_head=request.method == "HEAD")
            await while_connected(request, sending)

    async def _send(self, given: Mapping[str, Any], caller: Caller, response: "_Response", *, is_head: bool) -> None:
        try:
            async with asyncio.timeout(self._limits.timeout_seconds):
                table = await self._open_table(given, caller)
                response.headers = self._headers(table)
                if is_head:
                    await response.send(b"", is_last=True)
                else:
                    await self._send_rows(table, response)
        except TimeoutError:
            raise HTTPError(503, "The file took too long.", code="SERVER_BUSY", retryable=True) from None

    async def _send_rows(self, table: Table, response: "_Response") -> None:
        """Send each chunk when the next one is there: what fails at once can still be told, and the last is known."""
        text = self._format.header(table.columns)
        is_first = True
        async with aclosing(table.chunks(partial(self._format.rows, table.columns))) as chunks:
            async for chunk in chunks:
                if is_first:
                    text, is_first = text + chunk, False
                    continue
                await response.send(text, is_last=False)
                text = chunk
        await response.send(text, is_last=True)

    def _headers(self, table: Table) -> list[tuple[bytes, bytes]]:
        name = f"{table.name}.{self._format.ending}"
        headers = {
            "Content-Type": self._format.content_type,
            "Content-Disposition": f'attachment; filename="{name}"',
            **table.headers,
        }
        return [(key.lower().encode(), value.encode("latin-1")) for key, value in headers.items()]


class _Response:
    """A response that begins with its first chunk."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.headers: list[tuple[bytes, bytes]] = []
        self.has_started = False

    async def send(self, chunk: bytes, *, is_last: bool) -> None:
        if not self.has_started:
            self.has_started = True
            await self._send({"type": "http.response.start", "status": 200, "headers": self.headers})
        await self._send({"type": "http.response.body", "body": chunk, "more_body": not is_last})


def read_parameters(query_string: bytes, known: Mapping[str, str | None]) -> dict[str, Any]:
    """Return the parameters that are given; raises `HTTPError`. `known` is as `Download` takes it.

    One that is not known is refused: without a misspelt filter the file would have everything.
    """
    try:
        pairs = parse_qsl(query_string.decode("latin-1"), keep_blank_values=True, errors="strict")
    except ValueError:
        raise HTTPError(400, "The parameters of the address must be UTF-8, percent-encoded.") from None
    names = [name for name, _ in pairs]
    for number, name in enumerate(names, start=1):
        if name not in known:  # which is not repeated: it is whatever somebody wrote
            raise HTTPError(400, f"Parameter {number} of this address must be one of {', '.join(known)}.")
        if name in names[: number - 1]:
            raise HTTPError(400, f"The parameter `{name}` is given twice.")
    found: dict[str, Any] = dict(pairs)
    for name, example in known.items():
        if example is not None and name in found:
            try:
                text = found[name].encode()
                found[name] = decode_json(text, name)
                check_names(text.removeprefix(BYTE_ORDER_MARK))
            except DoubledName:  # which is not repeated: it is whatever somebody wrote
                raise HTTPError(400, f"The parameter `{name}` has a name twice in one object.") from None
            except (HTTPError, ValueError, RecursionError):
                raise HTTPError(400, f"The parameter `{name}` must be JSON, such as {example}") from None
    return found
