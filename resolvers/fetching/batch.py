"""Some ids that one request is sent for: its shared fetch, and what is told of it to telemetry and traces."""

from resolvers.errors import UpstreamError
from resolvers.fetching.fair_queue import KeyRequest
from resolvers.fetching.upstream_context import Permit, SharedFetch
from resolvers.resilience.transport import Transport
from resolvers.source import Outcome
from resolvers.telemetry import BatchSent

Batch = list[KeyRequest]


def begin(batch: Batch, permit: Permit, transport: Transport) -> SharedFetch:
    """Return the fetch of a batch. Its request counts for the owner of the first id; the others have joined it."""
    owner, source = batch[0].owner, transport.source
    contexts = batch[0].contexts if len(batch) == 1 else lambda: {w.operation for one in batch for w in one.waiters}
    shared_fetch = SharedFetch(contexts, owner=owner, permit=permit)
    queued_at = batch[0].queued_at
    for one in batch:
        one.shared_fetch = shared_fetch
        queued_at = min(queued_at, one.queued_at)
        if one.owner is not owner:
            one.owner.usage(source).joined += 1
    if transport.tracer is not None:
        shared_fetch.span = transport.tracer.batch(source, len(batch), owner.span)
    waited_seconds = max(0.0, shared_fetch.started_at - queued_at)
    transport.telemetry(BatchSent(source, len(batch), shared_fetch.weight, waited_seconds))
    return shared_fetch


def end(batch: Batch, shared_fetch: SharedFetch, outcomes: list[Outcome] | Exception) -> None:
    """Give back a permit that was not used; end the span, linked to all operations that waited or own a part of it."""
    shared_fetch.release_permit()
    span = shared_fetch.span
    if span is None:
        return
    for operation in {one.owner for one in batch}.union(shared_fetch.waiters()):
        if operation.span is not None:
            span.link(operation.span)
    failures = [outcomes] if isinstance(outcomes, Exception) else [o for o in outcomes if isinstance(o, Exception)]
    code = next((one.code for one in failures if isinstance(one, UpstreamError)), None)
    span.end(code=code or (type(failures[0]).__name__ if failures else None))
