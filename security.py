"""The security settings, and what they make: who may call, how much, and what callers may see.

`docs/security.md` explains each setting. How each check works is in `web/` and `schema/`; here they get their values.
"""

from collections.abc import AsyncIterator, Callable, Container, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import monotonic, time
from typing import Annotated, ClassVar, Literal
from urllib.parse import urlsplit

import aiohttp
from msgspec import Meta
from starlette.middleware import Middleware

from engine.cost import QueryLimits
from httpclient.client import open_session
from httpclient.failure_reason import failure_reason
from resolvers.settings import Count, Seconds, Secret, Settings, check_url, read_text, variables
from schema.access import SCOPES, Access
from web.auth.api_keys import ApiKeys, read_keys
from web.auth.callers import API_KEY, Caller, Callers
from web.auth.cors import Cors, LoopbackOrigins, check_origin
from web.auth.csrf import comes_from_here, is_loopback
from web.download import DownloadLimits
from web.persisted_documents import Mode, PersistedDocuments, read_manifest
from web.policy import ConcurrencyLimit, RequestPolicy
from web.refusals import Refusals
from web.streams import Streams

SAY_WHO = (
    "say who may call: set JWT_ISSUER, JWT_AUDIENCE and JWT_JWKS_URL for frontends, API_KEYS for machines, "
    "GATEWAY_KEYS for gateways, or AUTHENTICATION=proxy where a proxy in front of this server checks every caller"
)

ALLOW_IT = "where that is meant, set ALLOW_INSECURE_SOURCES=true"

_DEFAULT = QueryLimits()

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""What may be configured for signatures of tokens. None lets somebody who knows a public key sign with it."""

KEY_SET_SECONDS = 5.0
MAX_KEY_SET_BYTES = 256_000


class JwtSettings(Settings, frozen=True, kw_only=True):
    """Tokens of frontends."""

    prefix: ClassVar[str] = "jwt_"

    issuer: str | None = None
    audience: str | None = None
    jwks_url: str | None = None
    algorithms: str = "RS256 ES256"
    leeway_seconds: Annotated[float, Meta(ge=0, le=300)] = 30.0
    keys_max_stale_seconds: Annotated[float, Meta(gt=0, le=2_592_000)] = 86_400.0

    def problems(self) -> Iterable[str]:
        """Yield what is missing or malformed."""
        given = {"JWT_ISSUER": self.issuer, "JWT_AUDIENCE": self.audience, "JWT_JWKS_URL": self.jwks_url}
        if any(given.values()):
            yield from (f"{name}: must be set too, since another JWT_ setting is" for name in given if not given[name])
        if not self.algorithms.split() or not set(self.algorithms.split()) <= set(ALGORITHMS):
            yield f"JWT_ALGORITHMS: must be some of {' '.join(ALGORITHMS)}, separated by spaces"
        if self.jwks_url and (fault := check_url(self.jwks_url)):
            yield f"JWT_JWKS_URL: {fault}"


class LimitSettings(Settings, frozen=True, kw_only=True):
    """How much one operation may ask for; `engine/cost.py` says what is counted."""

    prefix: ClassVar[str] = "query_"

    max_characters: Count = _DEFAULT.max_characters
    max_tokens: Count = _DEFAULT.max_tokens
    max_operations: Count = _DEFAULT.max_operations
    max_depth: Annotated[int, Meta(ge=1, le=100)] = _DEFAULT.max_depth
    max_fields: Count = _DEFAULT.max_fields
    max_aliases: Count = _DEFAULT.max_aliases
    max_root_fields: Count = _DEFAULT.max_root_fields
    max_directives: Count = _DEFAULT.max_directives
    max_records: Count = _DEFAULT.max_records
    max_answer_fields: Annotated[int, Meta(ge=1, le=10_000_000)] = _DEFAULT.max_answer_fields
    max_answer_bytes: Annotated[int, Meta(ge=1_000, le=1_000_000_000)] = _DEFAULT.max_answer_bytes


class SecuritySettings(Settings, frozen=True, kw_only=True):
    """Who may call, and what the outside learns."""

    production: bool = False
    authentication: Literal["credentials", "proxy"] = "credentials"
    allow_insecure_sources: bool = False
    allow_remote_demo: bool = False
    api_keys: Secret | None = None
    gateway_keys: Secret | None = None
    custom_attributes_are_personal: bool = True
    cors_origins: str = ""
    persisted_queries: Mode = "automatic"
    persisted_manifest: str | None = None
    max_request_bytes: Annotated[int, Meta(ge=1_000, le=10_000_000)] = 256_000
    request_body_timeout_seconds: Seconds = 10.0
    max_concurrent_requests: Count = 500
    max_concurrent_subscriptions: Count = 500
    max_subscriptions_per_caller: Count = 20
    exports: bool | None = None
    max_concurrent_exports: Count = 2
    export_timeout_seconds: Annotated[float, Meta(gt=0, le=86_400)] = 300.0

    @property
    def allows_exports(self) -> bool:
        """Whether lists may be exported: as EXPORTS says, else unless callers are bound to listed documents."""
        return self.persisted_queries != "listed-only" if self.exports is None else self.exports

    def origins(self, *, demo: bool) -> Container[str]:
        """Return the sites whose pages may read answers; those of this machine, in a demo that lists none."""
        return self.cors_origins.split() or (LoopbackOrigins() if demo else ())

    def problems(self) -> Iterable[str]:
        """Yield what is malformed, without repeating a value."""
        for name, secret in (("API_KEYS", self.api_keys), ("GATEWAY_KEYS", self.gateway_keys)):
            try:
                _keys(secret)
            except ValueError as error:
                yield f"{name}: {error}"
        if fault := next((fault for origin in self.cors_origins.split() if (fault := check_origin(origin))), None):
            yield f"CORS_ORIGINS: {fault}"
        try:
            self.manifest()
        except ValueError as error:
            yield f"PERSISTED_MANIFEST: {error}"
        if self.persisted_queries == "listed-only" and not self.persisted_manifest:
            yield "PERSISTED_MANIFEST: must be set too: listed-only executes nothing but what it lists"

    def manifest(self) -> dict[str, str]:
        """Return the listed documents by name; raises `ValueError`."""
        if self.persisted_manifest is None:
            return {}
        try:
            text = read_text(self.persisted_manifest)
        except ValueError as error:
            raise ValueError(f"the file {error}") from None
        return read_manifest(text)


SECURITY: tuple[type[Settings], ...] = (SecuritySettings, JwtSettings, LimitSettings)


@dataclass(frozen=True)
class SecurityParts:
    """All security settings together, in the order of `SECURITY`."""

    general: SecuritySettings
    jwt: JwtSettings
    limits: LimitSettings

    @property
    def all(self) -> tuple[Settings, ...]:
        """Each of them."""
        return self.general, self.jwt, self.limits

    @property
    def knows_callers(self) -> bool:
        """Whether there are credentials that a caller can show, which may allow it less than everything."""
        return bool(self.general.api_keys or self.general.gateway_keys or self.jwt.issuer)

    @property
    def requires_credentials(self) -> bool:
        """Whether a caller has to show a credential."""
        return self.knows_callers and not self._behind_proxy

    @property
    def page_credentials(self) -> tuple[str, ...]:
        """The headers of the credentials that a page may ask its user for: not the key of a gateway."""
        return (*([API_KEY] if self.general.api_keys else []), *(["Authorization"] if self.jwt.issuer else []))

    @property
    def kind(self) -> str:
        """How callers are known, in a word or a few."""
        given = {
            "API keys": self.general.api_keys,
            "gateway keys": self.general.gateway_keys,
            "tokens": self.jwt.issuer,
        }
        return " and ".join([*(["proxy"] if self._behind_proxy else []), *(k for k, v in given.items() if v)]) or "none"

    @property
    def _behind_proxy(self) -> bool:
        return self.general.authentication == "proxy"

    def validation_errors(self, host: str, *, demo: bool) -> Iterable[str]:
        """Yield why a server with these settings must not listen at `host`."""
        if demo:
            if not (is_loopback(host) or self.general.allow_remote_demo):
                yield "HOST: --demo listens on this machine only; leave it out, or set it to 127.0.0.1"
        elif not (self.requires_credentials or self._behind_proxy):
            if not is_loopback(host):
                yield f"HOST: other machines can reach this address, so {SAY_WHO}"
            elif self.general.production:
                yield f"PRODUCTION: {SAY_WHO}"
        if self._behind_proxy and (self.general.api_keys or self.jwt.issuer):
            yield "AUTHENTICATION: with proxy, only GATEWAY_KEYS may be set; API_KEYS and JWT_ would lock nobody out"

    def insecure_urls(self, all_settings: Iterable[Settings]) -> Iterable[str]:
        """Yield the URLs over which credentials, or the keys that tokens are verified with, would travel in the clear.

        Every setting whose name ends in `URL` is one of these. Those that are only shown are held to it too: people
        are signed in where a record's address leads them.
        """
        if self.general.allow_insecure_sources:
            return
        for settings in all_settings:
            for name, field in variables(type(settings)).items():
                if name.endswith("URL") and travels_in_clear(getattr(settings, field.name) or ""):
                    yield f"{name}: must be https, or everybody on the way can read and change what is sent; {ALLOW_IT}"

    def access(self, caller: Caller) -> Access:
        """Return what a caller may see."""
        return Access.of(caller.scopes, is_gateway=caller.kind == "gateway", is_production=self.general.production)

    def query_limits(self) -> QueryLimits:
        """Return the limits of an operation."""
        return QueryLimits(**{name: getattr(self.limits, name) for name in self.limits.__struct_fields__})

    def middleware(self, refusals: Refusals, *, demo: bool) -> list[Middleware]:
        """Return what surrounds every page, the outermost first; `refusals` counts what they refuse."""
        return [Middleware(Cors, self.general.origins(demo=demo), refusals)]


def travels_in_clear(url: str) -> bool:
    """Return whether what is sent to a URL can be read on the way."""
    parts = urlsplit(url)
    return parts.scheme == "http" and not is_loopback(parts.hostname or "")


class Security:
    """What checks requests while the server runs, with the connection to the token issuer."""

    def __init__(
        self,
        parts: SecurityParts,
        *,
        demo: bool = False,
        clock: Callable[[], float] = monotonic,
        wall_clock: Callable[[], float] = time,
    ) -> None:
        """`clock` says how old keys are, `wall_clock` the time that is meant in a token; both in seconds."""
        self._session: aiohttp.ClientSession | None = None
        settings, jwt = parts.general, parts.jwt
        self._general, self._jwt = settings, jwt
        self._api_keys, self._gateway_keys = _keys(settings.api_keys), _keys(settings.gateway_keys)
        tokens = None
        if jwt.issuer and jwt.audience and jwt.jwks_url:
            # Loaded only for servers that take tokens: the cryptography behind them takes a twentieth of the start.
            from web.auth.jwks import JWKSet
            from web.auth.jwt import JWTVerifier

            algorithms = jwt.algorithms.split()
            tokens = JWTVerifier(
                JWKSet(
                    jwt.jwks_url,
                    self._fetch,
                    algorithms=algorithms,
                    max_stale_seconds=jwt.keys_max_stale_seconds,
                    clock=clock,
                ),
                issuer=jwt.issuer,
                audience=jwt.audience,
                algorithms=algorithms,
                leeway_seconds=jwt.leeway_seconds,
                scopes=SCOPES,
                clock=wall_clock,
            )
        anybody = Caller("nobody", frozenset(SCOPES), has_ambient_authority=True)
        is_local = not (
            parts.requires_credentials or settings.authentication == "proxy" or (demo and settings.allow_remote_demo)
        )
        callers = Callers(
            nobody=None if parts.requires_credentials else anybody,
            tokens=tokens,
            api_keys=self._api_keys,
            gateway_keys=self._gateway_keys,
            may_be_nobody=comes_from_here if is_local else lambda _: True,
        )
        self.security = RequestPolicy(
            max_body_bytes=settings.max_request_bytes,
            body_timeout_seconds=settings.request_body_timeout_seconds,
            identify=callers.identify,
            settle=callers.settle,
            concurrency_limit=ConcurrencyLimit(settings.max_concurrent_requests),
            uploads=ConcurrencyLimit(settings.max_concurrent_requests),
            streams=Streams(settings.max_concurrent_subscriptions, settings.max_subscriptions_per_caller),
            credential=callers.credential,
            documents=PersistedDocuments(settings.persisted_queries, settings.manifest()),
            origins=settings.origins(demo=demo),
            preflight_header_required=settings.authentication == "proxy",
        )
        self.download_limits = DownloadLimits(
            ConcurrencyLimit(settings.max_concurrent_exports), settings.export_timeout_seconds
        )

    def begin_anew(self) -> None:
        """Let in the callers whose keys are listed now, and no others: a list was replaced."""
        for keys, secret in (
            (self._api_keys, self._general.api_keys),
            (self._gateway_keys, self._general.gateway_keys),
        ):
            if keys is not None and (listed := _keys(secret)) is not None:
                keys.replace(listed)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Hold a session for the token issuer's keys, apart from the one that carries the sources' credentials."""
        async with open_session() as self._session:
            yield

    async def check_issuer(self) -> tuple[str, bool] | None:
        """Return what comes from the token issuer's address, and whether it is of use; None where none is set."""
        jwt = self._jwt
        if not jwt.jwks_url:
            return None
        from web.auth.jwk import read_jwks  # as above

        try:
            count = len(read_jwks(await self._fetch(jwt.jwks_url), jwt.algorithms.split()))
        except (ValueError, RecursionError):
            return "JWT_JWKS_URL: something else came than a key set", False
        except (OSError, aiohttp.ClientError) as error:
            reason = f" ({error})" if type(error) is ConnectionError else ""
            return f"JWT_JWKS_URL: cannot be reached, or does not answer{reason}", False
        found = f"JWT_JWKS_URL: {count} keys that can be used with JWT_ALGORITHMS"
        return found, count > 0

    async def _fetch(self, url: str) -> bytes:
        if self._session is None:
            raise RuntimeError("the session for the token issuer is not open")
        timeout = aiohttp.ClientTimeout(total=KEY_SET_SECONDS)
        try:
            async with self._session.get(url, allow_redirects=False, timeout=timeout) as response:
                if response.status != 200:
                    raise ValueError("the status is not 200")
                body = await response.content.read(MAX_KEY_SET_BYTES)
                while chunk := await response.content.read(MAX_KEY_SET_BYTES):
                    body += chunk
                    if len(body) > MAX_KEY_SET_BYTES:
                        raise ValueError("too large")
                return body
        except aiohttp.ClientConnectionError as error:
            raise ConnectionError(failure_reason(error)) from None


def _keys(secret: Secret | None) -> ApiKeys | None:
    return read_keys(secret.reveal(), SCOPES) if secret else None
