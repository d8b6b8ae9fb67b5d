"""What a request would like its response to be: its form (RFC 9110, 12.1), and whether caches may serve it."""

from dataclasses import dataclass

from httpserver.request import Headers
from httpserver.response import JSON
from web.event_stream import only_event
from web.header_values import cache_directives
from web.media_types import EVENT_STREAM, response_type, takes_events


@dataclass(frozen=True, slots=True)
class Preferences:
    """What a request says of its response: its media type, whether it shall come from no cache (RFC 9111,
    5.2.1.4), whether it may be stored (5.2.1.5), and whether it may be a stream of events."""

    media_type: str
    wants_fresh: bool
    may_store: bool
    takes_events: bool

    @property
    def refusal_type(self) -> str:
        """The media type of a refusal by status, which no stream has begun before."""
        return JSON if self.media_type == EVENT_STREAM else self.media_type

    def body(self, content: bytes) -> bytes:
        """Return a response's JSON in the form of its media type."""
        return only_event(content) if self.media_type == EVENT_STREAM else content


def read_preferences(headers: Headers) -> Preferences:
    """Return what headers say of the response; raises `HTTPError` where it can have no form that they accept."""
    directives = cache_directives(headers)
    is_stored = "no-store" not in directives
    return Preferences(response_type(headers), "no-cache" in directives, is_stored, takes_events(headers))
