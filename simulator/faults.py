"""Faults by function, for tests; the same, ready-made and named, in `simulator.fault_table.FAULTS`.

    simulator.nexudus.faults.add(faults.status(503), times=1, ids={1427000501})

A fault answers instead of the vendor; `delay`, `truncated`, `trickle` and `mutate` start from the vendor's real answer.
"""

import asyncio
import copy
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from .fault_rules import Fault
from .replies import JSON, Reply
from .wire import CHUNK, GZIP_HEAD, LAST, Answered, Exchange, abort, bomb, finish, head, send, stream
from .wire import trickle as send_slowly

OOOPS = "Ooops! There was a problem while running this action. Please try again."


ROWS = ("Records", "entries")
"""Where the pages of both vendors have their rows."""


def reply(answer: Reply, name: str) -> Fault:
    """Return a fault that answers every request with this response."""

    async def respond(exchange: Exchange) -> Reply:
        return answer

    return Fault(name, respond)


def status(
    code: int,
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
    reason: str | None = None,
    content_type: str = "text/plain; charset=utf-8",
) -> Fault:
    """Answer with a status code and a body, by default an empty one."""
    return reply(
        Reply(code, body=body, content_type=content_type, headers=headers or {}, reason=reason), f"status {code}"
    )


def body(data: bytes, content_type: str = JSON, headers: Mapping[str, str] | None = None) -> Fault:
    """Answer 200 with these bytes."""
    return reply(Reply(body=data, content_type=content_type, headers=headers or {}), "body")


def redirect(location: str) -> Fault:
    """Answer 302 to a place, absolute or relative to the host."""
    return status(302, headers={"Location": location})


def delay(seconds: float) -> Fault:
    """Give the real answer, late."""

    async def respond(exchange: Exchange) -> Reply:
        await asyncio.sleep(seconds)
        return await exchange.real()

    return Fault(f"delay {seconds}", respond)


def late_head(seconds: float) -> Fault:
    """Send not a byte for so long, then the real answer: `delay` by another name, for tests that mean a timeout."""
    return replace(delay(seconds), name=f"late head {seconds}")


def hang() -> Fault:
    """Never answer: until the client goes away or the simulator stops."""

    async def respond(exchange: Exchange) -> Answered:
        await asyncio.Event().wait()
        return Answered()

    return Fault("hang", respond)


def reset() -> Fault:
    """Break the connection with a TCP reset, no answer."""

    async def respond(exchange: Exchange) -> Answered:
        abort(exchange.request)
        return Answered()

    return Fault("reset", respond)


def close() -> Fault:
    """Close the connection properly, no answer."""

    async def respond(exchange: Exchange) -> Answered:
        finish(exchange.request)
        return Answered()

    return Fault("close", respond)


def raw(data: bytes) -> Fault:
    """Send these bytes instead of HTTP, then close."""

    async def respond(exchange: Exchange) -> Answered:
        send(exchange.request, data)
        finish(exchange.request)
        return Answered()

    return Fault("raw", respond)


def truncated() -> Fault:
    """Announce the whole real answer, send half of it, close."""

    async def respond(exchange: Exchange) -> Answered:
        real = await exchange.real()
        payload = real.payload()
        headers = {"Content-Type": real.content_type, "Content-Length": str(len(payload))}
        send(exchange.request, head(real.status, headers) + payload[: len(payload) // 2])
        finish(exchange.request)
        return Answered(real.status)

    return Fault("truncated", respond)


def trickle(seconds_per_byte: float) -> Fault:
    """Send the real answer's head at once, its body byte by byte."""

    async def respond(exchange: Exchange) -> Answered:
        return await send_slowly(exchange.request, await exchange.real(), seconds_per_byte)

    return Fault(f"trickle {seconds_per_byte}", respond)


def gzip_bomb(megabytes: int) -> Fault:
    """Send valid gzip of about 1 kB a megabyte (10**6 bytes), which is spaces and then `{}`."""

    async def respond(exchange: Exchange) -> Answered:
        block, ending = await asyncio.to_thread(bomb, megabytes)
        headers = {"Content-Type": JSON, "Content-Encoding": "gzip"}
        return await stream(exchange.request, headers, block, megabytes, ending, GZIP_HEAD)

    return Fault(f"gzip bomb {megabytes}", respond)


def huge(megabytes: int) -> Fault:
    """Send a body of so many megabytes (10**6 bytes, rounded up to 64 kB), spaces and then `{}`."""

    async def respond(exchange: Exchange) -> Answered:
        times = -(-megabytes * 1_000_000 // len(CHUNK))
        headers = {"Content-Type": JSON, "Content-Length": str(times * len(CHUNK) + len(LAST))}
        return await stream(exchange.request, headers, CHUNK, times, LAST)

    return Fault(f"huge {megabytes}", respond)


def mutate(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Fault:
    """Give the real answer after `change` of each record in it (of those in the rule's `ids`, if it has any)."""

    async def respond(exchange: Exchange) -> Reply:
        real = await exchange.real()
        return replace(real, data=_changed(copy.deepcopy(real.data), change, exchange.only), is_ordinary=False)

    return Fault("mutate", respond)


def page(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Fault:
    """Give the real answer, after `change` if it is a page with rows: they are in `Records` or `entries`."""

    async def respond(exchange: Exchange) -> Reply:
        real = await exchange.real()
        if not isinstance(real.data, dict) or not any(real.data.get(rows) for rows in ROWS):
            return real
        return replace(real, data=change(copy.deepcopy(real.data)), is_ordinary=False)

    return Fault("page", respond)


def stops_page(*ids: int | str) -> Fault:
    """Answer 500 in place of a page, however small, that one of these records is on."""
    only = {str(one).lower() for one in ids}

    async def respond(exchange: Exchange) -> Reply:
        real = await exchange.real()
        rows = real.data if isinstance(real.data, dict) else {}
        shown = {str(row.get("Id", row.get("uuid"))).lower() for name in ROWS for row in rows.get(name) or ()}
        return Reply(500, data={"Message": OOOPS}) if only & shown else real

    return Fault("stops page", respond)


def rewrite(change: Callable[[bytes], bytes]) -> Fault:
    """Give the real answer after `change` of its bytes, which need not be JSON any more."""

    async def respond(exchange: Exchange) -> Reply:
        real = await exchange.real()
        return replace(real, data=None, body=change(real.payload()))

    return Fault("rewrite", respond)


def not_successful() -> Fault:
    """Answer 200 with a failure inside, as Nexudus does for some failed actions (the `WasSuccessful` envelope)."""
    data = {"Status": 500, "Message": OOOPS, "Value": None, "Errors": None, "WasSuccessful": False}
    return reply(Reply(data=data), "not successful")


def ooops(status: int = 500) -> Fault:
    """Answer as Nexudus does when it is in trouble: 500, sometimes 400, with this text."""
    return reply(Reply(status, data={"Message": OOOPS}), f"ooops {status}")


def _changed(data: Any, change: Callable[[dict[str, Any]], dict[str, Any]], only: frozenset[str] | None) -> Any:
    if isinstance(data, list):
        return [_changed(item, change, only) for item in data]
    if not isinstance(data, dict):
        return data
    for rows in ROWS:
        if rows in data:
            return {**data, rows: _changed(data[rows], change, only)}
    identity = str(data.get("Id", data.get("uuid"))).lower()
    return change(data) if only is None or identity in only else data
