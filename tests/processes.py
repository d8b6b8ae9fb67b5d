"""A program in a process of its own, what it prints, and how it ends."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from benchmarks.processes import ending_with_us
from tests.waiting import PATIENCE_SECONDS

ROOT = Path(__file__).parent.parent
SERVER = [sys.executable, str(ROOT / "server.py")]
SIMULATOR = [sys.executable, "-m", "simulator"]
MINIMAL = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}


class Process:
    """A process of ours, and what it has printed so far."""

    def __init__(self, popen: subprocess.Popen[str], stderr: IO[str]) -> None:
        self.popen = popen
        self.printed = ""
        self._stderr = stderr

    def read_until(self, pattern: str) -> re.Match[str]:
        """Read lines until one matches."""
        assert self.popen.stdout
        for line in self.popen.stdout:
            self.printed += line
            if found := re.search(pattern, line):
                return found
        raise AssertionError(f"{pattern} never came:\n{self.printed}\n{self.stderr}")

    @property
    def stderr(self) -> str:
        """All that stands on stderr."""
        self._stderr.seek(0)
        return self._stderr.read()

    def interrupt(self) -> int:
        """Press Ctrl-C; return the exit status."""
        assert self.popen.stdout
        self.popen.send_signal(signal.SIGINT)
        self.printed += self.popen.stdout.read()
        return self.popen.wait(PATIENCE_SECONDS)


@contextmanager
def running(command: list[str], where: Path, **environ: str) -> Iterator[Process]:
    """Run a command; should it hang, it is killed, and so nothing waits for it for ever."""
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8") as stderr,
        subprocess.Popen(
            ending_with_us(command),
            cwd=where,
            env=MINIMAL | environ,
            text=True,
            stdout=subprocess.PIPE,
            stderr=stderr,
        ) as popen,
    ):
        timer = threading.Timer(PATIENCE_SECONDS, popen.kill)
        timer.start()
        try:
            yield Process(popen, stderr)
        finally:
            timer.cancel()
            popen.kill()


def until(is_so: Callable[[], bool]) -> None:
    """Look again and again until it is so."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.01)


def is_running(pid: str) -> bool:
    """Return whether a process is there, and has not ended: one that nobody has waited for still has its place."""
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
