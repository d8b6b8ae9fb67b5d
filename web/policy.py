"""What a request has to pass before it is answered: who calls, from where, how many at once.

Beyond so many requests at once, one gets a quick 503 rather than everybody a slow answer.
"""

from collections.abc import Awaitable, Callable, Container
from dataclasses import dataclass, field

from httpserver.http_errors import HTTPError
from httpserver.request import HttpRequest
from web.access_log import ACCESS_NOTE
from web.auth.callers import Caller
from web.auth.csrf import check_cross_site
from web.parameters import ANYONE
from web.persisted_documents import PersistedDocuments
from web.refusals import Refusals
from web.streams import Streams

RETRY_AFTER_SECONDS = 1

Identify = Callable[[HttpRequest], Awaitable[Caller]]
Settle = Callable[[HttpRequest], Caller | None]


class ConcurrencyLimit:
    """Lets in so many requests at once: `with concurrency_limit:` holds a place. One event loop, so counting is enough.

    Raises `HTTPError` 503 with `Retry-After` (RFC 9110, 15.6.4) where no place is free.
    """

    def __init__(self, places: int) -> None:
        self._free = places

    def __enter__(self) -> None:
        if self._free <= 0:
            raise HTTPError(
                503,
                "This server has too much to do right now.",
                code="SERVER_BUSY",
                retryable=True,
                retry_after_seconds=RETRY_AFTER_SECONDS,
            )
        self._free -= 1

    def __exit__(self, *_: object) -> None:
        self._free += 1


async def anyone(_: HttpRequest) -> Caller:
    """Return a caller about whom nothing is known, who may see nothing that needs a scope."""
    return ANYONE


@dataclass(frozen=True)
class RequestPolicy:
    """What a request has to pass before it is answered."""

    max_body_bytes: int = 256_000
    body_timeout_seconds: float = 10.0
    identify: Identify = anyone
    settle: Settle = lambda _: None
    concurrency_limit: ConcurrencyLimit = field(default_factory=lambda: ConcurrencyLimit(500))
    uploads: ConcurrencyLimit = field(default_factory=lambda: ConcurrencyLimit(500))
    streams: Streams = field(default_factory=Streams)
    credential: Callable[[HttpRequest], bytes | None] = lambda _: None
    documents: PersistedDocuments = field(default_factory=PersistedDocuments)
    origins: Container[str] = ()
    preflight_header_required: bool = False
    refusals: Refusals = field(default_factory=Refusals)

    async def admit(self, request: HttpRequest, methods: str) -> Caller:
        """Return the caller; raises `HTTPError`. It is identified first: the body of a stranger is not read.

        `methods` are those that are taken, as `Allow` has them.
        """
        if request.method not in methods.split(", "):
            raise HTTPError(405, f"Use {methods}.", {"Allow": methods})
        caller = await self.identify(request)
        self._check_ambient(request, caller)
        if (note := ACCESS_NOTE.get()) is not None:
            note.caller = caller.kind
        return caller

    async def admit_again(self, request: HttpRequest, caller: Caller) -> None:
        """Look again at who sends a request that is still being answered; raises `HTTPError` if it is not this caller
        any more: a credential has expired, was withdrawn, or allows other things by now."""
        if await self.identify(request) != caller:
            raise HTTPError(403, "What this credential allows has changed: send the request again.", code="FORBIDDEN")

    def settled(self, request: HttpRequest) -> Caller | None:
        """Return who sends every request with this head, for which nothing needs to be looked at again; else None."""
        caller = self.settle(request)
        if caller is not None:
            self._check_ambient(request, caller)
        return caller

    def _check_ambient(self, request: HttpRequest, caller: Caller) -> None:
        if caller.has_ambient_authority:
            check_cross_site(request, self.origins, header_required=self.preflight_header_required)
