"""nginx and haproxy as people put them in front of this server, reached by sockets in a folder.

Every proxy keeps its connections to the server and uses them for whoever asks next. In front of a server with
`AUTHENTICATION=proxy` it asks everybody for a password, but for requests below `/health/`.
"""

import asyncio
import re
import shutil
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks.processes import ending_with_us
from tests.waiting import PATIENCE_SECONDS

PAUSE_SECONDS = 0.001
"""Between two pieces, which a proxy may then pass on one by one."""

USER, PASSWORD = "ada", "s3cret-of-the-proxy"

NGINX_MAPS = {"documented": "close", "ingress": ""}
"""What `Connection` becomes without `Upgrade`: https://nginx.org/en/docs/http/websocket.html, and ingress-nginx."""


@dataclass(frozen=True)
class Response:
    """A response, or what there was of one when the connection ended (status 0)."""

    status: int
    head: bytes = b""
    body: bytes = b""


async def read_response(reader: asyncio.StreamReader, *, has_body: bool = True) -> Response:
    """Read one final response by its `Content-Length`; `has_body` is false for the response to HEAD."""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            head = await reader.readuntil(b"\r\n\r\n")
            while head.startswith(b"HTTP/1.1 1"):
                head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"(?im)^content-length: *(\d+)", head)
            if not has_body:
                return Response(int(head.split()[1]), head)
            body = await reader.readexactly(int(length[1])) if length else await reader.read()
    except (asyncio.IncompleteReadError, ConnectionError):
        return Response(0)
    return Response(int(head.split()[1]), head, body)


async def send(path: Path, *pieces: bytes) -> Response:
    """Send one request on a connection of its own, its pieces with a pause between; return the response."""
    reader, writer = await asyncio.open_unix_connection(path)
    try:
        for number, piece in enumerate(pieces):
            if number:
                await asyncio.sleep(PAUSE_SECONDS)
            writer.write(piece)
        return await read_response(reader, has_body=not pieces[0].startswith(b"HEAD"))
    finally:
        writer.close()


def _nginx(folder: Path, ports: Mapping[str, int]) -> tuple[list[str], list[str]]:
    """Return the command, and the names of the sockets that it will listen on."""
    names, servers = [], []
    for mode, port in ports.items():
        for map_ in NGINX_MAPS:
            for buffering in ("on", "off"):
                name = f"nginx-{map_}-{buffering}-{mode}"
                names.append(name)
                password = f'auth_basic "sales"; auth_basic_user_file {folder}/users;' if mode != "keys" else ""
                servers.append(f"""
    upstream {name} {{ server 127.0.0.1:{port}; keepalive 1; }}
    server {{
      listen unix:{folder}/{name};
      proxy_http_version 1.1;
      proxy_request_buffering {buffering};
      proxy_set_header Host localhost;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_{map_};
      location /health/ {{ proxy_pass http://{name}; }}
      location / {{ {password} proxy_pass http://{name}; }}
    }}""")
    maps = "".join(
        f"map $http_upgrade $connection_{name} {{ default upgrade; '' '{usual}'; }}\n"
        for name, usual in NGINX_MAPS.items()
    )
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "scgi", "uwsgi")
    )
    (folder / "users").write_text(f"{USER}:{{PLAIN}}{PASSWORD}\n")
    (folder / "nginx.conf").write_text(
        f"daemon off; master_process off; pid {folder}/nginx.pid; error_log stderr crit;\n"
        f"events {{ worker_connections 256; }}\nhttp {{ access_log off; {temporary}{maps}{''.join(servers)}\n}}\n"
    )
    return ["nginx", "-e", "stderr", "-p", str(folder), "-c", str(folder / "nginx.conf")], names


def _haproxy(folder: Path, ports: Mapping[str, int]) -> tuple[list[str], list[str]]:
    names, sections = [], []
    for mode, port in ports.items():
        name = f"haproxy-{mode}"
        names.append(name)
        password = "http-request auth unless { path_beg /health/ } or { http_auth(people) }" if mode != "keys" else ""
        sections.append(f"""
listen {name}
  bind unix@{folder}/{name}
  {password}
  http-reuse always
  http-request set-header Host localhost
  server one 127.0.0.1:{port}
""")
    (folder / "haproxy.cfg").write_text(
        "global\n  maxconn 256\n"
        "defaults\n  mode http\n  timeout connect 5s\n  timeout client 10s\n  timeout server 10s\n"
        f"userlist people\n  user {USER} insecure-password {PASSWORD}\n" + "".join(sections)
    )
    return ["haproxy", "-db", "-q", "-f", str(folder / "haproxy.cfg")], names


KINDS = {"nginx": _nginx, "haproxy": _haproxy}


def needs(program: str) -> pytest.MarkDecorator:
    """Return the mark of a test that is skipped where a program is not installed."""
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"{program} is not installed")


@asynccontextmanager
async def in_front(folder: Path, ports: Mapping[str, int]) -> AsyncIterator[dict[str, Path]]:
    """Run every proxy that is installed before servers on loopback ports; yield their sockets by name.

    A name is that of a proxy and that of a server. Before all but `keys` they ask for a password.
    """
    sockets: dict[str, Path] = {}
    async with AsyncExitStack() as stack:
        for program, configured in KINDS.items():
            if shutil.which(program):
                command, names = configured(folder, ports)
                await stack.enter_async_context(_running(command))
                sockets |= {name: folder / name for name in names}
        for path in sockets.values():
            await _listens(path)
        yield sockets


@asynccontextmanager
async def _running(command: Sequence[str]) -> AsyncIterator[None]:
    process = await asyncio.create_subprocess_exec(*ending_with_us(command))
    try:
        yield
    finally:
        if process.returncode is None:
            process.terminate()
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await process.wait()
        finally:
            process._transport.close()  # type: ignore[attr-defined] # or its pipe outlives the loop


async def _listens(path: Path) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            try:
                _, writer = await asyncio.open_unix_connection(path)
            except OSError:
                await asyncio.sleep(0.01)
            else:
                writer.close()
                return
