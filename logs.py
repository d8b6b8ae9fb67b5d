"""How lines of the log are written: text for people, JSON for programs. Both have the id of the request."""

import json
import logging
from datetime import UTC, datetime
from typing import Literal

from asgi_correlation_id import CorrelationIdFilter

Format = Literal["text", "json"]

TEXT = "%(asctime)s %(levelname)s %(name)s [%(correlation_id)s] %(message)s"


class JsonFormatter(logging.Formatter):
    """One JSON object a line: `time` (RFC 3339, UTC), `level`, `logger`, `request_id`, `message`, `traceback`.

    `request_id` is null outside of requests; `traceback` is there only for faults.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without its end."""
        id_ = getattr(record, "correlation_id", None)
        found = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "request_id": None if id_ == "-" else id_,
            "message": record.getMessage(),
        }
        if record.exc_info:
            found["traceback"] = self.formatException(record.exc_info)
        return json.dumps(found)


def open_handler(format_: Format) -> logging.Handler:
    """Return the handler that writes to standard error."""
    handler = logging.StreamHandler()
    handler.addFilter(CorrelationIdFilter(default_value="-"))
    handler.setFormatter(JsonFormatter() if format_ == "json" else logging.Formatter(TEXT))
    return handler
