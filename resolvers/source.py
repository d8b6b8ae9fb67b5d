"""What a source has to provide. Each source folder fills in one `Source`; `registry.py` lists them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Protocol

from msgspec import Meta

from resolvers.errors import UpstreamError
from resolvers.fetching.record_cache import CacheSettings
from resolvers.fetching.upstream_context import SharedFetch
from resolvers.resilience.rate_limiter import Rate
from resolvers.resilience.transport import Transport


class Record(Protocol):
    """What a source knows of one opportunity: a value of the source's own type."""

    def unknown_codes(self) -> list[tuple[str, str]]:
        """Return (field, code) for each code in it that the vendor does not document."""


Outcome = Any | None | UpstreamError
"""What became of one id: the source's record, None where there is none, or why it could not be had."""


class Client(Protocol):
    """Fetches records of one source; lives as long as the server."""

    transport: Transport

    @property
    def batch_size(self) -> int:
        """How many ids one request can carry, just now."""

    @property
    def is_ready(self) -> bool:
        """Whether a request can be sent just now without `prepare`."""

    async def prepare(self, shared_fetch: SharedFetch) -> None:
        """Do what must come before a request, such as signing in; raises an `UpstreamError`."""

    async def fetch_many(self, ids: Sequence[str], shared_fetch: SharedFetch) -> list[Outcome]:
        """Return one outcome for each of at most `batch_size` ids, in order. They are canonical and distinct."""


class SourceSettings(CacheSettings, frozen=True, kw_only=True):
    """Where a source is, the credentials for it, and how long its records are kept.

    `rationed`: whether the source's documented rates are kept. Off only for a source that has none, such as a mock.
    `concurrency`: how many requests run at once, if not as many as the source's own module says.
    """

    rationed: bool = True
    concurrency: Annotated[int, Meta(ge=1, le=1_000)] | None = None

    @property
    def is_configured(self) -> bool:
        """Whether there are credentials to ask the source with."""
        raise NotImplementedError  # each source says what it needs


@dataclass(frozen=True, slots=True)
class Source:
    """One system that owns opportunities.

    `name` is the prefix of its global ids, the name of its folders and modules, and the key of its costs and errors.
    `canonical_id` gives the one spelling of an id, or None for what cannot be one; `id_shape` says it in words.
    `rates` and `concurrency` are what the vendor allows. `open` makes the client, where there are credentials.
    """

    name: str
    title: str
    id_shape: str
    canonical_id: Callable[[str], str | None]
    settings: type[SourceSettings]
    rates: Sequence[Rate]
    concurrency: int
    open: Callable[[Any, Transport], Client]
