"""Who is measured: this server as it ships, and what people would pick instead, each at its best."""

import os
import shutil
import subprocess
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.callers import PAGE, Issuer
from benchmarks.peers import tailcall
from benchmarks.processes import free_port

ROOT = Path(__file__).parent.parent
PEERS = ROOT / "benchmarks" / "peers"
OURS = "this server"
SOURCES = ("NEXUDUS", "CHARTMOGUL")
OURS_ALONE = (*SOURCES, "JWT_", "STORE_", "SYNC_")
"""How the names of settings begin that are the benchmark's to give, whatever the shell has."""


@dataclass(frozen=True)
class Candidate:
    """How a server is started.

    `dialect`: whose requests it takes, where they are not those of this server. `cannot`: the workloads that it
    has nothing for. `headers` go with every request: the token, where `requires_token`.
    """

    name: str
    command: list[str]
    environment: Mapping[str, str]
    port: int
    path: str = "/graphql"
    dialect: str = ""
    cannot: frozenset[str] = frozenset()
    folder: Path = ROOT
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def requires_token(self) -> bool:
        """Whether it answers nobody without one."""
        return "Authorization" in self.headers

    @property
    def label(self) -> str:
        """What tells it from the same server that takes callers without a credential."""
        return f"{self.name}, with tokens" if self.requires_token else self.name

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}{self.path}"

    def takes(self, workload: str) -> bool:
        """Whether it can do a workload at all."""
        return workload not in self.cannot


def ours(
    upstream: str,
    *,
    kept_seconds: int,
    name: str = OURS,
    folder: Path = ROOT,
    command: Sequence[str] = ("server.py",),
    issuer: Issuer | None = None,
    rationed: bool = False,
    settings: Mapping[str, str] | None = None,
) -> Candidate:
    """Return the server of a checkout; it keeps records for so long, with 0 it keeps nothing. `settings`: further ones.

    With an issuer it requires that issuer's tokens. `rationed`: the documented rates and numbers of connections hold,
    as the server ships; else they do not, as the mock has none.
    """
    port = free_port()
    given = {name: text for name, text in os.environ.items() if not name.startswith(OURS_ALONE)}
    given |= {
        "PORT": str(port),
        "CORS_ORIGINS": PAGE,
        "SYNC_ENABLED": "false",  # the mock has no lists
        "NEXUDUS_URL": upstream,
        "NEXUDUS_ACCESS_TOKEN": "token",
        "CHARTMOGUL_URL": upstream,
        "CHARTMOGUL_API_KEY": "key",
        **{f"{source}_CACHE_FRESH_SECONDS": str(kept_seconds) for source in SOURCES},
        **(issuer.settings if issuer else {}),
        **(settings or {}),
    }
    if not rationed:
        given |= {f"{source}_RATIONED": "false" for source in SOURCES}
        given |= {f"{source}_CONCURRENCY": "64" for source in SOURCES}
    if not kept_seconds:
        given |= {f"{source}_CACHE_{what}_SECONDS": "0" for source in SOURCES for what in ("MISSING", "STALE")}
    headers = issuer.headers if issuer else {}
    return Candidate(name, [sys.executable, *command], given, port, folder=folder, headers=headers)


def peers(
    upstream: str, scratch: Path, *, kept_seconds: int, only: Collection[str] | None = None
) -> tuple[list[Candidate], list[str]]:
    """Return what people would pick instead, as far as this machine has it, and a line about each that it has not.

    All keep what they keep for as long as given; with 0 they keep nothing. `only` leaves out all whose name is another.
    """
    shared = {**os.environ, "UPSTREAM": upstream, "KEPT_SECONDS": str(kept_seconds), "NODE_ENV": "production"}
    found = [
        _strawberry("plain Strawberry", shared, "asyncio", "h11"),
        _strawberry("tuned Strawberry", {**shared, "TUNED": "1"}, "uvloop", "httptools"),
    ]
    missing: list[str] = []
    if only is None or not set(only) <= {OURS, *(candidate.name for candidate in found)}:
        installed, missing = _installed(upstream, scratch, shared, kept_seconds)
        found += installed
    return [candidate for candidate in found if only is None or candidate.name in only], missing


def _installed(
    upstream: str, scratch: Path, shared: Mapping[str, str], kept_seconds: int
) -> tuple[list[Candidate], list[str]]:
    found: list[Candidate] = []
    modules = node_modules(PEERS)
    if modules is None:
        return found, ["Mercurius, Apollo Server and Tailcall are left out: Node and npm could not install them."]
    for name, file, path in (
        ("Mercurius + graphql-jit", "mercurius.mjs", "/graphql"),
        ("Apollo Server", "apollo.mjs", "/"),
    ):
        port = free_port()
        command = ["node", str(PEERS / file)]
        found.append(Candidate(name, command, {**shared, "PORT": str(port)}, port, path))
    start = tailcall.command(modules, scratch / "tailcall")
    if start is None:
        return found, ["Tailcall is left out: its binary needs glibc 2.39, and its libraries could not be had."]
    port = free_port()
    config = tailcall.write(scratch / f"tailcall-{port}", upstream, port, kept_seconds)
    command = [*start, "start", str(config)]
    # It has no `_entities` of ours, and no aliases by global id.
    cannot = frozenset({"W4", "W5", "W6"})
    found.append(Candidate("Tailcall", command, tailcall.environment(), port, dialect="tailcall", cannot=cannot))
    return found, []


def _strawberry(name: str, environment: Mapping[str, str], loop: str, parser: str) -> Candidate:
    return under_uvicorn(name, "benchmarks.peers.strawberry_server:app", environment, loop, parser)


def under_uvicorn(
    name: str, app: str, environment: Mapping[str, str], loop: str = "asyncio", parser: str = "h11", **more: Any
) -> Candidate:
    """Return an ASGI application under uvicorn; `asyncio` and `h11` are what comes with plain uvicorn."""
    port = free_port()
    arguments = [app, "--port", str(port), "--loop", loop, "--http", parser]
    command = [sys.executable, "-m", "uvicorn", *arguments, "--no-access-log", "--log-level", "warning"]
    return Candidate(name, command, environment, port, **more)


def node_modules(folder: Path) -> Path | None:
    """Install what a folder's `package.json` names, if that is new; return None where it cannot be."""
    modules = folder / "node_modules"
    wanted = (folder / "package.json").stat().st_mtime
    if shutil.which("npm") and not (modules.exists() and modules.stat().st_mtime >= wanted):
        command = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--no-package-lock"]
        if subprocess.run(command, cwd=folder, check=False, timeout=600).returncode == 0:
            os.utime(modules)
    return modules if modules.exists() and shutil.which("node") else None
