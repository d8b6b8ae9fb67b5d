"""A PostgreSQL server of the tests' own: on a socket in a temporary folder, started once a process, ended with it.

`server()` starts it at the first call and skips the test, with the reason, where PostgreSQL is not installed.
`create()` of it names a place without tables.
"""

import atexit
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from itertools import count
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import URL

from tests.waiting import PATIENCE_SECONDS

_numbers = count(1)

# Nothing here outlives the process: no write waits for a disk.
OPTIONS = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "wal_level=minimal", "max_wal_senders=0")
OPTIONS += ("autovacuum=off", "shared_buffers=32MB", "max_connections=40", "listen_addresses=", "logging_collector=off")


def programs() -> Path | None:
    """Return the folder of `initdb` and `postgres`, the newest where there are several; Debian keeps it off PATH."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: int(folder.parent.name))
    if found := shutil.which("initdb"):
        folders.append(Path(found).parent)
    return next((folder for folder in reversed(folders) if (folder / "postgres").exists()), None)


class Server:
    """A running server."""

    def __init__(self, programs: Path, settings: tuple[str, ...] = OPTIONS, *, folder: Path | None = None) -> None:
        self.folder = folder or Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
        self._programs = programs
        self._settings = settings
        self._user: list[str] = []
        if os.geteuid() == 0:  # which PostgreSQL refuses to run as
            user = next(one for one in pwd.getpwall() if one.pw_name in ("postgres", "nobody"))
            os.chown(self.folder, user.pw_uid, user.pw_gid)
            self._user = [f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
        self._popen: subprocess.Popen[bytes] | None = None
        atexit.register(self.close)
        # Ordered by a locale, as many are: what must be ordered by bytes has to say so itself.
        locale = ("--encoding=UTF8", "--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en")
        subprocess.run(
            [
                *self._as_user(programs / "initdb"),
                *("--no-sync", "--auth=trust", "--username=tests", *locale, f"--pgdata={self.folder / 'data'}"),
            ],
            cwd=self.folder,
            check=True,
            capture_output=True,
            timeout=PATIENCE_SECONDS,
        )
        self.start()

    def _as_user(self, program: Path) -> list[str]:
        # With its parent's death the server goes too, however that one ended.
        return ["setpriv", "--pdeathsig=INT", *self._user, str(program)]

    def start(self) -> None:
        """Start it, and return when it takes connections."""
        options = [part for option in self._settings for part in ("-c", option)]
        self._popen = subprocess.Popen(
            [
                *self._as_user(self._programs / "postgres"),
                *("-D", str(self.folder / "data"), "-k", str(self.folder), *options),
            ],
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        end = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                psycopg.connect(self.conninfo).close()
                return
            except psycopg.OperationalError:
                if time.monotonic() > end or self._popen.poll() is not None:
                    raise
                time.sleep(0.01)

    def send(self, number: int) -> None:
        """Send a signal to it, and to all processes that it has started."""
        assert self._popen is not None
        main = self._popen.pid
        children = Path(f"/proc/{main}/task/{main}/children").read_text().split()
        for process_id in [main, *map(int, children)]:
            with suppress(ProcessLookupError):
                os.kill(process_id, number)

    def stop(self) -> None:
        """Break all connections, and end it."""
        if self._popen is not None:
            self._popen.send_signal(2)
            self._popen.wait(PATIENCE_SECONDS)
            self._popen = None

    def kill(self) -> None:
        """End it as a power failure would: nothing is put in order. The next start recovers."""
        assert self._popen
        family = [self._popen.pid, *_children(self._popen.pid)]
        for pid in family:
            os.kill(pid, signal.SIGKILL)
        self._popen.wait(PATIENCE_SECONDS)
        self._popen = None
        while any(Path(f"/proc/{pid}").exists() for pid in family):  # else the next one finds their memory in use
            time.sleep(0.01)

    def switch_log(self) -> None:
        """Have it begin another file of its log, which ends it where there is no room for one."""
        with suppress(psycopg.OperationalError), psycopg.connect(self.conninfo, autocommit=True) as connection:
            connection.execute("SELECT pg_switch_wal()")
            connection.execute("CREATE TABLE needs_the_next_file (number int)")

    def start_again(self) -> None:
        """Start it where it has ended by itself; return when it takes connections."""
        assert self._popen is not None
        if self._popen.poll() is not None:
            self.start()
        end = time.monotonic() + PATIENCE_SECONDS
        while not self._takes_connections():
            assert time.monotonic() < end
            time.sleep(0.05)

    def _takes_connections(self) -> bool:
        try:
            psycopg.connect(self.conninfo).close()
        except psycopg.OperationalError:
            return False
        return True

    @contextmanager
    def away(self) -> Iterator[None]:
        """End it for as long as this lasts."""
        self.stop()
        try:
            yield
        finally:
            self.start()

    def close(self) -> None:
        """End it, and leave nothing behind."""
        try:
            self.stop()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def conninfo(self) -> str:
        """How libpq connects."""
        return f"host={self.folder} user=tests dbname=postgres"

    def create(self) -> str:
        """Return the URL of what is as good as a new, empty database: a schema of its own, ten times as quick."""
        name = f"empty_{next(_numbers)}"
        with psycopg.connect(self.conninfo, autocommit=True) as connection:
            connection.execute(f"CREATE SCHEMA {name}")
        query = {"host": str(self.folder), "options": f"-c search_path={name}"}
        return str(URL.create("postgresql+psycopg", "tests", database="postgres", query=query))


def _children(pid: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@cache
def _start() -> Server | str:
    found = programs()
    if found is None:
        return "PostgreSQL is not installed"
    if shutil.which("setpriv") is None:
        return "setpriv, which starts PostgreSQL, is not installed"
    return Server(found)


def own_server(*settings: str, folder: Path | None = None) -> Server:
    """Start a server that a test may kill or set up as it likes, and closes; skip the test where there can be none.

    `folder`: where it keeps everything, else one of its own.
    """
    server()
    found = programs()
    assert found
    given = ("listen_addresses=", "logging_collector=off", "shared_buffers=32MB", *settings)
    return Server(found, given, folder=folder)


def server() -> Server:
    """Return the server of this process; skip the test where there can be none."""
    found = _start()
    if isinstance(found, str):
        pytest.skip(found)
    return found
