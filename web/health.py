"""Whether the process has started, is alive, and should be given requests."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route


class Health:
    """Answers for an orchestrator. A source that is down does not make this server unready: the other is whole.

    `has_started`: all parts are made, once and for all. `is_ready`: it wants requests; not while it stops.
    """

    def __init__(self) -> None:
        self.has_started = False
        self.is_ready = False

    def routes(self) -> list[Route]:
        """Return `/health/live`, `/health/startup` and `/health/ready`."""
        return [
            Route("/health/live", self._live),
            Route("/health/startup", self._startup),
            Route("/health/ready", self._ready),
        ]

    async def _live(self, _: Request) -> Response:
        return _status("live", 200)

    async def _startup(self, _: Request) -> Response:
        return _status("started", 200) if self.has_started else _status("starting", 503)

    async def _ready(self, _: Request) -> Response:
        return _status("ready", 200) if self.is_ready else _status("not ready", 503)


def _status(word: str, status: int) -> Response:
    return JSONResponse({"status": word}, status, headers={"Cache-Control": "no-store"})
