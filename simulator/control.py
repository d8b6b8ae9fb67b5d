"""Routes that control a simulator in another process: `/__sim__/reset` and its like, JSON."""

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from aiohttp import web

from .calls import Call
from .fault_table import FAULTS
from .page_faults import PAGE_FAULTS
from .replies import Reply

if TYPE_CHECKING:
    from .app import Simulator
    from .upstream import Upstream

ALL_FAULTS = FAULTS | PAGE_FAULTS

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def add_routes(app: web.Application, simulator: "Simulator") -> None:
    """Add the control routes.

    POST reset. GET or POST config: `{"nexudus": {"throttled": true, "partial_fields": ["Notes"]}}`; the action
    `"expire_tokens": true` is accepted too. GET calls, `?upstream=nexudus`; DELETE forgets them. GET stats counts
    requests by status, and has the most in flight and the most connections since the last reset. GET faults lists names
    and rules; POST adds one, `{"upstream": "nexudus", "fault": "503", "times": 1, "ids": [1427000501], "kinds":
    ["get"], "after": 0}` (`times` null: always); DELETE clears. GET deals, `?upstream=nexudus`, gives the records as
    they are; POST writes one as the vendor's own API does, `{"upstream": "nexudus", "id": 1427000501, "fields":
    {"Status": 2}}`: without `id` it is created, without `fields` deleted; the answer has its id.
    """
    upstreams: dict[str, Upstream] = {upstream.name: upstream for upstream in simulator.upstreams}

    async def reset(request: web.Request) -> Reply:
        simulator.reset()
        return Reply(data={"reset": True})

    async def config(request: web.Request) -> Reply:
        if request.method == "POST":
            # All is checked before anything is changed.
            wanted = [(upstreams[name], knobs) for name, knobs in (await request.json()).items()]
            changes = [(one, *_knob(one, name, value)) for one, knobs in wanted for name, value in knobs.items()]
            for upstream, name, value in changes:
                if name == "expire_tokens":
                    simulator.nexudus.expire_tokens()
                else:
                    setattr(upstream, name, value)
        return Reply(
            data={one.name: {knob: _plain(getattr(one, knob)) for knob in one.knobs} for one in upstreams.values()}
        )

    async def calls(request: web.Request) -> Reply:
        if request.method == "DELETE":
            for log in (simulator.calls, *(upstream.calls for upstream in upstreams.values())):
                log.clear()
        name = request.query.get("upstream")
        return Reply(data=[_call(call) for call in (upstreams[name].calls if name else simulator.calls)])

    async def stats(request: web.Request) -> Reply:
        return Reply(
            data={
                name: {
                    "statuses": Counter(str(call.status) for call in upstream.calls),
                    "max_in_flight": upstream.max_in_flight,
                    "max_connections": upstream.max_connections,
                }
                for name, upstream in upstreams.items()
            }
        )

    async def faults(request: web.Request) -> Reply:
        if request.method == "POST":
            data = await request.json()
            rules = upstreams[data["upstream"]].faults
            fault = ALL_FAULTS[data["fault"]]
            rules.add(fault, data.get("times", 1), data.get("ids"), data.get("kinds"), data.get("after", 0))
        elif request.method == "DELETE":
            for upstream in upstreams.values():
                upstream.faults.clear()
        active = {
            name: [{"fault": rule.fault.name, "times": rule.times, "used": rule.used} for rule in upstream.faults.rules]
            for name, upstream in upstreams.items()
        }
        return Reply(data={"names": list(ALL_FAULTS), "active": active})

    async def deals(request: web.Request) -> Reply:
        if request.method == "GET":
            name = request.query.get("upstream")
            shown: list[Any] = [upstreams[name]] if name else list(upstreams.values())
            return Reply(data={one.name: list(one.records.values()) for one in shown}, is_ordinary=True)
        data = await request.json()
        upstream: Any = upstreams[data["upstream"]]
        record_id = data.get("id")
        if record_id is None:
            record_id = upstream.create(data["fields"])
        elif "fields" in data:
            upstream.update(record_id, data["fields"])
        else:
            upstream.delete(record_id)
        return Reply(data={"id": record_id})

    app.router.add_post("/__sim__/reset", _guarded(reset))
    app.router.add_get("/__sim__/stats", _guarded(stats))
    for method in ("GET", "DELETE"):
        app.router.add_route(method, "/__sim__/calls", _guarded(calls))
    for method in ("GET", "POST"):
        app.router.add_route(method, "/__sim__/config", _guarded(config))
        app.router.add_route(method, "/__sim__/deals", _guarded(deals))
    for method in ("GET", "POST", "DELETE"):
        app.router.add_route(method, "/__sim__/faults", _guarded(faults))


def _guarded(handler: Callable[[web.Request], Awaitable[Reply]]) -> Handler:
    async def respond(request: web.Request) -> web.StreamResponse:
        try:
            return (await handler(request)).response()
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            return Reply(400, data={"error": f"{type(error).__name__}: {error}"}).response()

    return respond


def _knob(upstream: "Upstream", name: str, value: Any) -> tuple[str, Any]:
    """Return a knob's name and value, refusing unknown names and turning JSON lists into what the knob holds."""
    if name == "expire_tokens" and hasattr(upstream, name):
        return name, value
    if name not in upstream.knobs:
        raise ValueError(f"{upstream.name} has no knob {name!r}")
    present = getattr(upstream, name)
    return name, type(present)(value) if isinstance(present, set | tuple) else value


def _plain(value: Any) -> Any:
    return sorted(value) if isinstance(value, set) else value


def _call(call: Call) -> dict[str, Any]:
    return {**asdict(call), "body": call.body.decode("utf-8", "replace")}
