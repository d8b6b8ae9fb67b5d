"""What a source has to provide. Each source folder fills in one `Source`; `registry.py` lists them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import aiohttp

from resolvers.errors import UpstreamError
from resolvers.operation import Operation
from resolvers.settings import Settings
from resolvers.telemetry import Telemetry
from resolvers.transport import TransportSettings

Outcome = Any | None | UpstreamError
"""What became of one id: the source's record, None where there is none, or why it could not be had."""


class Client(Protocol):
    """Fetches records of one source; lives as long as the server."""

    async def fetch_many(self, ids: Sequence[str], operation: Operation) -> list[Outcome]:
        """Return one outcome for each id, in order. Ids are canonical and distinct. Raises nothing."""


class SourceSettings(Settings, frozen=True, kw_only=True):
    """Where a source is, and the credentials for it."""

    @property
    def is_configured(self) -> bool:
        """Whether there are credentials to ask the source with."""
        raise NotImplementedError  # each source says what it needs


@dataclass(frozen=True, slots=True)
class Wiring:
    """What the server hands to a source so that it can make its client."""

    session: aiohttp.ClientSession
    transport: TransportSettings
    telemetry: Telemetry


@dataclass(frozen=True, slots=True)
class Source:
    """One system that owns opportunities.

    `name` is the prefix of its global ids, the name of its folders and modules, and the key of its costs and errors.
    `canonical_id` gives the one spelling of an id, or None for what cannot be one; `id_shape` says it in words.
    `open` makes the client, where the settings hold credentials.
    """

    name: str
    title: str
    id_shape: str
    canonical_id: Callable[[str], str | None]
    settings: type[SourceSettings]
    open: Callable[[Any, Wiring], Client]
