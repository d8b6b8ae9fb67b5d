"""One line of the log for each request: method, path, status, milliseconds, caller, operation, code.

The id of the request is in every line. The query string is left out, since variables stand in it.
"""

import logging
from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import Any, Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from httpserver.fast_path import Answer, Prepared, prepare
from httpserver.request import HttpRequest
from httpserver.response import HttpResponse

logger = logging.getLogger("opportunity_graph.access")

LINE: Final = (
    "%(method)s %(path)s %(status)s %(milliseconds)s ms "
    "caller=%(caller)s operation=%(operation)s code=%(code)s stored=%(stored)s"
)

MAX_PATH_CHARACTERS = 200
MAX_NAME_CHARACTERS = 64


@dataclass(slots=True)
class AccessNote:
    """What whoever answers a request knows of it: who calls (the kind of caller), the operation's name, the code of the
    refusal or of the first error, whether a stored response was given, and how many events a stream had.
    """

    caller: str | None = None
    operation: str | None = None
    code: str | None = None
    is_stored: bool = False
    events: int | None = None


ACCESS_NOTE: Final[ContextVar[AccessNote | None]] = ContextVar("access_note", default=None)
"""The note of the request that is being answered; None where no line is written."""


class AccessLog:
    """ASGI middleware, inside what gives a request its id."""

    def __init__(self, app: ASGIApp, clock: Callable[[], float] = perf_counter) -> None:
        """`clock` is in seconds."""
        self._app = app
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and log it when it has ended, however it did."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = self._clock(), 0
        note = AccessNote()
        ACCESS_NOTE.set(note)

        async def send_and_look(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_and_look)
        finally:
            self._write(scope["method"], scope["path"], status or None, started, note)

    def prepare(self, request: HttpRequest) -> Prepared | None:
        """Do the same on the fast path."""
        prepared = prepare(self._app, request)
        if prepared is not None:
            prepared.respond = partial(self._logged, request, prepared.respond)
            prepared.needs_id = True
        return prepared

    def _logged(self, request: HttpRequest, respond: Callable[[bytes], Answer], body: bytes) -> Answer:
        started, note = self._clock(), AccessNote()
        token = ACCESS_NOTE.set(note)
        try:
            found = respond(body)
        finally:
            ACCESS_NOTE.reset(token)
        if not isinstance(found, HttpResponse):
            return self._logged_later(request, found, started, note)
        self._write(request.method, request.path, found.status, started, note)
        return found

    async def _logged_later(
        self, request: HttpRequest, work: Coroutine[Any, Any, HttpResponse], started: float, note: AccessNote
    ) -> HttpResponse:
        ACCESS_NOTE.set(note)
        status: int | None = None
        try:
            response = await work
            status = response.status
        finally:
            self._write(request.method, request.path, status, started, note)
        return response

    def _write(self, method: str, path: str, status: int | None, started: float, note: AccessNote) -> None:
        found = {
            "method": _printable(method, MAX_NAME_CHARACTERS),
            "path": _printable(path, MAX_PATH_CHARACTERS),
            "status": status,
            "milliseconds": round((self._clock() - started) * 1000, 1),
            "caller": note.caller,
            "operation": None if note.operation is None else _printable(note.operation, MAX_NAME_CHARACTERS),
            "code": note.code,
            "stored": note.is_stored,
        }
        pattern = LINE
        if note.events is not None:
            found["events"], pattern = note.events, f"{LINE} events=%(events)s"
        shown = {name: "-" if value is None else value for name, value in found.items()}
        logger.info(
            pattern,
            shown,
            extra={"fields": found},
        )


def _printable(text: str, most: int) -> str:
    """Return what callers have chosen so that it cannot forge a line of the log, nor fill it."""
    return ascii(text[:most])[1:-1].replace(" ", "%20")
