"""The protocol of this server's connections: uvicorn's, with bounds, and with a shorter way where httptools is."""

import asyncio
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from web.connections import MAX_HEAD_BYTES, Bounded

if TYPE_CHECKING:
    from web.fast_lane import Respond


def protocol(
    *, head_timeout_seconds: float, max_body_bytes: int, path: str, respond: "Respond"
) -> type[asyncio.Protocol]:
    """Return the protocol for uvicorn's `http`: over httptools where there is one, else over h11.

    `path` is where `respond` answers, for the shorter way.
    """
    members: dict[str, Any] = {"head_timeout_seconds": head_timeout_seconds}
    if find_spec("httptools") is None:
        from uvicorn.protocols.http.h11_impl import H11Protocol  # h11 takes a while to load

        return type("H11", (Bounded, H11Protocol), members)
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

    from web.fast_lane import Direct, FastLane

    class HttpTools(HttpToolsProtocol):
        """Counts a message's bytes, which h11 does by itself."""

        _message_bytes = 0
        _is_within_a_message = False
        _messages = 0  # in the piece that is being read
        _is_upgrade_offered = False
        # Sent in chunks of one byte each, a body takes six times its length.
        _most_bytes = MAX_HEAD_BYTES + 6 * max_body_bytes

        def on_message_begin(self) -> None:
            self._message_bytes = 0
            self._messages += 1
            self._is_within_a_message = True
            super().on_message_begin()

        def on_message_complete(self) -> None:
            self._is_within_a_message = False
            super().on_message_complete()

        def _unsupported_upgrade_warning(self) -> None:
            """End the connection with this response (RFC 9110, 7.8 allows to ignore the offer).

            httptools takes no body for a request that offers an upgrade: what follows the head would be read as the
            next request, and a body could name any path and carry any header that a proxy adds.
            """
            self._is_upgrade_offered = True
            self.cycle.keep_alive = False
            self.flow.pause_reading()

        def data_received(self, data: bytes) -> None:
            if self._is_upgrade_offered:
                return
            self._messages = int(self._is_within_a_message)
            super().data_received(data)
            if self._messages <= 1:  # else most of it may be of others
                self._message_bytes += len(data)
            is_head = self.scope is None or "method" not in self.scope
            if self._message_bytes > (MAX_HEAD_BYTES if is_head else self._most_bytes):
                self._refuse()  # type: ignore[attr-defined] # of `Bounded`, which comes before it

    return type("HttpTools", (Direct, HttpTools), members | {"lane": FastLane(path, respond)})
