"""Who is asked for lists: this server over each kind of store, and what people would pick instead."""

import os
from collections.abc import Collection, Iterator

from benchmarks.candidates import PEERS, Candidate, node_modules, ours, under_uvicorn
from benchmarks.list_requests import SUMMARIES
from benchmarks.list_stores import FILE, MEMORY, POSTGRESQL, Stores
from benchmarks.peer_stores import PeerStores
from benchmarks.processes import free_port

OURS = {kind: f"this server, {kind}" for kind in (MEMORY, FILE, POSTGRESQL)}
POSTGRAPHILE = "PostGraphile 5"
STRAWBERRY = {kind: f"plain Strawberry, {kind}" for kind in (FILE, POSTGRESQL)}


NO_TOTALS = frozenset(SUMMARIES)
"""PostGraphile as it comes has none, and nor has Strawberry until somebody writes them."""


def candidates(
    made: Stores, peers: PeerStores, mock_url: str, left_out: list[str], only: Collection[str] | None
) -> Iterator[Candidate]:
    """Yield the servers over these stores, as far as this machine has them; `left_out` gets a line for all others."""
    for kind, url in made.urls.items():
        yield ours(mock_url, kept_seconds=0, name=OURS[kind], settings={"STORE_URL": url})
    if peers.place is None:
        left_out.append("PostgreSQL is not installed: all that needs it is left out.")
    elif only is not None and POSTGRAPHILE not in only:
        pass
    elif node_modules(PEERS / "lists") is None:
        left_out.append(f"{POSTGRAPHILE} is left out: Node and npm could not install it.")
    else:
        port, place = free_port(), peers.place
        given = {"PORT": str(port), "DATABASE": place.server, "DATABASE_SCHEMA": place.schema, "NODE_ENV": "production"}
        command = ["node", str(PEERS / "lists" / "postgraphile.mjs")]
        yield Candidate(POSTGRAPHILE, command, {**os.environ, **given}, port, dialect="postgraphile", cannot=NO_TOTALS)
    for kind, name in STRAWBERRY.items():
        if kind in peers.urls:
            app = "benchmarks.peers.strawberry_sqlalchemy:app"
            environment = {**os.environ, "DATABASE_URL": peers.urls[kind]}
            yield under_uvicorn(name, app, environment, dialect="strawberry", cannot=NO_TOTALS)
