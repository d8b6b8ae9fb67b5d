"""How lines of the log are written: text for people, JSON for programs. Both have the ids of the requests.

A line that a request caused has its id. Work for several requests at once, such as a batch of records, has the ids of
all who wait for it, up to a number.
"""

import json
import logging
from datetime import UTC, datetime
from typing import Final, Literal

from asgi_correlation_id import correlation_id

from resolvers.fetching.shared_fetch import served_request_ids

Format = Literal["text", "json"]

TEXT = "%(asctime)s %(levelname)s %(name)s [%(shown_ids)s] %(message)s"
TEXT_OF_SEVERAL = TEXT.replace(" ", " %(process)d ", 1)
"""With the id of the process, where several write."""

MAX_IDS: Final = 10
"""So many ids are in a line; then how many more there are."""


class RequestIds(logging.Filter):
    """Adds to a record the ids of the requests that caused it: `request_ids`, and `shown_ids` for people."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record through."""
        id_ = correlation_id.get()
        ids = [id_] if id_ else served_request_ids()
        shown = ids[:MAX_IDS]
        if len(ids) > MAX_IDS:
            shown.append(f"+{len(ids) - MAX_IDS}")
        record.request_ids = shown
        record.shown_ids = " ".join(shown) or "-"
        return True


class JsonFormatter(logging.Formatter):
    """One JSON object a line: `time` (RFC 3339, UTC), `level`, `logger`, `request_id`, `message`, `traceback`.

    `request_id` is null outside of requests. Where several caused the line it is the first, and `request_ids` has them.
    With `shows_process`, `process` is the id of the process.
    `traceback` is there only for faults. A line about a request (`ACCESS_LOG`) has its parts as members, too.
    """

    def __init__(self, *, shows_process: bool = False) -> None:
        super().__init__()
        self._shows_process = shows_process

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without its end."""
        ids: list[str] = getattr(record, "request_ids", [])
        found: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "request_id": ids[0] if ids else None,
            "message": record.getMessage(),
        }
        if self._shows_process:
            found["process"] = record.process
        if len(ids) > 1:
            found["request_ids"] = ids
        found |= getattr(record, "fields", {})
        if record.exc_info:
            found["traceback"] = self.formatException(record.exc_info)
        return json.dumps(found)


def open_handler(format_: Format, *, shows_process: bool = False) -> logging.Handler:
    """Return the handler that writes to standard error; `shows_process`: several processes write there."""
    handler = logging.StreamHandler()
    handler.addFilter(RequestIds())
    if format_ == "json":
        handler.setFormatter(JsonFormatter(shows_process=shows_process))
    else:
        handler.setFormatter(logging.Formatter(TEXT_OF_SEVERAL if shows_process else TEXT))
    return handler
