"""The modules of ours, and what each of them imports, as their text says: nothing is loaded."""

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGES = (
    *("web", "schema", "engine", "resolvers", "store", "sync", "metrics", "tracing"),
    *("security", "startup", "httpserver", "httpclient", "simulator"),
)
TOP = tuple(file.stem for file in sorted(ROOT.glob("*.py")))
"""Modules that know several packages: `server`, and what stands beside it."""


@cache
def modules() -> dict[str, Path]:
    """Return our modules by dotted name."""
    found = {name: ROOT / f"{name}.py" for name in TOP}
    for package in PACKAGES:
        for file in sorted((ROOT / package).rglob("*.py")):
            parts = file.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return found


def files_of_tests(pattern: str = "test_*.py") -> list[Path]:
    """Return the files in the folder of tests."""
    return sorted((ROOT / "tests").glob(pattern))


Import = ast.Import | ast.ImportFrom


@cache
def outline(file: Path) -> tuple[str, tuple[Import, ...], tuple[Import, ...]]:
    """Return a file's docstring, and its imports wherever in its text: all of them, and those of run time.

    The rest of its tree is let go: all files' together would be hundreds of megabytes.
    """
    tree = ast.parse(file.read_text("utf-8"))
    found: list[tuple[Import, bool]] = []
    queue: list[tuple[ast.AST, bool]] = [(tree, False)]
    while queue:
        node, for_types = queue.pop()
        for_types = for_types or (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
        # An import is a statement: no expression holds one, and there are many expressions.
        parts = [child for child in ast.iter_child_nodes(node) if not isinstance(child, ast.expr | ast.expr_context)]
        queue += [(part, for_types) for part in parts]
        if isinstance(node, ast.Import | ast.ImportFrom):
            found.append((node, for_types))
    at_run_time = tuple(node for node, for_types in found if not for_types)
    return ast.get_docstring(tree) or "", tuple(node for node, _ in found), at_run_time


@cache
def imports(module: str, *, at_run_time: bool = False) -> frozenset[str]:
    """Return the modules of ours that a module imports; of tests as well, `tests.test_jwt` is one."""
    file = modules().get(module) or ROOT.joinpath(*module.split(".")).with_suffix(".py")
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    found: set[str] = set()
    _, everywhere, when_running = outline(file)
    for node in when_running if at_run_time else everywhere:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        else:
            parents = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*parents, *([node.module] if node.module else [])])
            found |= {base} | {f"{base}.{alias.name}" for alias in node.names}
    return frozenset(name for name in found if name in modules() or top(name) in (*PACKAGES, *TOP, "tests"))


def top(module: str) -> str:
    """Return the package of a module, which is itself where it stands in none."""
    return module.partition(".")[0]
