"""Imports run one way, and no name of ours stands in the way of anybody else's."""

import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from pathlib import Path

import pytest

from resolvers.registry import SOURCES
from tests.conftest import BEHAVIOUR, LONG
from tests.module_imports import PACKAGES, ROOT, TOP, files_of_tests, imports, modules, outline, top

MAY_IMPORT: dict[str, set[str]] = {
    "web": {"httpserver"},
    "schema": {"engine", "resolvers", "store"},
    "sync": {"store", "resolvers"},
    "store": set(),
    "startup": {
        "configuration",
        "server_settings",
        "security",
        "logs",
        "resolvers",
        "store",
        "web",
        "httpclient",
        "httpserver",
        "simulator",
    },
    "security": {"web", "schema", "engine", "resolvers", "httpclient"},
    "metrics": {"engine", "web", "resolvers", "store", "sync", "httpserver"},
    "tracing": {"resolvers", "metrics"},
    "engine": set(),
    "resolvers": {"httpclient"},
    "httpserver": set(),
    "httpclient": set(),
    "simulator": set(),
}

LAYERS = (
    ("errors", "settings", "telemetry"),
    ("reply",),
    ("resilience",),
    ("listing", "source_settings"),
    ("source",),
    tuple(source.name for source in SOURCES),
    ("registry",),
    ("global_id", "loaders"),
)
"""Inside `resolvers` a module imports nothing of a later row. What has no row is machinery of the sources or above."""


def part_of_resolvers(module: str) -> str:
    """Return the name right below `resolvers`, empty for modules elsewhere."""
    first, _, rest = module.partition(".")
    return rest.partition(".")[0] if first == "resolvers" else ""


def pairs() -> Iterator[tuple[str, str]]:
    for module in modules():
        for imported in imports(module):
            yield module, imported


def layer(module: str) -> int | None:
    """Return the row of a module of `resolvers`; None for machinery that no row names."""
    return next((row for row, names in enumerate(LAYERS) if part_of_resolvers(module) in names), None)


def test_the_walk_finds_the_imports() -> None:
    assert {"web", "schema", "resolvers", "startup"} <= {top(name) for name in imports("server")}
    assert "simulator" in {top(name) for name in imports("startup.demo")}
    assert "resolvers.reply" in imports("resolvers.nexudus.record")
    assert "simulator.calls" in imports("simulator.app")
    assert len(modules()) > 40


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_imports_only_what_it_may(package: str) -> None:
    allowed = {package, "lru", "loans", "background", "json_names"} | MAY_IMPORT[package]
    assert [pair for pair in pairs() if top(pair[0]) == package and top(pair[1]) not in allowed] == []


def test_what_all_may_import_imports_nothing_of_ours() -> None:
    assert imports("lru") | imports("loans") | imports("background") | imports("json_names") == frozenset()


def test_nothing_imports_the_server_or_the_tests_and_only_the_server_what_starts_it() -> None:
    assert [pair for pair in pairs() if top(pair[1]) in ("server", "tests")] == []
    assert {top(module) for module, imported in pairs() if top(imported) == "startup"} == {"server", "startup"}


def test_only_the_demo_knows_the_simulator() -> None:
    knowing = {top(module) for module, imported in pairs() if top(imported) == "simulator"}
    assert knowing == {"startup", "simulator"}


def test_the_layers_of_the_resolvers_import_downwards() -> None:
    wrong = []
    for module, imported in pairs():
        if top(module) == "resolvers" == top(imported):
            above, below = layer(module), layer(imported)
            if above is not None and below is not None and below > above:
                wrong.append((module, imported))
    assert wrong == []


def test_what_a_source_is_made_of_knows_no_source() -> None:
    """Also of machinery that no layer names: nothing that a source imports may reach back to the sources."""
    sources = {source.name for source in SOURCES}
    below: set[str] = set()
    queue = [module for module in modules() if part_of_resolvers(module) in sources]
    while queue:
        for imported in imports(queue.pop()) & modules().keys():
            if part_of_resolvers(imported) not in {*sources, ""} and imported not in below:
                below.add(imported)
                queue.append(imported)

    assert "resolvers.resilience.transport" in below
    assert [(m, i) for m in below for i in imports(m) if part_of_resolvers(i) in {*sources, "registry"}] == []


def test_a_source_never_imports_another_source() -> None:
    names = {source.name for source in SOURCES}
    for module, imported in pairs():
        ours, theirs = part_of_resolvers(module), part_of_resolvers(imported)
        assert not (ours != theirs and {ours, theirs} <= names), (module, imported)


def test_no_module_imports_itself_in_a_circle() -> None:
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, f"{' -> '.join(path)} -> {module}"
        if module in done:
            return
        for imported in imports(module, at_run_time=True) & modules().keys():
            # `from package import name` names the package as well; that is no circle for its own modules.
            if imported != module and not module.startswith(f"{imported}."):
                visit(imported, (*path, module))
        done.add(module)

    for module in modules():
        visit(module, ())


def test_no_module_is_named_like_one_of_the_standard_library() -> None:
    names = {part for module in modules() for part in module.split(".")}
    names |= {file.stem for file in (ROOT / "tests").glob("*.py")}
    assert names & set(sys.stdlib_module_names) == set()


def test_no_test_folder_shadows_a_package() -> None:
    assert [name for name in (*PACKAGES, *TOP) if (ROOT / "tests" / name).exists()] == []


def test_no_file_of_tests_imports_another() -> None:
    """A failure to import one would fail both, and whoever changes a test would have to know who uses it."""
    found = {
        file.name
        for file in files_of_tests("*.py")
        for node in outline(file)[1]
        for name in [getattr(node, "module", None) or "", *(alias.name for alias in node.names)]
        if name.rpartition(".")[2].startswith("test_")
    }
    assert found == set()


@cache
def docstrings_of_tests() -> dict[str, str]:
    """Return what each file of tests says that it tests, by its name."""
    return {file.stem: outline(file)[0] for file in files_of_tests()}


def is_tested(module: str) -> bool:
    """Return whether a file of tests has the module's name, or names it as `package.module` in its docstring.

    The file's name begins with the module's last name, or its last two where others end alike or the package is a
    world of its own: `test_jwt`, `test_nexudus_record`, `test_engine_cost_limits`; more may follow.
    """
    package, name = ["", *module.split(".")][-2:]
    shares_its_name = sum(other.split(".")[-1] == name for other in modules()) > 1
    wanted = [f"test_{package}_{name}"]
    if package == name or not (shares_its_name or package in ("engine", "httpserver", "httpclient", "simulator")):
        wanted.append(f"test_{name}")
    return any(
        f"{file}_".startswith(f"{one}_") or f"`{module}`" in text
        for file, text in docstrings_of_tests().items()
        for one in wanted
    )


def test_every_module_has_its_tests() -> None:
    """Whoever changes a module finds its tests by its name."""
    named = [name for name, file in modules().items() if not file.name.startswith("__")]
    assert [module for module in named if not is_tested(module)] == []


def test_every_file_of_tests_says_what_it_tests() -> None:
    assert [name for name, text in docstrings_of_tests().items() if not text] == []


def test_every_module_that_a_file_of_tests_names_exists() -> None:
    """A name stands for a module, or for something in one."""
    named = {
        (file, name)
        for file, text in docstrings_of_tests().items()
        for name in re.findall(rf"`((?:{'|'.join(PACKAGES)})(?:\.\w+)+)`", text)
    }
    assert named
    assert sorted(pair for pair in named if not {pair[1], pair[1].rpartition(".")[0]} & modules().keys()) == []


def test_the_files_that_are_named_for_how_they_run_exist() -> None:
    """Else a file that is renamed would be run in one way only, and nobody would notice."""
    assert [name for name in (*BEHAVIOUR, *LONG) if not (ROOT / "tests" / f"{name}.py").exists()] == []


packages_distributions = cache(metadata.packages_distributions)


@pytest.mark.parametrize("name", [*PACKAGES, *TOP])
def test_no_dependency_brings_a_package_of_our_names(name: str) -> None:
    owners = set(packages_distributions().get(name, [])) - {"opportunity-graph"}
    assert owners == set()


def test_the_build_carries_no_package() -> None:
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    assert "bypass-selection = true" in text
    assert "Private :: Do Not Upload" in text


def tracked() -> list[Path]:
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z"],  # noqa: S607 - wherever git is
            cwd=ROOT,
            capture_output=True,
            check=True,
            timeout=20,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        pytest.skip("this is no git checkout")  # an unpacked archive has no list of the project's own files
    files = [ROOT / name for name in listed.decode().split("\0") if name]
    return [file for file in files if file.is_file() and "vendor" not in file.parts]


MACHINE = re.compile(
    "|".join(
        (
            r"(?<![\w.])/(?:root|work|home/\w+|Users/\w+)/",
            r"registry\.(?:npmjs|yarnpkg)\.",
            r"files\.pythonhosted\.",
            r"pypi\.org/simple",
            r"index-url[\s=]+http",
        )
    )
)


def test_no_tracked_file_names_a_registry_or_a_path_of_one_machine() -> None:
    found = []
    for file in tracked():
        if file == Path(__file__):
            continue
        try:
            lines = file.read_text("utf-8").splitlines()
        except UnicodeDecodeError:
            continue
        found += [
            f"{file.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
            for number, line in enumerate(lines, 1)
            if MACHINE.search(line)
        ]
    assert found == []
