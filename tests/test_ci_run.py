"""`.ci/run`: which steps it takes, what it says of them, and that one which fails is not lost beside the others."""

import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from tests.processes import is_running, until

ROOT = Path(__file__).parent.parent
NEEDED = "chromium nginx haproxy wrk buildah debootstrap bwrap promtool kubectl postgres npm".split()
STEPS = "check test test-programs test-source test-bench test-soak test-image gateways".split()


def write(program: Path, *lines: str) -> None:
    program.parent.mkdir(parents=True, exist_ok=True)
    program.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    program.chmod(0o755)


def run(folder: Path, failing: str = "", *more: str) -> subprocess.CompletedProcess[str]:
    """Run it where each program that it calls only says its name, `make` does `more`, and `make failing` fails."""
    for name in NEEDED:
        write(folder / "programs" / name)
    write(folder / "programs" / "make", 'echo "made $1"', *more, f'test "$1" != "{failing}"')
    write(folder / ".venv" / "bin" / "python")
    (folder / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "run", folder / ".ci")
    environment = {"PATH": f"{folder / 'programs'}:/usr/bin:/bin", "GIT_CEILING_DIRECTORIES": str(folder.parent)}
    return subprocess.run(
        [folder / ".ci" / "run"], env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_it_says_of_each_step_how_long_it_took(tmp_path: Path) -> None:
    done = run(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    _, _, told = done.stdout.partition("How long each step took")
    times = re.findall(r"^ +\d+ s  (.+)$", told, re.MULTILINE)
    assert {f"make {step}" for step in STEPS} < set(times)
    assert times[-1] == "all"


@pytest.mark.parametrize("failing", STEPS)
def test_a_step_that_fails_fails_the_whole_and_is_named(tmp_path: Path, failing: str) -> None:
    done = run(tmp_path, failing)
    assert done.returncode == 1
    assert re.findall(r"^ +\d+ s  make (.+): failed$", done.stdout, re.MULTILINE) == [failing]
    assert f"made {failing}\n" in done.stdout


def test_what_runs_beside_ends_with_it(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    beside = f'if [ "$1" = test-image ]; then sleep 100 & echo $! >{pid}; wait; fi'
    kills = f'if [ "$1" = check ]; then while [ ! -s {pid} ]; do sleep 0.01; done; kill -TERM $PPID; fi'
    assert run(tmp_path, "", beside, kills).returncode == -signal.SIGTERM
    until(lambda: not is_running(pid.read_text().strip()))


def test_the_page_for_contributors_names_its_steps() -> None:
    section = (ROOT / "CONTRIBUTING.md").read_text("utf-8").partition("`.ci/run` is what")[2].partition("\n\n")[0]
    assert set(re.findall(r"`make ([\w-]+)`", section)) == set(STEPS)
