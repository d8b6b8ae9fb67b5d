"""`docs/adding-a-source.md`, followed word for word in a copy of the repository."""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.copying import copy_folder
from tests.module_imports import ROOT, files_of_tests, imports
from tests.processes import is_running, until

PAGE = ROOT / "docs" / "adding-a-source.md"
STEP = re.compile(r"^(New file|In) `([^`]+)`:\n\n```(python|diff)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMANDS = re.compile(r"^```bash\n(.*?)^```$", re.MULTILINE | re.DOTALL)

KNOWING_ALL = (
    *("server", "services", "configuration", "pages", "startup", "schema"),
    *("resolvers.registry", "resolvers.global_id", "resolvers.partial_record", "resolvers.stored_record"),
)
"""What goes through all sources. Everything else is given one of them, or is told its name."""

GIVEN_A_GRAPH = re.compile(r"\b(?:shared_)?graph: \"?Graph\b")
READING_FILES = re.compile(r"\bROOT\b|__file__|\.md\b")
"""Of the repository: a page, the settings, the code itself, or a program that is started."""

followed = pytest.mark.skipif((ROOT / "resolvers" / "toy").exists(), reason="The page has been followed here.")


def _apply(hunk: str, text: str, path: str) -> str:
    """Return the text with a hunk's `-` lines replaced by its `+` lines; it must fit in exactly one place."""
    lines = hunk.splitlines()
    old = "".join(f"{line[1:]}\n" for line in lines if not line.startswith("+"))
    new = "".join(f"{line[1:]}\n" for line in lines if not line.startswith("-"))
    count = f"\n{text}".count(f"\n{old}")
    assert count == 1, f"docs/adding-a-source.md: these lines stand {count} times in {path}, not once:\n{old}"
    return f"\n{text}".replace(f"\n{old}", f"\n{new}", 1)[1:]


def _follow(page: str, root: Path) -> list[str]:
    """Take every step of the page; return the paths of the Python files that it made or changed."""
    touched = []
    for verb, path, _, block in STEP.findall(page):
        file = root / path
        if verb == "New file":
            assert not file.exists(), path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block, "utf-8")
        else:
            text = file.read_text("utf-8")
            for hunk in re.split(r"^@@\n", block, flags=re.MULTILINE):
                text = _apply(hunk, text, path)
            file.write_text(text, "utf-8")
        if path.endswith(".py"):
            touched.append(path)
    return touched


def _run(root: Path, *command: str) -> None:
    ours = ("PYTEST_", "COV_", "MAKE", "MFLAGS")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen(command, cwd=root, env=environment, start_new_session=True, **pipes) as process:
        try:
            printed, _ = process.communicate(timeout=300)
        except BaseException:  # of Ctrl-C nothing comes to another session
            os.killpg(process.pid, signal.SIGKILL)  # `make`, and all that it has started
            raise
    if process.returncode:
        pytest.fail(f"After docs/adding-a-source.md: {' '.join(command)}\n\n{printed}", pytrace=False)


def _copy(root: Path) -> list[str]:
    """Copy the repository and follow the page there; return the paths of the Python files that it made or changed."""
    copy_folder(ROOT, root)
    return _follow(PAGE.read_text("utf-8"), root)


def test_every_code_block_of_the_page_is_a_step() -> None:
    page = PAGE.read_text("utf-8")
    assert len(STEP.findall(page)) == len(re.findall(r"^```(?:python|diff)$", page, re.MULTILINE)) > 10


@followed
def test_every_step_of_the_page_fits(tmp_path: Path) -> None:
    """The quick half: the next change of a line that the page quotes is told here."""
    assert "tests/test_toy.py" in _copy(tmp_path / "copy")


def _text(module: str) -> str:
    return ROOT.joinpath(*module.split(".")).with_suffix(".py").read_text("utf-8")


def _sees_all_sources(module: str) -> bool:
    """Return whether a file of tests, with the modules of tests that it imports, can tell that there is one more."""
    if READING_FILES.search(_text(module)):
        return True
    seen: set[str] = set()
    queue = [module]
    while queue:
        name = queue.pop()
        if name in seen or not ROOT.joinpath(*name.split(".")).with_suffix(".py").exists():
            continue  # or it is a name in a module
        seen.add(name)
        if GIVEN_A_GRAPH.search(_text(name)):
            queue.append("tests.harness")
        queue += [imported for imported in imports(name) if imported.startswith("tests.")]
        if any(f"{imported}.".startswith(f"{one}.") for imported in imports(name) for one in KNOWING_ALL):
            return True
    return False


def _chosen() -> list[str]:
    """Return the paths of the tests that a new source can break; they are half of all by the time they take."""
    files = [file.stem for file in files_of_tests()]
    found = [stem for stem in files if stem.startswith("test_simulator") or _sees_all_sources(f"tests.{stem}")]
    return [f"tests/{stem}.py" for stem in [*found, "test_toy"]]


def test_tests_of_the_whole_are_chosen_and_those_of_a_part_are_not() -> None:
    chosen = set(_chosen())
    for name in (
        "sources_complete",
        "docs",
        "tour",
        "architecture",
        "settings",
        "schema",
        "access",
        "query",
        "canaries",
    ):
        assert f"tests/test_{name}.py" in chosen
    for name in ("jwt", "lru", "rate_limiter", "store_deals", "nexudus_record", "worker", "httpclient_connection"):
        assert f"tests/test_{name}.py" not in chosen


@pytest.mark.whole
@followed
def test_following_the_page_ends_with_every_check_and_test_passing(tmp_path: Path) -> None:
    """The page's commands, as they stand there, with the packages that this test itself runs with.

    Of `make test` what a new source can break: `make test` here runs the others, on the same lines of code.
    """
    root = tmp_path / "copy"
    _copy(root)
    known = ROOT / ".mypy_cache"
    if known.is_dir():  # what the page leaves alone need not be checked again
        shutil.copytree(known, root / known.name)

    commands = "".join(COMMANDS.findall(PAGE.read_text("utf-8"))).splitlines()
    assert commands == ["make schema", "make check", "make test"]
    venv = Path(sys.prefix)
    tests = f"TESTS={' '.join(_chosen())}"
    for command in commands:
        _run(root, *command.split(), tests, f"PYTHON={sys.executable}", f"VENV={venv}", "-o", f"{venv}/installed")


@pytest.mark.parametrize(("text", "count"), [("b\n", 0), ("a\nx\na\n", 2)])
def test_a_step_that_fits_nowhere_or_twice_is_refused(text: str, count: int) -> None:
    with pytest.raises(AssertionError, match=f"stand {count} times in file"):
        _apply(" a\n+b\n", text, "file")


@pytest.mark.programs
def test_what_a_command_has_started_is_killed_with_it_when_its_time_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pid = tmp_path / "pid"

    def communicate(process: subprocess.Popen[str], timeout: float) -> None:
        until(lambda: pid.exists() and pid.read_text().endswith("\n"))
        raise subprocess.TimeoutExpired(process.args, timeout)

    monkeypatch.setattr(subprocess.Popen, "communicate", communicate)
    with pytest.raises(subprocess.TimeoutExpired):
        _run(tmp_path, "sh", "-c", "sleep 100 & echo $! >pid; wait")
    until(lambda: not is_running(pid.read_text().strip()))
