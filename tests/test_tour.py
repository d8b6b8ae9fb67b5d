"""What the pages say about files and names is true: the tour, the decisions, and every path that a page names."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TOUR = ROOT / "docs" / "tour.md"
DECISIONS = ROOT / "docs" / "decisions"

FOLDERS = ("docs", "engine", "httpclient", "httpserver", "resolvers", "schema", "simulator", "store", "sync", "web")
PAGES = sorted(
    page
    for folder in ("", *(f"{name}/" for name in FOLDERS))
    for pattern in ("*.md", "*/*.md")
    if folder or "/" not in pattern
    for page in ROOT.glob(f"{folder}{pattern}")
    # It names the files that its reader is to write; another test follows it. The changelog tells of former versions.
    if page.name not in ("adding-a-source.md", "CHANGELOG.md")
)
MADE = {".venv", "benchmarks/results"}
"""Paths that a checkout has only once commands have run."""

FILES = ("py", "md", "graphql", "toml", "txt", "c", "svg", "json")


def _spans(page: Path) -> list[str]:
    """Return the code spans of a page, as they stand in its lines outside of fences."""
    text = re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    return re.findall(r"`([^`\n]+)`", text)


def _references(page: Path) -> Iterator[tuple[str, str]]:
    """Yield (path, name) of each code span that is a path of the repository; the name may be empty."""
    tops = {path.name for path in ROOT.iterdir()}
    for span in _spans(page):
        found = re.fullmatch(rf"([\w./-]+\.(?:{'|'.join(FILES)})|[\w./-]+/)(?::([\w.]+))?", span)
        if found and (found[2] or found[1].partition("/")[0] in tops) and not found[1].startswith((*MADE, "/")):
            yield found[1], found[2] or ""


@cache
def _names(file: Path) -> frozenset[str]:
    """Return the dotted names of all functions and classes of a module, nested ones too."""
    found: set[str] = set()

    def walk(node: ast.AST, prefix: str) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                found.add(f"{prefix}{child.name}")
                walk(child, f"{prefix}{child.name}.")
            elif isinstance(child, ast.stmt):
                walk(child, prefix)

    walk(ast.parse(file.read_text("utf-8")), "")
    return frozenset(found)


def _section(heading: str) -> str:
    found = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", TOUR.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert found, heading
    return found[1]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_path_and_every_name_in_it_exists(page: Path) -> None:
    wrong = []
    for path, name in _references(page):
        file = next((file for file in (ROOT / path, page.parent / path) if file.exists()), None)
        if file is None or (name and name not in _names(file)):
            wrong.append(f"{path}:{name}".rstrip(":"))
    assert wrong == []


def test_a_name_that_does_not_exist_is_noticed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("`operations.py:Operations.answer` `server.py:no_such` `web/no_such.py` `data/errors`")
    references = list(_references(page))
    assert references == [("operations.py", "Operations.answer"), ("server.py", "no_such"), ("web/no_such.py", "")]
    assert "Operations.answer" in _names(ROOT / "operations.py")
    assert "no_such" not in _names(ROOT / "server.py")


def test_the_walk_through_a_request_is_eight_steps_and_each_names_a_function_or_class() -> None:
    steps = re.findall(r"^\d+\. (.*)$", _section("One request, in eight steps"), re.MULTILINE)
    assert len(steps) == 8
    assert [step for step in steps if not re.match(r"`[\w/]+\.py:[\w.]+` \u2013 \S.*\.$", step)] == []


def test_the_picture_has_eight_parts_that_exist() -> None:
    parts = re.findall(r"^ \| \d (.*?)  ", _section("The parts"), re.MULTILINE)
    assert len(parts) == 8
    folders = [folder for part in parts for folder in part.split()]
    assert [folder for folder in folders if not (ROOT / folder).is_dir()] == []


def test_the_glossary_has_at_most_twelve_words() -> None:
    assert 6 <= len(re.findall(r"^\| ", _section("Words"), re.MULTILINE)) - 1 <= 12


def test_the_index_of_decisions_lists_each_with_its_title() -> None:
    index = dict(
        re.findall(r"^\| \d+ \| \[([^]]+)\]\(([^)]+)\) \|", (DECISIONS / "README.md").read_text("utf-8"), re.MULTILINE)
    )
    titles = {
        file.read_text("utf-8").partition("\n")[0].removeprefix("# "): file.name for file in DECISIONS.glob("[0-9]*.md")
    }
    assert index == titles
    numbers = [file.partition("-")[0] for file in sorted(titles.values())]
    assert len(set(numbers)) == len(numbers), "each decision has a number of its own"
    assert list(index.values()) == sorted(titles.values())


@pytest.mark.parametrize("file", sorted(DECISIONS.glob("[0-9]*.md")), ids=lambda file: file.stem)
def test_a_decision_is_half_a_page_with_context_choice_and_price(file: Path) -> None:
    text = file.read_text("utf-8")
    assert len(text.splitlines()) <= 60
    assert re.findall(r"^\*\*(Context|Choice|Price)\.\*\*", text, re.MULTILINE) == ["Context", "Choice", "Price"]


@pytest.mark.parametrize(("page", "most"), [("architecture", 180), ("performance", 150)])
def test_a_page_that_everybody_is_to_read_stays_short(page: str, most: int) -> None:
    assert len((ROOT / "docs" / f"{page}.md").read_text("utf-8").splitlines()) < most
