"""The GraphQL response (GraphQL specification, 7.1)."""

from dataclasses import dataclass
from typing import Any


@dataclass(slots=True)  # not frozen, which would make each one three times as slow to make
class Answer:
    """A GraphQL response. `is_request_error`: nothing was executed, so the response has no `data`."""

    data: dict[str, Any] | None = None
    errors: list[dict[str, Any]] | None = None
    extensions: dict[str, Any] | None = None
    is_request_error: bool = False

    @property
    def code(self) -> str | None:
        """The code of the first error, if there is one."""
        return self.errors[0]["extensions"]["code"] if self.errors else None

    def body(self) -> dict[str, Any]:
        """Return the response as a JSON object."""
        found: dict[str, Any] = {} if self.is_request_error else {"data": self.data}
        if self.errors:
            found["errors"] = self.errors
        if self.extensions:
            found["extensions"] = self.extensions
        return found
