"""Whom the work under way is for, where it is done for several requests at once: their ids, for lines of the log.

Such work runs in an empty context, or the log would show the id of one request. Its shared fetch is in a context
variable instead, by a weak reference: connections that are opened meanwhile keep the context for much longer.
"""

from contextvars import ContextVar
from typing import Final
from weakref import ref

from resolvers.fetching.upstream_context import SharedFetch

_SERVED: Final[ContextVar[ref[SharedFetch] | None]] = ContextVar("served", default=None)


def serve(shared_fetch: SharedFetch) -> None:
    """Let what is done from now on in this context be done for those who wait for a fetch."""
    _SERVED.set(ref(shared_fetch))


def served_request_ids() -> list[str]:
    """Return the ids of the requests that wait for what is being done, as of now; empty where nobody is known to."""
    served = _SERVED.get()
    shared_fetch = served() if served is not None else None
    if shared_fetch is None:
        return []
    return sorted({one.request_id for one in shared_fetch.waiters() if one.request_id is not None})
