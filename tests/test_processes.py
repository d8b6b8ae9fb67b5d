"""What tests start beside themselves ends with them, whatever fails."""

import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest

from benchmarks.processes import ending_with_us
from tests import fleet, full_disk
from tests.processes import ROOT, is_running, until

STARTS_ONE = """
import subprocess, sys, time
from benchmarks.processes import ending_with_us
itself = "import os, time; print(os.getpid(), flush=True); time.sleep(100)"
subprocess.Popen(ending_with_us([sys.executable, "-c", itself]))
time.sleep(100)
"""
BENCHMARKS_ONE = """
import os, sys, time
from pathlib import Path
from benchmarks.processes import Process
itself = "import os, time; print(os.getpid(), flush=True); time.sleep(100)"
Process([sys.executable, "-c", itself], os.environ, Path("."), Path("/dev/stdout"))
time.sleep(100)
"""
FOLLOWS_ONE = """
import os, time
from pathlib import Path
from benchmarks.flow import simulated
lines = simulated()
next(lines)
print(Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text(), flush=True)
time.sleep(100)
"""
MOUNTS_ONE = """
import time
from tests.full_disk import disk
with disk(megabytes=1) as found:
    print(found.path, flush=True)
    time.sleep(100)
"""
ONE_HANGS = """
import os, sys, time
try:
    with open(sys.argv[1], "x") as file:
        file.write(str(os.getpid()))
    time.sleep(100)
except FileExistsError:
    while not open(sys.argv[1]).read():
        time.sleep(0.01)
"""
"""The first of two servers never says that it serves, and the other one ends at once."""


def killed(program: str) -> str:
    """Run it until it has printed a line, kill it, and return the line."""
    command = ending_with_us([sys.executable, "-c", program])
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        stdout: IO[str] = process.stdout  # type: ignore[assignment]
        try:
            return stdout.readline().strip()
        finally:
            process.kill()


@pytest.mark.parametrize("program", [STARTS_ONE, BENCHMARKS_ONE, FOLLOWS_ONE], ids=["a test", "a benchmark", "a walk"])
def test_a_program_ends_with_the_process_that_started_it_though_that_is_killed(program: str) -> None:
    pid = killed(program)
    assert pid.isdecimal()
    until(lambda: not is_running(pid))


@pytest.fixture
def disk() -> None:
    """Skip the test where nothing may be mounted."""
    with full_disk.disk(megabytes=1):
        pass


@pytest.mark.usefixtures("disk")
def test_a_disk_is_unmounted_though_the_process_of_the_test_is_killed() -> None:
    folder = killed(MOUNTS_ONE)
    assert folder.startswith("/tmp/disk-")  # noqa: S108
    until(lambda: not Path(folder).exists())
    assert folder not in Path("/proc/mounts").read_text()


@pytest.mark.usefixtures("disk")
def test_a_disk_is_unmounted_though_a_file_on_it_is_open() -> None:
    with full_disk.disk(megabytes=1) as found:
        file = (found.path / "open").open("w")
    with file:
        assert not found.path.exists()
        assert str(found.path) not in Path("/proc/mounts").read_text()


async def test_a_fleet_of_which_a_server_does_not_start_leaves_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    hanging = tmp_path / "hanging"
    monkeypatch.setattr(fleet, "SERVER", [sys.executable, "-c", ONE_HANGS, str(hanging)])
    with pytest.RaisesGroup(pytest.RaisesExc(AssertionError, match="it ended")):
        async with fleet.a_fleet(tmp_path, 2):
            pass
    assert not is_running(hanging.read_text())
