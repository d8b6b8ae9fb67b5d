"""What the security settings say together: how callers are known, what they may see, and where a server may listen."""

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.middleware import Middleware

from engine.cost import QueryLimits
from resolvers.settings import Settings, variables
from schema.access import Access
from security.settings import JwtSettings, LimitSettings, SecuritySettings
from web.auth.callers import API_KEY, Caller
from web.auth.cors import Cors
from web.auth.csrf import is_loopback
from web.refusals import Refusals

SAY_WHO = (
    "say who may call: set JWT_ISSUER, JWT_AUDIENCE and JWT_JWKS_URL for frontends, API_KEYS for machines, "
    "GATEWAY_KEYS for gateways, or AUTHENTICATION=proxy where a proxy in front of this server checks every caller"
)

ALLOW_IT = "where that is meant, set ALLOW_INSECURE_SOURCES=true"


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
    """Return whether what is sent to a URL can be read on the way; to what is none, nothing is sent."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme == "http" and not is_loopback(parts.hostname or "")
