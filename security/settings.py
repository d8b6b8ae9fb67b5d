"""What an operator sets of security: who may call, and how much. `docs/security.md` explains each setting."""

from collections.abc import Container, Iterable
from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from engine.cost import QueryLimits
from resolvers.settings import Count, Seconds, Secret, Settings, check_url, read_text
from schema.access import SCOPES
from web.auth.api_keys import ApiKeys, read_keys
from web.auth.cors import LoopbackOrigins, check_origin
from web.persisted_documents import Mode, read_manifest

_DEFAULT = QueryLimits()

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""What may be configured for signatures of tokens. None lets somebody who knows a public key sign with it."""


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
    max_input_objects: Count = _DEFAULT.max_input_objects
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
                listed_keys(secret)
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


def listed_keys(secret: Secret | None) -> ApiKeys | None:
    """Return the keys that a setting lists, None where it is not set; raises `ValueError`."""
    return read_keys(secret.reveal(), SCOPES) if secret else None
