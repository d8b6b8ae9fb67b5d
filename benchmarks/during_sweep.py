"""What a server does for others during a sweep: files of all deals, searches and a stream of changes.

Part of `make bench-lists`. The sweep has no rations and finds all deals changed. In turns a file is fetched and one
client searches, while a stream follows the changes; then the same again, with nothing that sweeps.
"""

import json
import statistics
import threading
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec
from sqlalchemy import bindparam, select, update

from benchmarks.candidates import Candidate
from benchmarks.list_requests import SEARCH
from benchmarks.list_stores import engine
from benchmarks.phase import load
from benchmarks.syncing import complete, progress, serving
from benchmarks.workloads import Files
from resolvers import stored_record
from store.tables import DEALS, SYNC_STATE

SEARCH_SECONDS: Final = 1
FEWEST_TURNS, MOST_TURNS = 3, 4

EXPORT: Final = "/export/opportunities.csv"
SUBSCRIPTION: Final = json.dumps(
    {"query": "subscription { opportunityChanges(first: 200) { changes { observedAt opportunityId } } }"}
).encode()

FILE_SECONDS: Final = 120
"""That a file may take, and a stream be silent: it has a heartbeat."""

CURRENCIES: Final = {"nexudus": "crm_board_column_crm_board_business_currency_code", "chartmogul": "currency"}
"""A field of each source's records that the log has, too."""


@dataclass
class Turns:
    """How long each file took, in seconds, and p50 and p99 of each second of searches, in ms."""

    files: list[float] = field(default_factory=list)
    searches: list[dict[str, float]] = field(default_factory=list)

    def take(self, server: Candidate, files: Files) -> None:
        """Take one more."""
        self.files.append(_file_seconds(server))
        self.searches.append(load(server, files.bodies(SEARCH), 1, SEARCH_SECONDS))

    def figures(self) -> tuple[float, float, float]:
        """Return the medians: a file's seconds, p50 and p99 of a search."""
        p50, p99 = (statistics.median(one[what] for one in self.searches) for what in ("p50", "p99"))
        return statistics.median(self.files), p50, p99


@dataclass
class DuringSweep:
    """What was measured over one kind of store."""

    kind: str
    during: Turns = field(default_factory=Turns)
    after: Turns = field(default_factory=Turns)
    delays: list[float] = field(default_factory=list)
    """Of each change, in seconds: from when its source was asked until the stream's client had it."""


def measure(kind: str, url: str, sources: Mapping[str, str], files: Files, scratch: Path) -> DuringSweep:
    """Sweep a store that has been filled."""
    found = DuringSweep(kind)
    _change(url)
    with serving(url, sources, scratch) as (server, process):
        stream = threading.Thread(target=_follow, args=(server, found.delays), daemon=True)
        stream.start()
        found.during.take(server, files)
        while not (is_over := progress(server)[0]) and len(found.during.files) < MOST_TURNS:
            found.during.take(server, files)
        if is_over and len(found.during.files) > 1:  # in its course the sweep ended
            found.during.files.pop()
            found.during.searches.pop()
        complete(server)
        process.finish()
        for _ in range(max(FEWEST_TURNS, len(found.during.files))):
            found.after.take(server, files)
    stream.join(FILE_SECONDS)  # the server's end is the stream's
    return found


def _file_seconds(server: Candidate) -> float:
    """Return how long a file with all deals takes; one that is broken off raises IncompleteRead."""
    started = time.monotonic()
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}{EXPORT}", timeout=FILE_SECONDS) as answer:
        while answer.read(2**16):
            pass
    return time.monotonic() - started


def _follow(server: Candidate, delays: list[float]) -> None:
    """Note how late each change comes, until the stream ends."""
    headers = {"Content-Type": "application/json", "Accept": "text/event-stream"}
    request = urllib.request.Request(server.url, SUBSCRIPTION, headers)  # noqa: S310 - loopback
    with urllib.request.urlopen(request, timeout=FILE_SECONDS) as answer:  # noqa: S310
        for line in answer:
            if line.startswith(b"data: {"):
                now = datetime.now(UTC)
                changes = json.loads(line[6:])["data"]["opportunityChanges"]["changes"]
                moments = [datetime.fromisoformat(change["observedAt"]) for change in changes]
                delays += [(now - moment).total_seconds() for moment in moments]


def _change(url: str) -> None:
    """Have another currency in each stored deal than its source has, and a sweep begin with the next start."""
    store = engine(url)
    with store.begin() as connection:
        rows = connection.execute(select(DEALS.c.id, DEALS.c.source, DEALS.c.body)).all()
        change = update(DEALS).where(DEALS.c.id == bindparam("deal"))
        change = change.values(body=bindparam("old"), hash=b"", read_at=0, currency="XTS")
        connection.execute(change, [{"deal": id_, "old": _older(source, body)} for id_, source, body in rows])
        connection.execute(update(SYNC_STATE).values(last_sweep_at=None))
    store.dispose()


def _older(source: str, body: bytes) -> bytes:
    record = msgspec.structs.replace(stored_record.decode(source, body), **{CURRENCIES[source]: "XTS"})
    return stored_record.encode(source, record)
