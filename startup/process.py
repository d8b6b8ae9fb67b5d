"""What a process needs to serve: its listener, its log, a garbage collector out of the way, company of its kind."""

import gc
import logging
import os
import re
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import parent_process
from tempfile import TemporaryDirectory

from configuration import AllSettings
from logs import open_handler
from resolvers.settings import BadSettings
from server_settings import ServerSettings


def listen(settings: ServerSettings) -> socket.socket:
    """Return what listens where the settings say; raises `BadSettings`."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host, settings.port), family=family, backlog=2048)
    except OSError as error:
        # Python's own words for some errors repeat the address; name look-ups have no number that means anything here.
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
        raise BadSettings([f"HOST, PORT: {settings.host}:{settings.port} cannot be used: {reason}"]) from None


def set_up_logging(settings: ServerSettings) -> None:
    """Log as the settings say; libraries only what is a warning."""
    handler = open_handler(settings.log_format, shows_process=settings.workers > 1)
    logging.basicConfig(level=settings.log_level.upper(), handlers=[handler])
    for library in ("uvicorn.error", "asyncio", "alembic"):
        logging.getLogger(library).setLevel(max(logging.WARNING, logging.root.level))


def spare_the_garbage_collector() -> None:
    """Take what was made at the start out of its sight, and let it look less often.

    Else every full collection looks through the schema, and everybody waits. It is needed: syntax trees are cycles, and
    so are the types of completed records, which only a full collection finds.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(5_000, 10, 10)


@contextmanager
def metrics_of_several(settings: AllSettings) -> Iterator[None]:
    """Give the workers a folder in which their metrics are added up."""
    if not settings.is_measured:
        yield
        return
    with TemporaryDirectory(prefix="opportunity-graph-") as folder:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
        yield


def workers_of_uvicorn() -> int:
    """Return how many processes uvicorn's own command was told to start, if this is one of them."""
    if parent_process() is None:
        return 1
    told = re.search(r"\0--workers[=\0](\d+)", "\0".join(["", *sys.argv]))
    number = told[1] if told else os.environ.get("WEB_CONCURRENCY", "1")
    return int(number) if number.isdecimal() else 1
