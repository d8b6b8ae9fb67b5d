"""The simulator as a whole: both vendors on one port, and the routes that control it."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import cast

from aiohttp import web

from . import control
from .calls import Call
from .chartmogul import ChartMogul
from .fault_rules import Fault
from .heartbeat import Heartbeat
from .nexudus import Nexudus
from .upstream import Upstream, World


@dataclass(frozen=True, slots=True)
class Urls:
    """Base URLs, without a slash at the end."""

    nexudus: str
    chartmogul: str
    control: str


FEWEST_DEALS = 200
"""The examples, and the special records under fixed ids, are among them."""


def _now() -> float:
    """Return the time of the running loop, in seconds; the machine's, where none runs."""
    try:
        return asyncio.get_running_loop().time()
    except RuntimeError:
        return time.monotonic()


class Simulator:
    """Both vendors, deterministic by seed, with faults on demand and a log of all calls."""

    def __init__(
        self,
        seed: int = 1,
        throttled: bool = False,
        *,
        clock: Callable[[], float] = _now,
        deals: tuple[int, int] | None = None,
        today: datetime | None = None,
        is_demo: bool = False,
    ) -> None:
        """Take the seed of the records, whether the vendors' request rates hold, and a clock in seconds.

        `deals`: how many records Nexudus and ChartMogul have, at least 200; 200 each unless given. With it, or with
        `today`, the vendors have a time: it is `today` (UTC; now) when the simulator is made, and goes on with `clock`.
        `is_demo`: in place of records for tests, the last 400 days of a company that one can believe in.
        """
        if is_demo and deals is not None:
            raise ValueError("the demo has as many deals as it has")
        if deals is not None and min(deals) < FEWEST_DEALS:
            raise ValueError(f"each vendor has at least {FEWEST_DEALS} deals")
        if deals is not None or is_demo:
            today = today or datetime.now(UTC)
        nexudus_deals, chartmogul_deals = deals or (0, 0)
        world = World(seed, throttled, clock, nexudus_deals, today, is_demo)
        self._clock = clock
        self.calls: list[Call] = []
        """Every request to either vendor, in order of arrival."""
        self.nexudus = Nexudus(world, self.calls)
        self.chartmogul = ChartMogul(replace(world, deals=chartmogul_deals), self.calls)
        self._working: set[asyncio.Task[object]] = set()

    @property
    def upstreams(self) -> tuple[Upstream, ...]:
        """Both vendors."""
        return (self.nexudus, self.chartmogul)

    def fail(self, faults: Iterable[tuple[str, Fault]]) -> None:
        """Let vendors fail from now on, until their faults are cleared."""
        upstreams = {upstream.name: upstream for upstream in self.upstreams}
        for vendor, fault in faults:
            upstreams[vendor].faults.add(fault, times=None)

    def reset(self) -> None:
        """Forget calls, faults, tokens and knobs; restore the records."""
        self.calls.clear()
        for upstream in self.upstreams:
            upstream.reset()

    def environment(self, urls: Urls) -> dict[str, str]:
        """Return the settings of a client, as environment variables."""
        return {
            "NEXUDUS_URL": urls.nexudus,
            "NEXUDUS_USERNAME": self.nexudus.username,
            "NEXUDUS_PASSWORD": self.nexudus.password,
            "CHARTMOGUL_URL": urls.chartmogul,
            "CHARTMOGUL_API_KEY": self.chartmogul.api_key,
        }

    @asynccontextmanager
    async def serve(self, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[Urls]:
        """Serve until the block ends; port 0 takes a free one. Hanging answers end with the block, at once."""
        app = web.Application(client_max_size=64 * 2**20)
        for upstream in self.upstreams:
            app.router.add_route("*", f"/{upstream.name}{{rest:.*}}", self._tracked(upstream))
        control.add_routes(app, self)
        app.on_shutdown.append(self._stop_working)
        runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=1.0)
        await runner.setup()
        is_ipv6 = ":" in host
        listener = socket.create_server((host, port), family=socket.AF_INET6 if is_ipv6 else socket.AF_INET)
        base = f"http://{f'[{host}]' if is_ipv6 else host}:{listener.getsockname()[1]}"
        try:
            await web.SockSite(runner, listener).start()
            yield Urls(f"{base}/nexudus", f"{base}/chartmogul", f"{base}/__sim__")
        finally:
            # asyncio loses a connection that is being accepted while its server closes: take no more, let it arrive.
            asyncio.get_running_loop().remove_reader(listener)
            for _ in range(3):
                await asyncio.sleep(0)
            await runner.cleanup()
            listener.close()

    @asynccontextmanager
    async def heartbeat(self) -> AsyncIterator[None]:
        """Until the block ends, look how late requests are read; no rate holds it against them."""
        heartbeat = Heartbeat(self._clock)
        async with heartbeat.beating():
            for upstream in self.upstreams:
                upstream.earliest = heartbeat.earliest
            try:
                yield
            finally:
                for upstream in self.upstreams:
                    upstream.earliest = self._clock

    def _tracked(self, upstream: Upstream) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handle(request: web.Request) -> web.StreamResponse:
            task = cast("asyncio.Task[object]", asyncio.current_task())
            self._working.add(task)
            try:
                return await upstream.handle(request)
            finally:
                self._working.discard(task)

        return handle

    async def _stop_working(self, app: web.Application) -> None:
        for task in self._working:
            task.cancel()
