"""Every setting of the server, from the environment and `.env`, read and checked before anything starts."""

import os
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from io import StringIO
from os import environ
from pathlib import Path

from dotenv import dotenv_values
from dotenv.parser import parse_stream

from resolvers.registry import SOURCES
from resolvers.resilience.transport import TransportSettings
from resolvers.setting_names import misspelt
from resolvers.settings import BadSettings, Settings, SettingsT, read_text, read_with_problems, unexplained
from resolvers.source import Source
from resolvers.source_settings import SourceSettings
from schema.deals.exchange_rates import BadRates, ExchangeRates, read_rates
from schema.people import BadPeople, Person, read_people
from security.parts import ALLOW_IT, SecurityParts, travels_in_clear
from security.settings import SECURITY, JwtSettings, LimitSettings, SecuritySettings
from server_settings import ServerSettings, StoreSettings, kind_of
from sync.settings import SyncSettings
from tracing import settings as tracing

DEMO_PACE = {
    "SYNC_INCREMENT_SECONDS": "5",
    "SYNC_INCREMENT_LONGEST_SECONDS": "5",
    "SYNC_FULL_SWEEP_SECONDS": "60",
    "SYNC_CUSTOMERS_PER_MINUTE": "1000",
}
"""The demo's sources have no rations, and whoever tries it out does not want to wait."""

NOTHING_CONFIGURED = (
    "No source is configured. Set NEXUDUS_USERNAME and NEXUDUS_PASSWORD (or NEXUDUS_ACCESS_TOKEN), or "
    "CHARTMOGUL_API_KEY, or both. To look around without credentials: python server.py --demo"
)


class AllSettings:
    """Every setting, read and checked. Raises `BadSettings` with one line for each problem."""

    def __init__(self, variables: Mapping[str, str], *, demo: bool = False) -> None:
        problems: list[str] = []
        self.demo = demo
        self.server = _read(ServerSettings, variables, problems)
        self.transport = _read(TransportSettings, variables, problems)
        self.store = _read(StoreSettings, variables, problems)
        self.sync = _read(SyncSettings, {**DEMO_PACE, **variables} if demo else variables, problems)
        self.exchange_rates = self._exchange_rates(problems)
        self.people = self._people(problems)
        self.sources: dict[str, SourceSettings] = {}
        """Empty in the demo."""
        self.security = SecurityParts(
            general=_read(SecuritySettings, variables, problems),
            jwt=_read(JwtSettings, variables, problems),
            limits=_read(LimitSettings, variables, problems),
        )
        of_sources: dict[str, SourceSettings] = {
            one.name: _read(one.settings, _for_demo(one, variables) if demo else variables, problems) for one in SOURCES
        }
        if not demo:
            self.sources = of_sources
        problems += unexplained(self._problems_together(of_sources), problems)
        structs: list[type[Settings]] = [
            ServerSettings,
            TransportSettings,
            StoreSettings,
            SyncSettings,
            *SECURITY,
            *(source.settings for source in SOURCES),
        ]
        problems += misspelt(structs, variables)
        problems += self._tracing_problems(variables)
        self.record_urls = {name: one.record_url for name, one in of_sources.items() if one.record_url}
        """Patterns of the addresses at which people see records, by source."""
        self.otel_variables = {name: text for name, text in variables.items() if name.startswith("OTEL_")}
        if problems:
            raise BadSettings(problems)

    def _problems_together(self, of_sources: Mapping[str, SourceSettings]) -> Iterable[str]:
        """Yield what is wrong with settings of several structs together."""
        yield from self.security.validation_errors(self.server.host, demo=self.demo)
        if not self.demo and not any(settings.is_configured for settings in of_sources.values()):
            yield NOTHING_CONFIGURED
        yield from self.security.insecure_urls([self.security.jwt, *of_sources.values()])
        yield from self.several_processes(self.server.workers, self.server.replicas, "WORKERS, REPLICAS")

    def _tracing_problems(self, variables: Mapping[str, str]) -> list[str]:
        problems = list(tracing.problems(variables))
        if self.security.general.allow_insecure_sources:
            return problems
        names = [name for name in tracing.credentials_go_to(variables) if travels_in_clear(variables[name].strip())]
        in_clear = [f"{name}: must be https, for credentials are sent there; {ALLOW_IT}" for name in names]
        return problems + unexplained(in_clear, problems)

    def several_processes(self, workers: int, replicas: int, named: str) -> Iterable[str]:
        """Yield why so many processes cannot be; `named` is what asks for them."""
        if workers * replicas == 1:
            return
        if self.demo:
            yield f"{named}: the demo runs in one process: each would have simulated sources of its own"
        elif not self.shares_store:
            yield (
                f"{named}: several processes would each use the whole of the sources' rations; they share them through "
                "a store in PostgreSQL: set STORE_URL=postgresql+psycopg://user@host/database"
            )
        elif workers > 1 and not hasattr(os, "fork"):
            yield f"{named}: this system cannot fork processes"

    @property
    def shares_store(self) -> bool:
        """Whether the store is one that several processes share."""
        return self.has_store and kind_of(self.store.address) == "postgresql"

    @property
    def all(self) -> list[Settings]:
        """Every struct that settings were read into."""
        return [self.server, self.transport, self.store, self.sync, *self.security.all, *self.sources.values()]

    @property
    def in_short(self) -> str:
        """What an operator wants to know of a process, without a secret: version, sources, authentication, store."""
        sources = ["simulated"] if self.demo else [name for name, given in self.sources.items() if given.is_configured]
        return (
            f"version {program_version()}, sources {' '.join(sources)}, "
            f"authentication {self.security.kind}, store {kind_of(self.store.address) if self.has_store else 'none'}"
        )

    @property
    def are_operations_traced(self) -> bool:
        """Whether spans are exported, as OpenTelemetry's own variables say."""
        return tracing.are_traced(self.otel_variables)

    @property
    def has_store(self) -> bool:
        """Whether deals can be listed: a store in memory that nothing fills would be empty for ever."""
        return self.sync.enabled or self.store.store_url is not None

    def _exchange_rates(self, problems: list[str]) -> ExchangeRates | None:
        path = self.store.exchange_rates_file
        try:
            return read_rates(Path(path)) if path else None
        except BadRates as error:
            problems.append(f"EXCHANGE_RATES_FILE: {error}")
            return None

    def _people(self, problems: list[str]) -> Sequence[Person]:
        path = self.store.owners_file
        try:
            return read_people(Path(path)) if path else ()
        except BadPeople as error:
            problems.append(f"OWNERS_FILE: {error}")
            return ()

    @property
    def shows_status(self) -> bool:
        """Whether there is a status page: where STATUS_PAGE says so, and in the demo."""
        return self.server.status_page or self.demo

    @property
    def is_measured(self) -> bool:
        """Whether anything shows what the server counts and measures."""
        return self.server.metrics or self.shows_status

    @property
    def shows_graphiql(self) -> bool:
        """Whether a browser gets GraphiQL: as GRAPHIQL says, else everywhere but in production."""
        return self._shows(self.server.graphiql)

    @property
    def shows_board(self) -> bool:
        """Whether there is the board: as BOARD says, else everywhere but in production."""
        return self._shows(self.server.board)

    def _shows(self, asked: bool | None) -> bool:
        return not self.security.general.production if asked is None else asked


@cache
def program_version() -> str:
    """Return the version of this program, as it was installed."""
    try:
        return version("opportunity-graph")
    except PackageNotFoundError:  # a checkout whose packages were installed by hand
        return "unknown"


def variables() -> dict[str, str]:
    """Return the environment, on top of what `.env` in the working directory says; raises `BadSettings`."""
    try:
        text = read_text(".env") if Path(".env").exists() else ""
    except ValueError as error:
        raise BadSettings([f".env: the file {error}"]) from None
    if faults := [f".env: line {b.original.line} is not NAME=value" for b in parse_stream(StringIO(text)) if b.error]:
        raise BadSettings(faults)
    file = dotenv_values(stream=StringIO(text), interpolate=False)
    return {name: text for name, text in {**file, **environ}.items() if text is not None}


def _for_demo(source: Source, variables: Mapping[str, str]) -> dict[str, str]:
    """Return what the settings of a source say of a simulated one, too: where people see its records."""
    name = f"{source.name}_RECORD_URL".upper()
    return {name: variables[name]} if name in variables else {}


def _read(struct: type[SettingsT], variables: Mapping[str, str], problems: list[str]) -> SettingsT:
    """Return the struct, with the defaults of what is malformed, which `problems` then tell of."""
    found, faults = read_with_problems(struct, variables)
    problems += faults
    return found
