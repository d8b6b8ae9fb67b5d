"""What the account may do at Nexudus: sign in, read records and lists of them, the audit trail, stages."""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Final

from httpclient.client import Request
from resolvers.errors import UpstreamError
from resolvers.fetching.shared_fetch import SharedFetch
from resolvers.finding import Finding
from resolvers.nexudus.page import id_of, split_page
from resolvers.nexudus.tokens import PasswordTokens
from resolvers.resilience.transport import Transport

if TYPE_CHECKING:
    from resolvers.nexudus import NexudusSettings

NO_RECORD: Final = "1"
"""An id to ask for where none is known: that there is no such record shows the role as well."""

WITHOUT_LISTS: Final = "records cost a request each, and nothing can be listed"
WITHOUT_AUDIT_TRAIL: Final = "a deletion is noticed by the second sweep without the record"
STAGES_ROLE: Final = "role CrmBoardColumn-List"
WITHOUT_STAGES: Final = "stages have no position, and those without a deal are not known"


async def check_access(
    settings: "NexudusSettings", transport: Transport, shared_fetch: SharedFetch
) -> AsyncIterator[Finding]:
    """Sign in once, and try each right once.

    With a client id of its own: with the server's, the refresh token of the server that runs would be void.
    """
    base_url = settings.url.rstrip("/")
    if settings.access_token is not None:
        token = settings.access_token.reveal()
    else:
        assert settings.username
        assert settings.password
        tokens = PasswordTokens(base_url, settings.username, settings.password, transport, clock=transport.clock)
        try:
            token = await tokens.get(shared_fetch)
        except UpstreamError as failure:
            yield Finding.of_failure("sign-in", failure)
            return
        yield Finding("sign-in: accepted")

    async def get(path: str, kind: str) -> bytes | None:
        headers = {"Authorization": f"Bearer {token}"}
        return await transport.fetch(Request(f"{base_url}/api/{path}", kind, headers=headers), shared_fetch)

    found: list[str] = []
    try:
        body = await get("crm/crmopportunities?page=1&size=1&orderBy=Id", "list")
        found = [id_ for text in split_page(body or b"")[1] if (id_ := id_of(text))]
        lists = Finding("lists (role CrmOpportunity-List): allowed")
    except UpstreamError as failure:
        lists = Finding.of_failure(f"lists (role CrmOpportunity-List; without it {WITHOUT_LISTS})", failure)
    try:
        await get(f"crm/crmopportunities/{found[0] if found else NO_RECORD}", "get")
        yield Finding("records by id (role CrmOpportunity-Read): allowed")
    except UpstreamError as failure:
        yield Finding.of_failure("records by id (role CrmOpportunity-Read)", failure)
    yield lists
    for path, kind, allowed, failed in (
        ("sys/audittrailentries", "audit-trail", "audit trail", f"audit trail (without it {WITHOUT_AUDIT_TRAIL})"),
        (
            "crm/crmboardcolumns",
            "stages",
            f"stages ({STAGES_ROLE})",
            f"stages ({STAGES_ROLE}; without it {WITHOUT_STAGES})",
        ),
    ):
        try:
            split_page(await get(f"{path}?page=1&size=1", kind) or b"")
            yield Finding(f"{allowed}: allowed")
        except UpstreamError as failure:
            yield Finding.of_failure(failed, failure)
