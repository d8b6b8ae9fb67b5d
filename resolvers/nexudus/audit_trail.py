"""What was deleted, as the audit trail tells it: `GET /api/sys/audittrailentries`, another role than that of lists.

Nexudus ignores parameters that it does not know: each entry is looked at.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final

import msgspec

from httpclient.client import Request
from resolvers.errors import UpstreamBadResponse, UpstreamForbidden, UpstreamUnauthorized
from resolvers.fetching.shared_fetch import SharedFetch
from resolvers.listing import Deletion, DeletionsPage
from resolvers.nexudus.page import id_of, split_page
from resolvers.nexudus.paging import Position, step
from resolvers.nexudus.record import SOURCE
from resolvers.nexudus.time_filter import is_older, minute
from resolvers.reply import Timestamp, decode, decoder

Fetch = Callable[[Request, SharedFetch], Awaitable[bytes | None]]

DENIED_SECONDS: Final = 3_600.0
"""How long the audit trail is left alone after a refusal. Each one costs a new token too, for it may be the old one
that is refused."""

_DELETE: Final = 3
"""Nexudus' eAuditType."""

_ENTITY: Final = "CrmOpportunity"


class _AuditEntry(msgspec.Struct, rename="pascal"):
    audit_type: int
    entity_short_name: str
    entity_id: int
    created_on: Timestamp


_AUDIT_ENTRY = decoder(_AuditEntry)


class AuditTrail:
    """The audit trail of an account; `fetch` sends a request with its token."""

    def __init__(self, base_url: str, fetch: Fetch, *, clock: Callable[[], float]) -> None:
        self._base_url = base_url
        self._fetch = fetch
        self._clock = clock
        self._denied_until = float("-inf")

    def begin_anew(self) -> None:
        """Ask again at once, whatever was refused."""
        self._denied_until = float("-inf")

    async def deletions(self, since: datetime, position: str | None, shared_fetch: SharedFetch) -> DeletionsPage | None:
        """Return what the audit trail has of deletions; None where the account may not read it."""
        if self._clock() < self._denied_until:
            return None
        at = Position.of(position)
        query = (
            f"{at.query}&AuditTrailEntry_AuditType={_DELETE}&AuditTrailEntry_EntityShortName={_ENTITY}"
            f"&from_AuditTrailEntry_CreatedOn={minute(since)}"
        )
        try:
            body = await self._fetch(
                Request(f"{self._base_url}/api/sys/audittrailentries?{query}", "audit-trail"), shared_fetch
            )
        except (UpstreamUnauthorized, UpstreamForbidden):
            body = None
        if body is None:
            self._denied_until = self._clock() + DENIED_SECONDS
            return None
        envelope, texts = split_page(body)
        entries = [entry for text in texts if (entry := _audit_entry(text)) is not None]
        following, _ = step(at, envelope, [int(one) for text in texts if (one := id_of(text))], len(texts))
        deletions = [one for one in entries if (one.audit_type, one.entity_short_name) == (_DELETE, _ENTITY)]
        return DeletionsPage(
            [Deletion(str(one.entity_id), one.created_on) for one in deletions],
            str(following) if following is not None else None,
            filter_ignored=len(deletions) < len(entries) or any(is_older(one.created_on, since) for one in entries),
        )


def _audit_entry(text: bytes) -> _AuditEntry | None:
    try:
        return decode(SOURCE, _AUDIT_ENTRY, text)
    except UpstreamBadResponse:
        return None
