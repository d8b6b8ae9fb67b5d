"""What an operator sets of the server itself, and of its store."""

import re
from collections.abc import Iterable
from contextlib import suppress
from ipaddress import ip_address
from typing import Annotated, Literal

from msgspec import Meta

from logs import Format
from resolvers.chartmogul import CHARTMOGUL
from resolvers.nexudus import NEXUDUS
from resolvers.settings import Secret, Settings, check_url
from store.customer_deals import Link
from store.database import is_same_store, problem_with


class ServerSettings(Settings, frozen=True, kw_only=True):
    """Where and how this server listens, and in how many processes: `workers` each of so many `replicas`."""

    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = 8000
    graphiql: bool | None = None
    board: bool | None = None
    upstream_cost: bool = False
    error_docs_url: str | None = None
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Format = "text"
    access_log: bool = False
    metrics: bool = False
    status_page: bool = False
    shutdown_delay_seconds: Annotated[float, Meta(ge=0, le=600)] = 3.0
    subscription_heartbeat_seconds: Annotated[float, Meta(ge=1, le=300)] = 15.0
    workers: Annotated[int, Meta(ge=1, le=100)] = 1
    replicas: Annotated[int, Meta(ge=1, le=1_000)] = 1

    @property
    def share(self) -> float:
        """This process's part of a source's ration, while it cannot agree with the others."""
        return 1 / (self.workers * self.replicas)

    def problems(self) -> Iterable[str]:
        """Yield what is malformed."""
        if not _can_be_host(self.host):
            yield "HOST: must be an address such as 0.0.0.0 or ::1, or a name such as localhost, without a port"
        if self.error_docs_url and (fault := check_url(self.error_docs_url)):
            yield f"ERROR_DOCS_URL: {fault}"


class StoreSettings(Settings, frozen=True, kw_only=True):
    """Where the copy of all deals is, for how long it remembers deleted ones and what changed (0: not at all), and what
    amounts are converted with.

    `owners_file` says who is who among owners (`schema/people.py`).
    `customer_link_…`: whether Nexudus' deals have the ChartMogul customer's id as `SystemId`, and which custom
    attribute of ChartMogul's deals has the Nexudus customer's.
    """

    store_url: Secret | None = None
    store_tombstone_days: Annotated[float, Meta(ge=0, le=3650)] = 30.0
    store_changes_days: Annotated[float, Meta(ge=0, le=3650)] = 30.0
    exchange_rates_file: str | None = None
    owners_file: str | None = None
    customer_link_system_id: bool = False
    customer_link_attribute: str | None = None

    @property
    def links(self) -> list[Link]:
        """How deals of one source name customers of the other."""
        found = [Link(bearer=NEXUDUS.name, of=CHARTMOGUL.name)] if self.customer_link_system_id else []
        if self.customer_link_attribute is not None:
            found.append(Link(bearer=CHARTMOGUL.name, of=NEXUDUS.name, attribute=self.customer_link_attribute))
        return found

    @property
    def address(self) -> str | None:
        """A path, a database's URL, or None for a store in memory."""
        return self.store_url.reveal() if self.store_url else None

    def current_url(self) -> str | None:
        """Return the address as it is at this moment: its user and password may be replaced."""
        return self.address

    def problems(self) -> Iterable[str]:
        """Yield what cannot be the address of a store."""
        if fault := problem_with(self.address):
            yield f"STORE_URL: {fault}"

    def change_problems(self, after: "StoreSettings") -> Iterable[str]:
        """Refuse another store than the one that is open."""
        if not is_same_store(self.address, after.address):
            yield "STORE_URL: only its user and password can change without a restart"


def _can_be_host(text: str) -> bool:
    with suppress(ValueError):
        return bool(ip_address(text))
    # A last label of digits is an address with a slip: no domain at the top of all others is a number.
    return re.fullmatch(r"(?=.{1,253}\Z)([\w-]{1,63}\.)*(?![0-9]+\.?\Z)[\w-]{1,63}\.?", text, re.ASCII) is not None


def kind_of(address: str | None) -> str:
    """Return what kind of store is at an address, which may hold a password."""
    if address is None:
        return "memory"
    return "postgresql" if address.startswith("postgresql") else "sqlite"
