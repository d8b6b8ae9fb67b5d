"""What both simulated vendors share: records, the log of calls, faults, knobs, and the way of one request."""

import asyncio
import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Annotated, Any, ClassVar, TypeVar

from aiohttp import web
from msgspec import Meta

from .calls import Call, Kind
from .fault_rules import FaultRules
from .replies import Reply, text
from .wire import Answered, Exchange

_Key = TypeVar("_Key", int, str)

Seconds = Annotated[float, Meta(ge=0)]
Count = Annotated[int, Meta(ge=0)]
PageSize = Annotated[int, Meta(ge=1)]


@dataclass(frozen=True, slots=True)
class World:
    """What a vendor's records are made of, by which clock (in seconds), and whether its request rates hold at first.

    `deals`: how many records it has; 0: 200. `today`: what time it was, in UTC, when the simulator was made; None for a
    world whose time are its writes. `is_demo`: the demo's records in place of those for tests.
    """

    seed: int
    throttled: bool
    clock: Callable[[], float]
    deals: int
    today: datetime | None
    is_demo: bool


class Upstream(ABC):
    """One vendor's API. Knobs are attributes; `reset` puts them back."""

    name: ClassVar[str]
    knobs: ClassVar[Mapping[str, Any]] = {
        "throttled": bool,
        "latency_seconds": tuple[Seconds, Seconds],
        "max_parallel": Count | None,
    }
    """What can be set from outside, and to values of which type."""

    def __init__(self, world: World, log: list[Call]) -> None:
        """`log` is shared by all vendors."""
        self.world = world
        self.earliest = world.clock
        """Gives the earliest moment at which a request can have arrived that is handled now."""
        self.calls: list[Call] = []
        self.faults = FaultRules()
        self.throttled = world.throttled
        """Whether the vendor's request rates hold."""
        self.latency_seconds: tuple[float, float] = (0.0, 0.0)
        """Each real answer waits for a time between these two, drawn evenly by the seed."""
        self.max_parallel: int | None = None
        """Requests in flight above which the vendor answers 503; None for no such limit."""
        self.max_in_flight = 0
        self.max_connections = 0
        self.writes = 0
        """Records created, changed or deleted since the last reset."""
        self._made_at = world.clock()
        self._log = log
        self._random = random.Random(world.seed)
        self._protocols: set[web.RequestHandler] = set()
        self._asking: set[web.RequestHandler] = set()

    @property
    def connections(self) -> int:
        """Client connections open now that have asked this vendor for anything."""
        self._protocols = set(filter(_is_open, self._protocols))
        return len(self._protocols)

    @property
    def in_flight(self) -> int:
        """Requests that a client waits for now.

        One whose client has gone counts no more from the moment at which this is known. aiohttp ends its handler some
        turns of the loop later, and what has arrived in the same moment would be counted beside it.
        """
        return sum(map(_is_open, self._asking))

    def reset(self) -> None:
        """Forget calls, faults and high-water marks; restore the knobs. Connections and requests in flight go on."""
        self.calls.clear()
        self.faults.clear()
        self.throttled = self.world.throttled
        self.latency_seconds = (0.0, 0.0)
        self.max_parallel = None
        self.writes = 0
        self.max_in_flight = self.in_flight
        self.max_connections = self.connections
        self._random = random.Random(self.world.seed)

    def moment(self, first: datetime) -> datetime:
        """Return what time it is, in UTC, for a write: a second later with each, from `first` on, unless it is known.

        It is known from `today` on, and goes on with the simulator's clock.
        """
        if self.world.today is not None:
            return self.world.today + timedelta(seconds=self.world.clock() - self._made_at)
        return first + timedelta(seconds=self.writes)

    @abstractmethod
    def classify(self, method: str, path: str, query: Mapping[str, str], body: bytes) -> tuple[Kind, tuple[str, ...]]:
        """Return the kind of a request and the ids it asks for."""

    @abstractmethod
    def answer(self, call: Call) -> Reply:
        """Return the vendor's real answer, which may change records and tokens."""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Log a request, then answer it: too many at once, else a fault, else the real answer."""
        body = await request.read()
        call = self._logged(request, body)
        self._protocols.add(request.protocol)
        self.max_connections = max(self.max_connections, self.connections)
        self._asking.add(request.protocol)  # one at a time on each connection: aiohttp answers in order
        self.max_in_flight = max(self.max_in_flight, self.in_flight)
        try:
            answer = await self._answer(request, call)
        finally:
            self._asking.discard(request.protocol)
        response = answer.response() if isinstance(answer, Reply) else answer
        call.status = response.sent if isinstance(response, Answered) else response.status
        return response

    def _logged(self, request: web.Request, body: bytes) -> Call:
        path = request.raw_path.partition("?")[0].removeprefix(f"/{self.name}")
        query = {name: request.query[name] for name in request.query}
        kind, ids = self.classify(request.method, path, query, body)
        headers = {name.lower(): value for name, value in request.headers.items()}
        since, at = self.earliest(), self.world.clock()
        call = Call(self.name, request.method, path, query, kind, ids, headers, body, max(since, at), since)
        self.calls.append(call)
        self._log.append(call)
        return call

    async def _answer(self, request: web.Request, call: Call) -> Reply | web.StreamResponse:
        if self.max_parallel is not None and self.in_flight > self.max_parallel:
            return text(503, "Service Unavailable")
        rule = self.faults.pick(call)
        if rule is None:
            return await self._real(call)
        return await rule.fault.answer(Exchange(request, call, lambda: self._real(call), rule.ids))

    async def _real(self, call: Call) -> Reply:
        low, high = self.latency_seconds
        if high > 0:
            await asyncio.sleep(self._random.uniform(low, high))
        return self.answer(call)


def _is_open(protocol: web.RequestHandler) -> bool:
    return protocol.transport is not None and not protocol.transport.is_closing()


def originals(make: Callable[..., Mapping[_Key, Mapping[str, Any]]]) -> Callable[..., dict[_Key, dict[str, Any]]]:
    """Return a function that gives the records of a seed and the like, each time others, which may be changed."""

    @lru_cache(maxsize=4)
    def made(*seed: Any) -> tuple[Mapping[_Key, Mapping[str, Any]], list[tuple[_Key, str]]]:
        records = make(*seed)
        # To look for these in every copy would take longer than to copy everything else.
        nested = [
            (k, name) for k, record in records.items() for name, v in record.items() if isinstance(v, dict | list)
        ]
        return records, nested

    def copied(*seed: Any) -> dict[_Key, dict[str, Any]]:
        records, nested = made(*seed)
        copies = {key: dict(record) for key, record in records.items()}
        for key, name in nested:
            copies[key][name] = _copied(copies[key][name])
        return copies

    return copied


def _copied(value: Any) -> Any:
    """Return a copy of JSON: what `deepcopy` gives, in a fifth of the time."""
    if isinstance(value, dict):
        return {key: _copied(item) for key, item in value.items()}
    return [_copied(item) for item in value] if isinstance(value, list) else value


def lowered(query: Mapping[str, str]) -> dict[str, Any]:
    """Return a query with names in lower case."""
    return {name.lower(): value for name, value in query.items()}
