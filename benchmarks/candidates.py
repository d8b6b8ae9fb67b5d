"""Who is measured: this server as it ships, and what people would pick instead, each at its best."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers import tailcall

ROOT = Path(__file__).parent.parent
PEERS = ROOT / "benchmarks" / "peers"
OURS = "this server"
SOURCES = ("NEXUDUS", "CHARTMOGUL")


@dataclass(frozen=True)
class Candidate:
    """How a server is started. `speaks_our_schema`: it takes the same requests as this server."""

    name: str
    command: list[str]
    environment: Mapping[str, str]
    port: int
    path: str = "/graphql"
    speaks_our_schema: bool = True

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}{self.path}"

    def takes(self, workload: str) -> bool:
        """Whether it can do a workload at all: Tailcall has no `_entities` of ours, and no aliases by global id."""
        return self.speaks_our_schema or workload in ("W1", "W2", "W3")


def candidates(
    upstream: str, scratch: Path, *, kept_seconds: int, first_port: int
) -> tuple[list[Candidate], list[str]]:
    """Return who can be measured on this machine, and a line about each who cannot.

    All keep what they keep for as long as given; with 0 they keep nothing.
    """
    missing: list[str] = []
    shared = {**os.environ, "UPSTREAM": upstream, "KEPT_SECONDS": str(kept_seconds), "NODE_ENV": "production"}
    found = [
        Candidate(OURS, [sys.executable, "server.py"], _ours(upstream, first_port, kept_seconds), first_port),
        _strawberry("plain Strawberry", first_port + 1, shared, "asyncio", "h11"),  # what comes with plain uvicorn
        _strawberry("tuned Strawberry", first_port + 2, {**shared, "TUNED": "1"}, "uvloop", "httptools"),
    ]
    modules = _node_modules()
    if modules is None:
        missing.append("Mercurius, Apollo Server and Tailcall are left out: Node and npm could not install them.")
        return found, missing
    for index, (name, file, path) in enumerate(
        (("Mercurius + graphql-jit", "mercurius.mjs", "/graphql"), ("Apollo Server", "apollo.mjs", "/")), 3
    ):
        port = first_port + index
        command = ["node", str(PEERS / file)]
        found.append(Candidate(name, command, {**shared, "PORT": str(port)}, port, path))
    start = tailcall.command(modules, scratch / "tailcall")
    if start is None:
        missing.append("Tailcall is left out: its binary needs glibc 2.39, and its libraries could not be had.")
        return found, missing
    port = first_port + 5
    config = tailcall.write(scratch / f"tailcall-{port}", upstream, port, kept_seconds)
    command = [*start, "start", str(config)]
    found.append(Candidate("Tailcall", command, tailcall.environment(), port, speaks_our_schema=False))
    return found, missing


def _strawberry(name: str, port: int, environment: Mapping[str, str], loop: str, parser: str) -> Candidate:
    app = ["benchmarks.peers.strawberry_server:app", "--port", str(port), "--loop", loop, "--http", parser]
    command = [sys.executable, "-m", "uvicorn", *app, "--no-access-log", "--log-level", "warning"]
    return Candidate(name, command, environment, port)


def _ours(upstream: str, port: int, kept_seconds: int) -> dict[str, str]:
    given = {name: text for name, text in os.environ.items() if not name.startswith(SOURCES)}
    given |= {
        "PORT": str(port),
        "NEXUDUS_URL": upstream,
        "NEXUDUS_ACCESS_TOKEN": "token",
        "CHARTMOGUL_URL": upstream,
        "CHARTMOGUL_API_KEY": "key",
        # The mock has no rations and no limit of connections, and neither does any peer.
        **{f"{source}_RATIONED": "false" for source in SOURCES},
        **{f"{source}_CONCURRENCY": "64" for source in SOURCES},
        **{f"{source}_CACHE_FRESH_SECONDS": str(kept_seconds) for source in SOURCES},
    }
    if not kept_seconds:
        given |= {f"{source}_CACHE_{what}_SECONDS": "0" for source in SOURCES for what in ("MISSING", "STALE")}
    return given


def _node_modules() -> Path | None:
    modules = PEERS / "node_modules"
    wanted = (PEERS / "package.json").stat().st_mtime
    if shutil.which("npm") and not (modules.exists() and modules.stat().st_mtime >= wanted):
        command = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--no-package-lock"]
        if subprocess.run(command, cwd=PEERS, check=False, timeout=600).returncode == 0:
            os.utime(modules)
    return modules if modules.exists() and shutil.which("node") else None
