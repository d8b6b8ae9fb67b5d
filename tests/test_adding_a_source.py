"""`docs/adding-a-source.md`, followed word for word in a copy of the repository."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "adding-a-source.md"
# What is compiled is copied too, for what the page leaves alone need not be compiled again; but nothing that is being
# written: another test may be at it.
NOT_COPIED = shutil.ignore_patterns(".git", ".venv", ".env", "*_cache", ".hypothesis", "*.pyc.*", "node_modules")

STEP = re.compile(r"^(New file|In) `([^`]+)`:\n\n```(python|diff)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMANDS = re.compile(r"^```bash\n(.*?)^```$", re.MULTILINE | re.DOTALL)

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
    done = subprocess.run(
        command, cwd=root, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300
    )
    if done.returncode:
        pytest.fail(f"After docs/adding-a-source.md: {' '.join(command)}\n\n{done.stdout}", pytrace=False)


def _copy(root: Path) -> list[str]:
    """Copy the repository and follow the page there; return the paths of the Python files that it made or changed."""
    shutil.copytree(ROOT, root, ignore=NOT_COPIED)
    return _follow(PAGE.read_text("utf-8"), root)


def test_every_code_block_of_the_page_is_a_step() -> None:
    page = PAGE.read_text("utf-8")
    assert len(STEP.findall(page)) == len(re.findall(r"^```(?:python|diff)$", page, re.MULTILINE)) > 10


@followed
def test_following_the_page_adds_a_source(tmp_path: Path) -> None:
    """The quick half: what the page's own tests say."""
    root = tmp_path / "copy"
    touched = _copy(root)

    _run(root, sys.executable, "-m", "schema.export")
    # In one go: each start of pytest costs seconds.
    files = ("tests/test_toy.py", "tests/test_sources_complete.py", "tests/test_docs.py")
    chosen = "test_toy or test_sources_complete or settings or dotenv or house"
    _run(root, sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *files, "-k", chosen)
    if shutil.which("ruff", path=str(Path(sys.executable).parent)):
        _run(root, sys.executable, "-m", "ruff", "check", "--no-cache", *touched)
        _run(root, sys.executable, "-m", "ruff", "format", "--no-cache", "--check", *touched)


@pytest.mark.whole
@followed
def test_following_the_page_ends_with_every_check_and_test_passing(tmp_path: Path) -> None:
    """The page's commands, as they stand there, with the packages that this test itself runs with."""
    root = tmp_path / "copy"
    _copy(root)

    commands = "".join(COMMANDS.findall(PAGE.read_text("utf-8"))).splitlines()
    assert commands == ["make schema", "make check", "make test"]
    venv = Path(sys.prefix)
    for command in commands:
        _run(root, *command.split(), f"PYTHON={sys.executable}", f"VENV={venv}", "-o", f"{venv}/installed")


@pytest.mark.parametrize(("text", "count"), [("b\n", 0), ("a\nx\na\n", 2)])
def test_a_step_that_fits_nowhere_or_twice_is_refused(text: str, count: int) -> None:
    with pytest.raises(AssertionError, match=f"stand {count} times in file"):
        _apply(" a\n+b\n", text, "file")
