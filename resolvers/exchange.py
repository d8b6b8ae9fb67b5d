"""One HTTP/1.1 exchange on a connection of aiohttp's: all that is done for each request is in this one screen.

aiohttp's connector opens, keeps and hands out the connections (names, TLS, keep-alive), its parser reads the replies
and its streams decompress them, within its bounds. Left out is what its `ClientSession.request` does around that and
a source has no use for: cookies, redirects, proxies, tracing, bodies in parts. That is three quarters of a request's
processor time (`docs/performance.md`). And a request on a kept connection that died is not silently sent again, as
the session would: every attempt would become two.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

import aiohttp
from aiohttp.client_reqrep import ClientRequest
from aiohttp.http import HttpProcessingError
from aiohttp.streams import StreamReader
from yarl import URL

from resolvers.reply import Reply

UNBOUNDED = aiohttp.ClientTimeout(total=None)
"""Whoever sends bounds the time of the whole exchange, connecting included."""


class NoReply(Exception):
    """Nothing came: no connection, or none that lasted. The text says what aiohttp or Python calls it."""


class Garbled(Exception):
    """What came is not an HTTP reply, not a whole one, or too large. The text says which, and nothing of what came."""


@dataclass(slots=True)
class Request:
    """What to send. `url` is complete and already percent-encoded; `kind` and `keys` are for telemetry."""

    url: str
    kind: str
    method: str = "GET"
    headers: dict[str, str] = field(default_factory=dict)
    form: dict[str, str] | None = None
    keys: int = 1


def open_session() -> aiohttp.ClientSession:
    """Return a session without cookies, and without proxies from the environment; the caller closes it."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"Accept": "application/json", "User-Agent": "opportunity-graph"},
        timeout=UNBOUNDED,
    )


class Exchanges:
    """Makes exchanges on the connections of one session, which somebody else closes."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        assert session.connector
        self._connector = session.connector
        self._headers = {"Accept-Encoding": "gzip, deflate", **session.headers}
        self._origins: dict[str, tuple[ClientRequest, str]] = {}

    async def make(self, request: Request, *, max_bytes: int, sent: Callable[[], None]) -> Reply:
        """Return the reply, decompressed; `sent` is called when the request is on its way.

        Raises `NoReply` or `Garbled`.
        """
        scheme_end = request.url.index("//") + 2
        path_start = request.url.index("/", scheme_end)
        try:
            origin, head = self._origin(request.url[:path_start])
            data = _written(request, request.url[path_start:], head)
            connection = await self._connector.connect(origin, [], UNBOUNDED)
            try:
                protocol, transport = connection.protocol, connection.transport
                if protocol is None or transport is None:
                    raise aiohttp.ServerDisconnectedError
                protocol.set_response_params(read_until_eof=True)
                # Now, and not when the loop has done all else, as uvloop would: the source begins to work meanwhile.
                transport.set_write_buffer_limits(high=0)
                transport.write(data)
                sent()
                message, payload = await protocol.read()
                # Informational (RFC 9110, 15.2): the reply is to come.
                while message.code < 200 and message.code != 101:
                    message, payload = await protocol.read()
                reply = Reply(message.code, message.headers, await _body(payload, max_bytes))
            except BaseException:
                connection.close()
                raise
            connection.release()
            return reply
        except (HttpProcessingError, aiohttp.ClientPayloadError) as error:
            raise Garbled(type(error).__name__) from None
        except (aiohttp.ClientError, OSError, UnicodeError) as error:
            if isinstance(error, TimeoutError):  # the caller's own
                raise
            raise NoReply(type(error).__name__) from None

    def _origin(self, origin: str) -> tuple[ClientRequest, str]:
        """Return what the connector knows a destination by, and the headers that every request there begins with."""
        known = self._origins.get(origin)
        if known is None:
            url = URL(origin, encoded=True)
            headers = {"Host": url.host_port_subcomponent or "", **self._headers}
            known = self._origins[origin] = ClientRequest("GET", url), _lines(headers)
        return known


def _written(request: Request, target: str, head: str) -> bytes:
    headers, body = request.headers, b""
    if request.form is not None:
        body = urlencode(request.form).encode("ascii")
        headers = {**headers, "Content-Type": "application/x-www-form-urlencoded", "Content-Length": str(len(body))}
    return f"{request.method} {target} HTTP/1.1\r\n{head}{_lines(headers)}\r\n".encode() + body


def _lines(headers: Mapping[str, str]) -> str:
    """Return header lines; raises `UnicodeError` for a value that would end one, such as a token with a line break."""
    text = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    if text.count("\r") != len(headers) or text.count("\n") != len(headers) or "\0" in text:
        raise UnicodeError("a header cannot have a line break in it")
    return text


async def _body(payload: StreamReader, max_bytes: int) -> bytes:
    """Return the whole body. It is read piece by piece: what a gzip bomb comes to is never in memory at once."""
    if payload.is_eof() and payload.exception() is None and payload.total_bytes <= max_bytes:
        # As `read_nowait` would do; but that asks for more of what has ended, which takes as long as the parsing.
        return b"".join(payload._buffer) if payload.total_bytes else b""  # noqa: SLF001 - held by a test
    body = bytearray()
    async for chunk in payload.iter_any():
        body += chunk
        if len(body) > max_bytes:
            raise Garbled("the body is too large")
    return bytes(body)
