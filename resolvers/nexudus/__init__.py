"""Nexudus: CrmOpportunity, the deals on the CRM boards of a coworking operator.

`record.py` is the record, `codes.py` what numbers in it mean, `page.py` what a list of records proves, `tokens.py` the
token, `sign_in.py` how it is got, `client.py` the fetching, `listing.py` the list of all.
"""

import re
from collections.abc import Iterable
from typing import ClassVar, Final

from resolvers.nexudus.access_check import check_access
from resolvers.nexudus.client import NexudusClient
from resolvers.nexudus.record import NAMES, SOURCE, STORED, NexudusRecord
from resolvers.nexudus.shared_grant import SharedGrant
from resolvers.nexudus.tokens import GivenToken, PasswordTokens
from resolvers.resilience.rate_limiter import Rate
from resolvers.resilience.transport import Transport
from resolvers.settings import Secret, check_secret, check_url
from resolvers.source import Source
from resolvers.source_settings import SourceSettings

CONCURRENCY: Final = 10
"""Requests at once. None is documented; at the documented rate of one each 100 ms it takes answers of a second to
need as many."""

RATES: Final = (Rate(1, 0.15), Rate(120, 60.5), Rate(5_000, 3_605))
"""Nexudus' page on API limitations: one request each 100 ms, 120 a minute, 5,000 an hour; each with some time added,
for requests may travel at unequal speed. The 200,000 a day cannot be reached at 5,000 an hour."""

_ID = re.compile(r"0*([1-9][0-9]{0,18})", re.ASCII)


class NexudusSettings(SourceSettings, frozen=True, kw_only=True):
    """Credentials: user name and password, or an access token alone."""

    prefix: ClassVar[str] = f"{SOURCE}_"

    url: str = "https://spaces.nexudus.com"
    username: str | None = None
    password: Secret | None = None
    client_id: str | None = None
    access_token: Secret | None = None
    confirm_missing: bool = False

    @property
    def is_configured(self) -> bool:
        """Whether there is a way to sign in."""
        return bool(self.access_token or (self.username and self.password))

    def problems(self) -> Iterable[str]:
        """Yield half-given credentials and a malformed URL."""
        yield from super().problems()
        if fault := check_url(self.url):
            yield f"NEXUDUS_URL: {fault}"
        if fault := check_secret(self.access_token):
            yield f"NEXUDUS_ACCESS_TOKEN: {fault}"
        if self.client_id and not re.fullmatch(r"[\x21-\x7e]+", self.client_id):
            yield "NEXUDUS_CLIENT_ID: must be printable ASCII without spaces"
        if self.access_token and (self.username or self.password):
            yield "NEXUDUS_ACCESS_TOKEN: set either this or NEXUDUS_USERNAME and NEXUDUS_PASSWORD, not both"
        elif bool(self.username) != bool(self.password):
            missing, given = ("PASSWORD", "USERNAME") if self.username else ("USERNAME", "PASSWORD")
            yield f"NEXUDUS_{missing}: must be set too, since NEXUDUS_{given} is"


def canonical_id(text: str) -> str | None:
    """Return a CrmOpportunity `Id` without leading zeros; None for what is not 1 to 19 ASCII digits or is zero."""
    found = _ID.fullmatch(text)
    return found[1] if found else None


def open_client(settings: NexudusSettings, transport: Transport) -> NexudusClient:
    """Return the client, which signs in when it is first asked for a record."""
    base_url = settings.url.rstrip("/")
    tokens: GivenToken | PasswordTokens
    if settings.access_token:
        tokens = GivenToken(settings.access_token)
    else:
        assert settings.username
        assert settings.password
        shared = transport.shared_limits
        tokens = PasswordTokens(
            base_url,
            settings.username,
            settings.password,
            transport,
            client_id=settings.client_id,
            shared=SharedGrant(shared.lender, base_url, settings.username, settings.password) if shared else None,
            clock=transport.clock,
        )
    return NexudusClient(base_url, tokens, transport, confirm_missing=settings.confirm_missing)


NEXUDUS: Final = Source(
    name=SOURCE,
    title="Nexudus",
    id_shape="it is a whole number like 1427000501",
    canonical_id=canonical_id,
    settings=NexudusSettings,
    rates=RATES,
    concurrency=CONCURRENCY,
    open=open_client,
    records=(NexudusRecord,),
    stored=STORED,
    names=NAMES,
    check=check_access,
)
