"""Why graphql-core executed an operation in place of the compiled one: counted, and logged once per document."""

import logging
from collections import Counter
from collections.abc import Mapping
from enum import StrEnum
from hashlib import sha256

logger = logging.getLogger("opportunity_graph.graphql")


class Reason(StrEnum):
    """Why graphql-core executes an operation."""

    FIRST_REQUEST = "first_request"
    """Documents are compiled when they are requested again. Counted, and not logged."""
    OPERATION = "operation"
    """No query, or one that is not in the document, or whose fragments have variables of their own."""
    CONDITIONS = "conditions"
    """More variables in `@skip` and `@include`, or more combinations of their values, than are compiled."""
    ROOT_FIELD = "root_field"
    """A root field that neither fetches records by id nor lists them, such as introspection."""
    ARGUMENT = "argument"
    """A root field's argument that is refused, or that no lookup has, or that names ids by variables in a list."""
    SELECTION = "selection"
    """A field that is closed to this caller, has arguments, or has a resolver of its own."""
    SIZE = "size"
    """More fields, or more memory, than is compiled of one document."""
    VARIABLES = "variables"
    """Variables that are not of their types."""
    ACCESS = "access"
    """A caller that may not fetch records at all."""
    NULL = "null"
    """A record with a null where none may be."""
    VALUE = "value"
    """A record with a value that its scalar refuses."""
    UNJOINED = "unjoined"
    """A record of which a selected part has not been fetched yet, since it takes another request."""
    FAULT = "fault"
    """An unexpected exception: a fault of this server."""


class NotCompiled(Exception):
    """graphql-core executes the operation."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason


class Fallbacks:
    """How many operations were executed by graphql-core, by reason."""

    def __init__(self) -> None:
        self._counts: Counter[Reason] = Counter()

    @property
    def counts(self) -> Mapping[Reason, int]:
        """The numbers since the start."""
        return self._counts

    def of(self, text: str) -> "DocumentFallbacks":
        """Return the counter of one document."""
        return DocumentFallbacks(self._counts, text)


class DocumentFallbacks:
    """The fallbacks of one document. The log has the start of its SHA-256, since its text may hold personal data."""

    __slots__ = ("_counts", "_logged", "_text")

    def __init__(self, counts: Counter[Reason], text: str) -> None:
        self._counts = counts
        self._text = text
        self._logged: set[Reason] = set()

    def add(self, reason: Reason, error: Exception | None = None) -> None:
        """Count an operation; a fault is logged with the traceback of its exception, without the exception's text."""
        self._counts[reason] += 1
        if reason in self._logged or reason is Reason.FIRST_REQUEST:
            return
        self._logged.add(reason)
        document = sha256(self._text.encode(errors="replace")).hexdigest()[:16]
        if error is None:
            logger.info("graphql-core executes document %s: %s", document, reason.value)
            return
        masked = Exception(type(error).__name__).with_traceback(error.__traceback__)
        logger.error("A compiled operation failed; graphql-core executes document %s", document, exc_info=masked)
