"""What may be sent to the control routes: its shape and its bounds, with what is wrong said in one sentence."""

from collections.abc import Mapping
from math import isfinite
from typing import Any, TypeVar

import msgspec
from aiohttp import web

from .calls import Kind
from .fault_rules import Fault
from .fault_table import FAULTS
from .page_faults import PAGE_FAULTS
from .upstream import Count, Upstream

ALL_FAULTS = FAULTS | PAGE_FAULTS

_Read = TypeVar("_Read")


class FaultRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A rule to add: `FaultRules.add` says what its parts mean."""

    upstream: str
    fault: str
    times: Count | None = 1
    ids: list[int | str] | None = None
    kinds: list[Kind] | None = None
    after: Count = 0


class DealRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A record to write: without `id` it is created, without `fields` deleted."""

    upstream: str
    id: int | str | None = None
    fields: dict[str, Any] | None = None


async def read(request: web.Request, type_: type[_Read]) -> _Read:
    """Return the body of a request; raises `ValueError` with what is wrong, and where."""
    try:
        return msgspec.convert(await request.json(), type_)  # which turns no text into a number, nor the like
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from None


def upstream_of(upstreams: Mapping[str, Upstream], name: str) -> Any:
    """Return the vendor of this name; raises `ValueError`."""
    return _one_of(upstreams, name, "upstream")


def fault_of(name: str) -> Fault:
    """Return the fault of this name; raises `ValueError`."""
    found: Fault = _one_of(ALL_FAULTS, name, "fault")
    return found


def knob(upstream: Upstream, name: str, value: Any) -> Any:
    """Return what a knob is to be set to; raises `ValueError` for one that there is not, and for what it cannot be."""
    type_ = _one_of(upstream.knobs, name, f"knob of {upstream.name}")
    try:
        found = msgspec.convert(value, type_)
    except msgspec.ValidationError as error:
        raise ValueError(f"{upstream.name}.{name}: {error}") from None
    numbers = found if isinstance(found, tuple) else (found,)
    if not all(isfinite(one) for one in numbers if isinstance(one, float)):
        raise ValueError(f"{upstream.name}.{name}: must be finite")
    if isinstance(found, tuple) and list(found) != sorted(found):
        raise ValueError(f"{upstream.name}.{name}: the first must not be above the second")
    return found


def _one_of(known: Mapping[str, Any], name: str, what: str) -> Any:
    if name not in known:
        raise ValueError(f"there is no {what} {name!r}; there are {', '.join(known)}")
    return known[name]
