"""What the security settings make: the checks that every request goes through.

How each check works is in `web/` and `schema/`; here they get their values.
"""

from collections.abc import Callable
from time import monotonic, time

from schema.access import SCOPES
from security.issuer import TokenIssuer
from security.parts import SecurityParts
from security.settings import listed_keys
from web.auth.callers import Caller, Callers
from web.auth.csrf import comes_from_here
from web.download import DownloadLimits
from web.persisted_documents import PersistedDocuments
from web.policy import ConcurrencyLimit, RequestPolicy
from web.streams import Streams


class Security:
    """What checks requests while the server runs; `issuer` has to be open meanwhile."""

    def __init__(
        self,
        parts: SecurityParts,
        *,
        demo: bool = False,
        clock: Callable[[], float] = monotonic,
        wall_clock: Callable[[], float] = time,
    ) -> None:
        """`clock` says how old keys are, `wall_clock` the time that is meant in a token; both in seconds."""
        self.issuer = TokenIssuer(parts.jwt)
        self._general = settings = parts.general
        self._api_keys, self._gateway_keys = listed_keys(settings.api_keys), listed_keys(settings.gateway_keys)
        anybody = Caller("nobody", frozenset(SCOPES), has_ambient_authority=True)
        is_local = not (
            parts.requires_credentials or settings.authentication == "proxy" or (demo and settings.allow_remote_demo)
        )
        callers = Callers(
            nobody=None if parts.requires_credentials else anybody,
            tokens=self.issuer.verifier(clock=clock, wall_clock=wall_clock),
            api_keys=self._api_keys,
            gateway_keys=self._gateway_keys,
            may_be_nobody=comes_from_here if is_local else lambda _: True,
        )
        self.policy = RequestPolicy(
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
            if keys is not None and (listed := listed_keys(secret)) is not None:
                keys.replace(listed)
