"""The framing of requests (RFC 9112): where a head ends, what is in it, and how long its body is.

Nothing here reads or writes. `read_head` takes the bytes of one head, `request_body.Body` those behind it. It is the
only framing of the server, whichever way a request takes from here, and it is strict: whatever another reader of the
same bytes, such as a proxy in front, could frame differently is refused and ends the connection (RFC 9112, 11.2).

It is our own because neither parser that uvicorn knows will do. httptools takes no body for a request that offers an
upgrade, and checks neither `Host` nor folded lines; h11 is right and takes ten times as long. h11 is what the tests
hold this against (`tests/test_fuzz_framing.py` lists where it is more lenient).
"""

import re
from dataclasses import dataclass
from urllib.parse import unquote

from httpserver.fast_path import Prepared
from httpserver.http_errors import HTTPError
from httpserver.request import Headers

MAX_HEAD_BYTES = 65_536
"""The bound that h11 has, too; also for all trailers."""

MAX_HEADERS = 200

MAX_LENGTH_DIGITS = 30
"""Of a `Content-Length`: Python takes long for, or refuses, numbers of thousands of digits."""

END = b"\r\n\r\n"

NEVER_IN_A_HEAD = re.compile(rb"(?<!\r)\n|\r(?![\n]|\Z)|\x00")
"""Line feeds alone, carriage returns alone, and what TLS begins with: no need to wait for the rest."""

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]"
_LINE = re.compile(rb"(%s++) ([\x21-\x7e]++) HTTP/([0-9])\.([0-9])\r\n" % _TOKEN)
FIELD_LINE = re.compile(rb"(%s++):([^\x00-\x08\x0a-\x1f\x7f]*+)\r\n" % _TOKEN)
_FIELDS = re.compile(rb"(?:%s++:[^\x00-\x08\x0a-\x1f\x7f]*+\r\n)*+" % _TOKEN)
_HOST = re.compile(rb"(?:\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z\-._~%!$&'()*+,;=]*)(?::[0-9]*)?")
_ABSOLUTE = re.compile(rb"https?://([^/?#]+)([^#]*)", re.IGNORECASE)

OFFERS = (b"upgrade", b"http2-settings")
"""What is never taken (RFC 9110, 7.8), and so not passed on either."""


@dataclass(slots=True)
class RequestHead:
    """What a request's head says. `length` is the body's in bytes; None where it comes in chunks.

    `prepared` is what the application has prepared for requests with this head, once it `is_prepared`.
    """

    method: str
    raw_path: bytes
    query_string: bytes
    version: str
    headers: Headers
    length: int | None
    keep_alive: bool
    expects_continue: bool
    is_prepared: bool = False
    prepared: Prepared | None = None

    @property
    def path(self) -> str:
        """The path as ASGI has it, without escapes."""
        path = self.raw_path.decode("ascii")
        return unquote(path) if "%" in path else path


def malformed() -> HTTPError:
    """Return the refusal of what is no HTTP request, or none that all would read alike."""
    return HTTPError(400, "This is not an HTTP request.")


def too_large(text: bytes | bytearray) -> HTTPError:
    """Return the refusal of a head that is too large, of which this much is here."""
    if b"\r\n" not in text:
        return HTTPError(414, "The request's target is too long.")
    return HTTPError(431, "The request's head is too large.")


def read_head(text: bytes) -> RequestHead:
    """Return what a head says, up to and with its empty line; raises `HTTPError`: then nothing more can be read."""
    line = _LINE.match(text)
    if line is None:
        raise malformed()
    method, target, major, minor = line.groups()
    if major != b"1":
        raise HTTPError(505, "This server speaks HTTP/1.1.")
    if not _FIELDS.fullmatch(text, line.end(), len(text) - 2):
        raise malformed()
    fields = [(name.lower(), value.strip(b" \t")) for name, value in FIELD_LINE.findall(text, line.end())]
    if len(fields) > MAX_HEADERS:
        raise too_large(text)
    head = Headers(fields)
    is_old = minor == b"0"
    length, keep_alive = _length(head, is_old), not is_old
    if b"connection" in head:
        keep_alive = keep_alive and b"close" not in _tokens(head, b"connection")
    raw_path, query_string = _target(method, target, _host(head, is_old))
    expects = not is_old and _expects(head)
    if b"upgrade" in head:
        head = Headers([field for field in fields if field[0] not in OFFERS])
    version = "1.0" if is_old else "1.1"
    return RequestHead(method.decode("ascii"), raw_path, query_string, version, head, length, keep_alive, expects)


def _only(head: Headers, name: bytes) -> bytes | None:
    """Return a header that may be there once."""
    if name not in head:
        return None
    values = head.all(name)
    if len(values) > 1:
        raise malformed()
    return values[0]


def _tokens(head: Headers, name: bytes) -> list[bytes]:
    return [token.strip(b" \t").lower() for value in head.all(name) for token in value.split(b",")]


def _host(head: Headers, is_old: bool) -> bytes | None:
    host = _only(head, b"host")
    if host is None and not is_old:
        raise HTTPError(400, "A request needs one Host header.")
    if host is not None and not _HOST.fullmatch(host):
        raise malformed()
    return host


def _length(head: Headers, is_old: bool) -> int | None:
    length = _only(head, b"content-length")
    if b"transfer-encoding" in head:
        if length is not None or is_old:  # RFC 9112, 6.1: who sends either may want to be read in two ways
            raise malformed()
        if _tokens(head, b"transfer-encoding") != [b"chunked"]:
            raise HTTPError(501, "No other Transfer-Encoding than chunked is known here.")
        return None
    if length is None:
        return 0
    if not length.isdigit():
        raise malformed()
    if len(length) > MAX_LENGTH_DIGITS:
        raise HTTPError(413, "The body is larger than any server takes.")
    return int(length)


def _expects(head: Headers) -> bool:
    if b"expect" not in head:
        return False
    if _tokens(head, b"expect") != [b"100-continue"]:
        raise HTTPError(417, "Nothing else than 100-continue can be expected here.")
    return True


def _target(method: bytes, target: bytes, host: bytes | None) -> tuple[bytes, bytes]:
    if method == b"CONNECT":
        raise HTTPError(501, "This server opens no tunnels.")
    if target[:1] != b"/" and not (target == b"*" and method == b"OPTIONS"):
        absolute = _ABSOLUTE.fullmatch(target)
        if absolute is None or (host is not None and absolute[1].lower() != host.lower()):
            raise HTTPError(400, "The request's target is none, or names another host.")
        target = absolute[2] if absolute[2].startswith(b"/") else b"/" + absolute[2]
    if b"#" in target:
        raise malformed()
    path, _, query_string = target.partition(b"?")
    return path, query_string
