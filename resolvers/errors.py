"""Everything that can go wrong while a record is fetched, as one tree of exceptions.

Each class carries what a program needs in order to act on it: a code, whether trying again can help, and, where the
source says so, after how many seconds. graphql-core copies the attribute `extensions` of an exception into the
GraphQL error, so nothing here needs to know GraphQL. Messages are fixed sentences: no body, address, header, id or
exception text of an upstream ever becomes part of one. `docs/errors.md` has a heading for each code.
"""

from typing import ClassVar


class ResolverError(Exception):
    """Base of all errors that a caller is meant to see."""

    code: ClassVar[str]
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, source: str | None = None, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.source_name = source  # not `source`: graphql-core would take that for the document
        self.retry_after_seconds = retry_after_seconds

    @property
    def extensions(self) -> dict[str, object]:
        """What the GraphQL error's `extensions` say: code, source, retryable and, where known, retryAfterSeconds."""
        found: dict[str, object] = {"code": self.code, "retryable": self.retryable}
        if self.source_name is not None:
            found["source"] = self.source_name
        if self.retry_after_seconds is not None:
            found["retryAfterSeconds"] = self.retry_after_seconds
        return found


class BadUserInput(ResolverError):
    """The caller's argument cannot name a record; nothing was asked upstream."""

    code = "BAD_USER_INPUT"


class SourceNotConfigured(ResolverError):
    """The record lives in a source that this server has no credentials for."""

    code = "SOURCE_NOT_CONFIGURED"

    def __init__(self, source: str) -> None:
        super().__init__("This source is not configured on this server.", source=source)


class UpstreamError(ResolverError):
    """The source could not give the record. Each subclass says why."""

    default_message: ClassVar[str]

    def __init__(
        self, source: str, *, detail: str = "", status: int | None = None, retry_after_seconds: float | None = None
    ) -> None:
        """`detail` and the HTTP `status` are for the program and its log: they never become part of the message."""
        super().__init__(self.default_message, source=source, retry_after_seconds=retry_after_seconds)
        self.detail = detail
        self.status = status
        self.is_reported = False
        """Whether telemetry has got it."""


class UpstreamUnauthorized(UpstreamError):
    """The source refuses the credentials, or (Nexudus, which answers 401 to both) they lack the role."""

    code = "UPSTREAM_UNAUTHORIZED"
    default_message = "The source refused the credentials of this server."


class UpstreamForbidden(UpstreamError):
    """The credentials are valid but may not read this (ChartMogul: no CRM seat, trial expired)."""

    code = "UPSTREAM_FORBIDDEN"
    default_message = "The source does not let this server read opportunities."


class UpstreamRateLimited(UpstreamError):
    """The source's ration of requests is used up."""

    code = "UPSTREAM_RATE_LIMITED"
    retryable = True
    default_message = "The source's ration of requests is used up for now."


class UpstreamTimeout(UpstreamError):
    """No complete answer within the attempt's time or the operation's deadline."""

    code = "UPSTREAM_TIMEOUT"
    retryable = True
    default_message = "The source did not answer in time."


class UpstreamUnavailable(UpstreamError):
    """The source cannot be reached, or reports a fault of its own."""

    code = "UPSTREAM_UNAVAILABLE"
    retryable = True
    default_message = "The source is not available right now."


class KeptConnectionClosed(UpstreamUnavailable):
    """A kept connection turned out to be closed. That says nothing of the source, and is sent again at once."""


class UpstreamBadResponse(UpstreamError):
    """The source answered, but not with what was asked for."""

    code = "UPSTREAM_BAD_RESPONSE"
    default_message = "The source sent an answer that cannot be used."


class AnotherRecord(UpstreamBadResponse):
    """The source answered with another record than the one asked for: a reply, perhaps, to another request.

    Its connection is closed, for all further replies there may be to others than those who wait for them.
    """
