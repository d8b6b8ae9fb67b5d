"""Gateways, composers and clients of the GraphQL world against a running server, each in its own program.

The programs are in `tests/gateways`, with the packages they need: `npm install --prefix tests/gateways`. Hive Gateway
and the frontend are installed by themselves, in their examples. Nothing here leaves loopback.

They take as long as half of all other tests together: `make gateways` runs them, `make test` does not, `.ci/run` does.
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.frontends import demo

REPOSITORY = Path(__file__).resolve().parent.parent
PROGRAMS = REPOSITORY / "tests" / "gateways"
EXAMPLES = REPOSITORY / "examples"
SHARED = {"checks", "scenarios"}
RUN = sorted({file.stem for file in PROGRAMS.glob("*.mjs")} - SHARED)
HIVE = EXAMPLES / "hive-gateway"
FRONTEND = EXAMPLES / "frontend"
BY_THEMSELVES = {"hive_gateway": HIVE, "frontend": FRONTEND}
PINNED = [PROGRAMS / "package.json", *sorted(EXAMPLES.glob("*/package.json"))]

NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="node is not installed")

INSTALL = "npm install --no-package-lock --prefix"
SECONDS = 60


@pytest.fixture(scope="module")
def server_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the demo server, a process of its own, out of reach of the developer's settings."""
    with demo(tmp_path_factory.mktemp("server")) as url:
        # Where this fails, the programs would only wait for their time to pass.
        with urlopen(f"{url}?query=%7B__typename%7D", timeout=20) as answer:
            assert json.load(answer)["data"] == {"__typename": "Query"}
        yield url


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the programs and the examples in which the installed packages are found from everywhere."""
    if not (PROGRAMS / "node_modules").is_dir():
        pytest.skip(f"its packages are not installed: {INSTALL} tests/gateways")
    folder = tmp_path_factory.mktemp("gateways")
    without = shutil.ignore_patterns("node_modules", "dist", "gql", "supergraph.graphql")
    shutil.copytree(PROGRAMS, folder / "tests" / "gateways", ignore=without)
    shutil.copytree(EXAMPLES, folder / "examples", ignore=without)
    for file in ("schema.graphql", ".env.example"):
        shutil.copy(REPOSITORY / file, folder / file)
    shutil.copytree(REPOSITORY / "docs", folder / "docs")
    (folder / "node_modules").symlink_to(PROGRAMS / "node_modules")
    for example in BY_THEMSELVES.values():
        if (example / "node_modules").is_dir():
            (folder / "examples" / example.name / "node_modules").symlink_to(example / "node_modules")
    return folder


@needs_node
@pytest.mark.gateways
@pytest.mark.parametrize("program", RUN)
def test_program_finds_nothing_wrong(program: str, copy: Path, server_url: str, subtests: pytest.Subtests) -> None:
    example = BY_THEMSELVES.get(program)
    if example and not (example / "node_modules").is_dir():
        pytest.skip(f"the packages of examples/{example.name} are not installed: CONTRIBUTING.md has the command")
    assert NODE is not None
    done = subprocess.run(
        [NODE, copy / "tests" / "gateways" / f"{program}.mjs", server_url],
        cwd=copy,
        env={"PATH": os.environ.get("PATH", ""), "HOME": str(copy), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    checks = re.findall(r"^(ok  |FAIL) (.+)$", done.stdout, re.MULTILINE)
    for verdict, what in checks:
        with subtests.test(what.split(" — ")[0]):
            assert verdict == "ok  ", what
    assert checks, done.stdout + done.stderr
    failed = any(verdict == "FAIL" for verdict, _ in checks)
    assert failed or done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


def packages(file: Path) -> dict[str, str]:
    """Return the versions of the packages that a folder's file names."""
    content = json.loads(file.read_text())
    found: dict[str, str] = content["dependencies"] | content.get("devDependencies", {})
    return found


def test_every_package_is_pinned_to_one_version() -> None:
    versions: dict[str, set[str]] = {}
    for file in PINNED:
        for name, version in packages(file).items():
            versions.setdefault(name, set()).add(version)
    loose = {name for name, found in versions.items() if not all(re.fullmatch(r"\d+\.\d+\.\d+", v) for v in found)}
    assert loose == set()
    assert {name: found for name, found in versions.items() if len(found) > 1} == {}


def test_the_page_on_federation_names_the_versions_that_are_tested() -> None:
    page = (REPOSITORY / "docs" / "federation.md").read_text("utf-8")
    named = set(re.findall(r"\d+\.\d+\.\d+", page.partition("## What is tested")[2]))
    assert named
    assert named <= {version for file in PINNED for version in packages(file).values()}


def test_no_lock_file_names_a_place_to_download_from() -> None:
    locks = []
    for top in (PROGRAMS, EXAMPLES):
        for folder, inner, files in os.walk(top):
            inner[:] = [name for name in inner if name != "node_modules"]
            locks += [Path(folder, name) for name in files if name == "package-lock.json"]
    assert [path for path in locks if '"resolved"' in path.read_text()] == []
