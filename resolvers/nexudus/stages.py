"""The columns of all CRM boards, which Nexudus also calls stages: `GET /api/crm/crmboardcolumns`.

It is another role than those of opportunities, `CrmBoardColumn-List`. Nexudus' page on it says that stages are ordered
by `Position` within their board, from 0.
"""

from typing import Final

import msgspec

from httpclient.client import Request
from resolvers.errors import UpstreamBadResponse, UpstreamForbidden, UpstreamUnauthorized
from resolvers.fetching.shared_fetch import SharedFetch
from resolvers.listing import Stage, StagesPage
from resolvers.nexudus.audit_trail import Fetch
from resolvers.nexudus.page import split_page
from resolvers.nexudus.paging import Position, step
from resolvers.nexudus.record import SOURCE, Int32
from resolvers.reply import decode, decoder


class _BoardColumn(msgspec.Struct, rename="pascal"):
    id: int
    crm_board_id: int
    name: str | None = None
    crm_board_name: str | None = None
    position: Int32 | None = None


_BOARD_COLUMN: Final = decoder(_BoardColumn)


class StageListing:
    """The columns of an account's boards; `fetch` sends a request with its token."""

    def __init__(self, base_url: str, fetch: Fetch) -> None:
        self._url = f"{base_url}/api/crm/crmboardcolumns"
        self._fetch = fetch

    async def page(self, position: str | None, shared_fetch: SharedFetch) -> StagesPage | None:
        """Return the page of columns at a position; None where the account may not read them."""
        at = Position.of(position)
        try:
            body = await self._fetch(Request(f"{self._url}?{at.query}", "stages"), shared_fetch)
        except (UpstreamUnauthorized, UpstreamForbidden):
            return None
        if body is None:
            return None
        envelope, texts = split_page(body)
        columns = [column for text in texts if (column := _column(text)) is not None]
        following, is_ordered = step(at, envelope, [column.id for column in columns], len(texts))
        return StagesPage(
            [_stage(column) for column in columns],
            str(following) if following is not None else None,
            is_whole=is_ordered and len(columns) == len(texts),
        )


def _column(text: bytes) -> _BoardColumn | None:
    try:
        return decode(SOURCE, _BOARD_COLUMN, text)
    except UpstreamBadResponse:
        return None


def _stage(column: _BoardColumn) -> Stage:
    return Stage(
        str(column.id), column.name or None, str(column.crm_board_id), column.crm_board_name or None, column.position
    )
