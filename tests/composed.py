"""What `deploy/compose.yaml` starts, without an engine: its commands, settings, secrets and health checks.

Each service is a process in one network namespace, so that names and ports are those of the file: `/etc/hosts` has the
names. The graph runs in the image's files, by bubblewrap; PostgreSQL and Prometheus are those of this machine. Needs
root.
"""

import json
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import postgres
from tests.processes import ROOT
from tests.waiting import PATIENCE_SECONDS

DEPLOY = ROOT / "deploy"
COMPOSE: Any = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))

# A namespace with a loopback device that is up (SIOCSIFFLAGS), for as long as nobody closes its input.
NAMESPACE = """
import fcntl, socket, struct, sys
fcntl.ioctl(socket.socket(), 0x8914, struct.pack("16sH14x", b"lo", 1))
print(flush=True)
sys.stdin.read()
"""

ASK = """
import sys, urllib.request
url, body, *headers = sys.argv[1:]
request = urllib.request.Request(url, body.encode() or None, dict(one.split(": ", 1) for one in headers))
print(urllib.request.urlopen(request, timeout=10).read().decode())
"""


class Composed:
    """A folder with secrets, and the namespace in which services run."""

    def __init__(self, folder: Path, namespace: int, stack: ExitStack) -> None:
        self.folder = folder
        self._enter = ["nsenter", f"--net=/proc/{namespace}/ns/net"]
        self._stack = stack
        self.secrets = folder / "secrets"
        self.hosts = folder / "hosts"
        self.hosts.write_text(f"127.0.0.1 localhost simulator {' '.join(COMPOSE['services'])}\n")

    def start(self, name: str, command: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
        """Start a process, which ends with the block; what it says is in the file `name`."""
        said = self._stack.enter_context((self.folder / name).open("wb"))
        popen = subprocess.Popen([*self._enter, *command], stdout=said, stderr=said, **options)
        self._stack.callback(popen.wait)
        self._stack.callback(popen.kill)
        return popen

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run([*self._enter, *command], capture_output=True, text=True, timeout=PATIENCE_SECONDS)

    def until_well(self, name: str, *command: str) -> None:
        """Wait until the health check of a service, this command, says that it is well."""
        end = time.monotonic() + PATIENCE_SECONDS
        while self.run(*command).returncode:
            assert time.monotonic() < end, (self.folder / name).read_text()
            time.sleep(0.2)

    def ask(self, url: str, body: Any = None, **headers: str) -> Any:
        """Return the JSON that an address answers."""
        fields = [f"{name.replace('_', '-')}: {text}" for name, text in headers.items()]
        done = self.run(sys.executable, "-c", ASK, url, "" if body is None else json.dumps(body), *fields)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def ask_until(self, is_right: Callable[[Any], bool], url: str, body: Any = None, **headers: str) -> Any:
        """Return the JSON that an address answers, once there is one that is right."""
        end, found = time.monotonic() + PATIENCE_SECONDS, None
        while time.monotonic() < end:
            with suppress(AssertionError):  # it does not answer yet
                found = self.ask(url, body, **headers)
                if is_right(found):
                    return found
            time.sleep(0.5)
        raise AssertionError(found)

    def secret(self, name: str) -> str:
        """Return what `deploy/secrets.sh` has made."""
        return (self.secrets / name).read_text()

    def start_database(self) -> None:
        """Do what the image `postgres` does with the service's environment, and wait for its health check."""
        service = COMPOSE["services"]["database"]
        given, programs = service["environment"], postgres.programs()
        assert programs is not None
        data, user = self.folder / "data", pwd.getpwnam("postgres")
        data.mkdir()
        shutil.copy(self.secrets / "database_password", self.folder / "password")
        for path in (data, self.folder / "password"):
            os.chown(path, user.pw_uid, user.pw_gid)
        self.folder.chmod(0o755)
        as_user = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
        subprocess.run(
            [
                *(*as_user, programs / "initdb", f"--pgdata={data}", f"--username={given['POSTGRES_USER']}"),
                *("--encoding=UTF8", "--locale=C.UTF-8", "--auth=scram-sha-256", "--no-sync"),
                f"--pwfile={self.folder / 'password'}",
            ],
            check=True,
            capture_output=True,
        )
        options = ["-c", "unix_socket_directories=", "-c", "fsync=off"]
        self.start("database", [*as_user, str(programs / "postgres"), "-D", str(data), *options])
        self.until_well("database", *service["healthcheck"]["test"][1:], "--host", "127.0.0.1")
        password = f"PGPASSWORD={self.secret('database_password')}"
        made = self.run("env", password, "createdb", "-h", "127.0.0.1", "-U", "graph", given["POSTGRES_DB"])
        assert made.returncode == 0, made.stderr

    def start_prometheus(self, program: str, configuration: Path) -> None:
        """Start Prometheus, this program, by the service's command, with a folder as its configuration."""
        self.start(
            "prometheus",
            [
                *(
                    "bwrap",
                    "--ro-bind",
                    "/usr",
                    "/usr",
                    "--symlink",
                    "usr/lib",
                    "/lib",
                    "--symlink",
                    "usr/lib64",
                    "/lib64",
                ),
                *("--proc", "/proc", "--dev", "/dev", "--dir", "/prometheus", "--chdir", "/prometheus"),
                *("--ro-bind", str(self.hosts), "/etc/hosts", "--ro-bind", str(configuration), "/etc/prometheus"),
                *("--ro-bind", str(self.secrets), "/run/secrets", "--die-with-parent"),
                *(
                    "--ro-bind",
                    program,
                    "/bin/prometheus",
                    "/bin/prometheus",
                    *COMPOSE["services"]["prometheus"]["command"],
                ),
            ],
        )


@contextmanager
def composed() -> Iterator[Composed]:
    """Make secrets and a namespace; what is started in it ends with the block."""
    with ExitStack() as stack:
        # Not below pytest's own folder, into which PostgreSQL's user cannot look.
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="composed-", dir="/tmp")))
        holder = stack.enter_context(
            subprocess.Popen(
                [shutil.which("unshare") or "unshare", "--net", sys.executable, "-c", NAMESPACE],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
        )
        assert holder.stdout is not None
        if holder.stdout.readline() != b"\n":
            pytest.skip("no network namespace can be made here")
        found = Composed(folder, holder.pid, stack)
        typed = "simulated-password-3f9c\nsimulated-key-5d1e\n"
        subprocess.run([DEPLOY / "secrets.sh", found.secrets], input=typed, text=True, check=True, capture_output=True)
        yield found
