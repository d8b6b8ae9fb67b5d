"""What is printed at the start, and by `--check-config`."""

import socket
import textwrap

from configuration import AllSettings
from resolvers.registry import SOURCES
from startup.demo import samples
from web.board.page import PATH as BOARD


def summary(settings: AllSettings) -> str:
    """Return that the settings are valid, and which sources they have."""
    if settings.demo:
        return "Settings are valid. Sources: simulated."
    states = (f"{s.title} {'yes' if settings.sources[s.name].is_configured else 'not configured'}" for s in SOURCES)
    return f"Settings are valid. Sources: {', '.join(states)}."


def greeting(settings: AllSettings, listener: socket.socket, path: str) -> str:
    """Return what is printed at the start. Its last line is the address, with `path`, which is what people look for."""
    host, port = listener.getsockname()[:2]
    if settings.demo:
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 # every address: no browser opens that
    origin = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    url = f"{origin}{path}"
    if not settings.demo:
        return f"{summary(settings)}\nServing {url}"
    board = f"{origin}{BOARD}" if settings.shows_board else ""
    what = f"The pipeline: {board} and the graph behind it," if board else "The opportunity graph,"
    tabs = samples()
    names = textwrap.fill(", ".join(sample.name for sample in tabs), 100, initial_indent="  ", subsequent_indent="  ")
    return (
        f"{what} over simulated sources with invented people: {url}\n\n"
        f"{len(tabs)} queries are open in GraphiQL's tabs, the ten questions of docs/questions.md first:\n\n{names}\n\n"
        f"The first one:\n\n{tabs[0].query}\n"
        "From a shell:\n\n"
        f"  curl {url} -H 'Content-Type: application/json' \\\n"
        '    -d \'{"query": "{ nexudusOpportunity(sourceId: \\"1427000501\\") { status stageName } }"}\'\n\n'
        "Next: ask for an id that does not exist, or for one that cannot be one. Let a source fail:\n\n"
        "  .venv/bin/python server.py --demo --fault nexudus=500\n\n"
        "or while it runs, at the addresses in the log below, which also has that of the sources' records. Ctrl-C ends "
        "it.\n\n" + "\n".join([f"Open {'these' if board else 'this'} in a browser:", *filter(None, [board, url])])
    )
