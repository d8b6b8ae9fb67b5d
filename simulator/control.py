"""Routes that control a simulator in another process: `/__sim__/reset` and its like, JSON."""

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from aiohttp import web

from .calls import Call
from .control_requests import ALL_FAULTS, DealRequest, FaultRequest, fault_of, knob, read, upstream_of
from .replies import Reply

if TYPE_CHECKING:
    from .app import Simulator
    from .upstream import Upstream

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def add_routes(app: web.Application, simulator: "Simulator") -> None:
    """Add the control routes.

    POST reset. GET or POST config: `{"nexudus": {"throttled": true, "partial_fields": ["Notes"]}}`; the action
    `"expire_tokens": true` is accepted too. GET calls, `?upstream=nexudus`; DELETE forgets them. GET stats counts
    requests by status, and has the most in flight and the most connections since the last reset. GET faults lists names
    and rules; POST adds one, `{"upstream": "nexudus", "fault": "503", "times": 1, "ids": [1427000501], "kinds":
    ["get"], "after": 0}` (`times` null: always); DELETE clears. GET deals, `?upstream=nexudus`, gives the records as
    they are; POST writes one as the vendor's own API does, `{"upstream": "nexudus", "id": 1427000501, "fields":
    {"Status": 2}}`: without `id` it is created, without `fields` deleted; the answer has its id. What cannot be
    meant is refused with status 400 and why, and then nothing is changed.
    """
    upstreams: dict[str, Upstream] = {upstream.name: upstream for upstream in simulator.upstreams}

    async def reset(request: web.Request) -> Reply:
        simulator.reset()
        return Reply(data={"reset": True})

    async def config(request: web.Request) -> Reply:
        if request.method == "POST":
            # All is checked before anything is changed.
            given = await read(request, dict[str, dict[str, Any]])
            expires = given.get("nexudus", {}).pop("expire_tokens", False)
            if not isinstance(expires, bool):
                raise ValueError("nexudus.expire_tokens: must be true or false")
            wanted = [(upstream_of(upstreams, name), knobs) for name, knobs in given.items()]
            changes = [(one, name, knob(one, name, value)) for one, knobs in wanted for name, value in knobs.items()]
            for upstream, name, value in changes:
                setattr(upstream, name, value)
            if expires:
                simulator.nexudus.expire_tokens()
        return Reply(
            data={one.name: {knob: _plain(getattr(one, knob)) for knob in one.knobs} for one in upstreams.values()}
        )

    async def calls(request: web.Request) -> Reply:
        if request.method == "DELETE":
            for log in (simulator.calls, *(upstream.calls for upstream in upstreams.values())):
                log.clear()
        name = request.query.get("upstream")
        asked = upstream_of(upstreams, name) if name else simulator
        return Reply(data=[_call(call) for call in asked.calls])

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
            new = await read(request, FaultRequest)
            rules = upstream_of(upstreams, new.upstream).faults
            rules.add(fault_of(new.fault), new.times, new.ids, new.kinds, new.after)
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
            shown: list[Any] = [upstream_of(upstreams, name)] if name else list(upstreams.values())
            return Reply(data={one.name: list(one.records.values()) for one in shown}, is_ordinary=True)
        given = await read(request, DealRequest)
        upstream, record_id = upstream_of(upstreams, given.upstream), given.id
        if record_id is None:
            record_id = upstream.create(given.fields or {})
        elif given.fields is not None:
            upstream.update(record_id, given.fields)
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


def _plain(value: Any) -> Any:
    return sorted(value) if isinstance(value, set) else value


def _call(call: Call) -> dict[str, Any]:
    return {**asdict(call), "body": call.body.decode("utf-8", "replace")}
