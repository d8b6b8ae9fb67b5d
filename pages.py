"""The pages of the server beside the graph: which there are, and where."""

from time import time
from typing import TYPE_CHECKING, Any

from starlette.responses import RedirectResponse
from starlette.routing import Route

from configuration import AllSettings
from operations import Operations
from resolvers.registry import SOURCES
from schema.access import READ_OPPORTUNITIES
from schema.deals.export_request import PARAMETERS as EXPORT_PARAMETERS
from security.checks import Security
from web.board.page import Board
from web.download import Download
from web.file_formats import CSV, NDJSON
from web.schema_text import SchemaText

if TYPE_CHECKING:
    from metrics.service import Metrics

PATH = "/graphql"
"""Where the graph is."""

EXPORT = "/export/opportunities"
"""Where lists are as files; their formats are its endings."""

FORMATS = (CSV, NDJSON)
"""Of lists as files."""

SCHEMA = "/schema.graphql"
"""Where the schema is as a file, for whoever may introspect it."""

METRICS = "/metrics"
"""Where Prometheus reads, if it may."""


def pages(settings: AllSettings, operations: Operations, security: Security) -> list[Route]:
    """Return those that answer by the graph: the home page, the schema as a file, the board, lists as files."""
    policy = security.policy
    found = [
        Route("/", lambda _: RedirectResponse(PATH)),
        Route(SCHEMA, SchemaText(operations.answer, policy)),
        *(Board().routes() if settings.shows_board else ()),
    ]
    if settings.security.general.allows_exports:
        for format_ in FORMATS:
            download = Download(
                operations.table,
                format_,
                parameters=EXPORT_PARAMETERS,
                security=policy,
                limits=security.download_limits,
            )
            found.append(Route(f"{EXPORT}.{format_.ending}", download))
    return found


def hints(settings: AllSettings) -> dict[str, str]:
    """Return what to say where a page is not found, by the beginning of its path."""
    if not settings.security.general.allows_exports:
        return {}
    files = " or ".join(f"{EXPORT}.{format_.ending}" for format_ in FORMATS)
    return {EXPORT: f"There is no such file; a list of deals is {files}."}


def pages_of_metrics(metrics: "Metrics", settings: AllSettings, security: Security) -> list[Route]:
    """Return the pages that show the numbers: for Prometheus, and for people."""
    from metrics.overview import overview  # a server that nobody measures does not load it
    from metrics.page import MetricsPage
    from web.status.page import StatusPage

    async def data() -> dict[str, Any]:
        return overview(await metrics.collect(), {source.name: source.title for source in SOURCES}, now=time())

    found = [Route(METRICS, MetricsPage(metrics, security.policy))] if settings.server.metrics else []
    if settings.shows_status:
        found += StatusPage(data, security.policy, scope=READ_OPPORTUNITIES).routes()
    return found
