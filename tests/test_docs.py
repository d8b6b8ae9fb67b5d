"""The documentation says what the code does: codes, settings, answers, links, commands."""

import ast
import json
import re
import sys
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from dotenv import dotenv_values

import server
from resolvers.errors import ResolverError
from resolvers.settings import Secret, Settings, variables
from simulator import FAULTS, Simulator, __main__
from store.migrations.upgrade import VERSION
from sync.settings import SyncSettings
from tests.harness import Graph, open_graph
from tests.questions import QUESTIONS, TODAY

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "examples" / "queries"

PACKAGES = (
    *("httpserver", "web", "engine", "schema", "resolvers"),
    *("sync", "metrics", "tracing", "security", "httpclient"),
)

PAGES = sorted(
    page
    for folder in ("", "docs/", "examples/", "benchmarks/", "simulator/", *(f"{package}/" for package in PACKAGES))
    for pattern in ("*.md", "*/*.md")
    if folder or "/" not in pattern
    for page in ROOT.glob(f"{folder}{pattern}")
)
PAGE_NAMES = [page.relative_to(ROOT).as_posix() for page in PAGES]

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def _text(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def _sections(text: str, level: str) -> dict[str, str]:
    """Return the text under each heading of one level."""
    parts = re.split(rf"^{level} (.+)$", FENCE.sub(_without_headings, text), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def _without_headings(fence: re.Match[str]) -> str:
    return re.sub(r"^#", "\N{ZERO WIDTH SPACE}#", fence[0], flags=re.MULTILINE)


def _fences(text: str, language: str) -> list[str]:
    return [body.replace("\N{ZERO WIDTH SPACE}", "") for found, body in FENCE.findall(text) if found == language]


def _subclasses(class_: type[Any]) -> Iterator[type[Any]]:
    for sub in class_.__subclasses__():
        yield sub
        yield from _subclasses(sub)


def _settings() -> list[type[Settings]]:
    """Return the structs that settings are read into: the leaves, for the others are their bases."""
    assert issubclass(SyncSettings, Settings)  # which is loaded by its import
    ours = [struct for struct in _subclasses(Settings) if not struct.__module__.startswith("tests.")]
    return [struct for struct in ours if not any(struct in other.__mro__[1:] for other in ours)]


# --- error codes


def _coded_errors() -> dict[str, type[ResolverError]]:
    ours = [c for c in _subclasses(ResolverError) if not c.__module__.startswith("tests.")]
    return {c.code: c for c in ours if "code" in vars(c)}


CODE = "[A-Z][A-Z_]{6,}[A-Z]"


@cache
def _codes() -> set[str]:
    """Return every error code that can be sent: those of the exceptions, and each constant that looks like one."""
    others = {name for struct in _settings() for name in variables(struct)} | {
        "OPTIONS",
        "CONNECT",
        "DELETE",
        "VERSIONS",
        "WEB_CONCURRENCY",
        "PROMETHEUS_MULTIPROC_DIR",
    }
    found = set(_coded_errors())
    folders = ("engine", "httpserver", "schema", "web")
    for file in (*ROOT.glob("*.py"), *(file for folder in folders for file in (ROOT / folder).rglob("*.py"))):
        text = file.read_text("utf-8")
        if re.search(rf"""["']{CODE}["']""", text):  # most files have none, and need not be taken to pieces
            constants = [str(node.value) for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Constant)]
            found |= {constant for constant in constants if re.fullmatch(CODE, constant)}
    return found - others


def _error_sections() -> dict[str, str]:
    sections = _sections(_text("docs/errors.md"), "##")
    return {title: text for title, text in sections.items() if re.fullmatch(r"[A-Z_]+", title)}


def test_every_error_code_has_a_heading_and_every_heading_a_code() -> None:
    headings = set(_error_sections())
    codes = _codes()
    assert codes - headings == set(), "docs/errors.md lacks a heading for these codes"
    assert headings - codes == set(), "docs/errors.md describes codes that the code does not send"


@pytest.mark.parametrize("code", sorted(_codes()))
def test_a_code_is_explained_with_an_example_and_whether_to_retry(code: str) -> None:
    section = _error_sections()[code]
    example = json.loads(_fences(section, "json")[0])
    class_ = _coded_errors().get(code)
    retryable = class_.retryable if class_ else example["extensions"]["retryable"]
    assert example["extensions"]["code"] == code
    assert example["extensions"]["retryable"] is retryable
    assert f"\nRetryable: {'yes' if retryable else 'no'}" in section
    if hasattr(class_, "default_message"):
        assert example["message"] == class_.default_message


async def test_the_example_of_an_error_is_what_a_client_gets(graph: Graph) -> None:
    graph.simulator.chartmogul.faults.add(FAULTS["429-retry-after-60"], times=None)
    answer = await graph.ask(
        '{ nexudusOpportunity(sourceId: "1427000501") { status } '
        'chartMogulOpportunity(sourceId: "4ee13ca4-e7fe-11ee-fa7f-f303abf41acc") { status } }'
    )
    answer.pop("extensions")
    assert json.loads(_fences(_sections(_text("README.md"), "##")["When something fails"], "json")[0]) == answer
    assert json.loads(_fences(_sections(_text("docs/errors.md"), "##")["The shape"], "json")[0]) == answer


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ('{ opportunity(id: "abc") ', "GRAPHQL_PARSE_FAILED"),
        ('{ deal(id: "abc") { status } }', "GRAPHQL_VALIDATION_FAILED"),
        ('{ nexudusOpportunity(sourceId: "abc") { status } }', "BAD_USER_INPUT"),
    ],
)
async def test_the_examples_of_refused_documents_are_what_a_client_gets(graph: Graph, document: str, code: str) -> None:
    example = json.loads(_fences(_error_sections()[code], "json")[0])
    error = (await graph.ask(document))["errors"][0]
    assert {name: error[name] for name in example} == example


@pytest.mark.parametrize(
    ("row", "body", "content_type", "statuses"),
    [
        ("Executed", {"query": "{ __typename }"}, "application/json", (200, 200)),
        ("Document cannot be parsed", {"query": "{"}, "application/json", (400, 200)),
        ("Not a GraphQL request", [], "application/json", (400, 400)),
        ("The body is not", {"query": "{ __typename }"}, "text/plain", (415, 415)),
    ],
)
async def test_the_table_of_http_statuses_is_true(
    graph: Graph, row: str, body: Any, content_type: str, statuses: tuple[int, int]
) -> None:
    line = re.search(rf"^\| {row}.*\| (\d+) \| (\d+) \|$", _text("docs/errors.md"), re.MULTILINE)
    assert line
    assert (int(line[1]), int(line[2])) == statuses
    for media_type, status in zip(("graphql-response+json", "json"), statuses, strict=True):
        answer = await graph.post(body, accept=f"application/{media_type}", content_type=content_type)
        assert answer.status == status


# --- settings


def _defaults() -> dict[str, str]:
    """Return every setting of the code with its default as the documentation writes it, "" for none."""
    found = {}
    for struct in _settings():
        for name, field in variables(struct).items():
            default = field.default
            text = str(default).lower() if isinstance(default, bool) else str(default)
            found[name] = "" if default in (None, msgspec.NODEFAULT) else text
    return found


def test_the_table_of_settings_has_every_setting_with_its_default() -> None:
    section = _sections(_text("docs/operating.md"), "##")["Settings"]
    rows = re.findall(r"^\| `([A-Z_]+)` \| (?:`([^`]*)`)? ?\| (.+) \|$", section, re.MULTILINE)
    assert len({name for name, _, _ in rows}) == len(rows)
    table, defaults = {name: default for name, default, _ in rows}, _defaults()
    wrong = {name: default for name, default in defaults.items() if table.get(name) != default}
    assert not wrong, f"docs/operating.md, Settings: missing, or another default than in the code: {wrong}"
    assert set(table) <= set(defaults), "docs/operating.md, Settings: settings that the code does not have"


def test_secrets_are_marked_in_the_table_of_settings() -> None:
    fields = {name: field for struct in _settings() for name, field in variables(struct).items()}
    secrets = {name for name, field in fields.items() if Secret in get_args(field.type)}
    marked = set(re.findall(r"^\| `([A-Z_]+)` .*\*Secret\.\*", _text("docs/operating.md"), re.MULTILINE))
    assert marked == secrets


def test_the_example_of_a_dotenv_file_has_every_setting_commented_out_with_a_comment_above() -> None:
    lines = _text(".env.example").splitlines()
    settings = {}
    for above, line in pairwise(lines):
        if found := re.fullmatch(r"# ([A-Z_]+)=(.*)", line):
            assert re.fullmatch(r"# \w.*\.", above), f"no comment above {found[1]}"
            settings[found[1]] = found[2]
    defaults = _defaults()
    assert set(settings) == set(defaults)
    for name, text in settings.items():
        assert text == defaults[name] or float(text) == float(defaults[name]), name


def test_the_example_of_a_dotenv_file_sets_nothing_and_parses_when_uncommented(tmp_path: Path) -> None:
    assert dotenv_values(ROOT / ".env.example") == {}
    file = tmp_path / ".env"
    file.write_text(re.sub(r"^# ([A-Z_]+=)", r"\1", _text(".env.example"), flags=re.MULTILINE), "utf-8")
    found = {name: text for name, text in dotenv_values(file, interpolate=False).items() if text is not None}
    assert set(found) == set(_defaults())
    server.AllSettings({**found, "CHARTMOGUL_API_KEY": "key"})


# --- the README's queries and answers


def _samples() -> list[tuple[str, dict[str, Any] | None, dict[str, Any]]]:
    """Return (query, variables, answer) of each sample in the README."""
    found = []
    for text in _sections(_sections(_text("README.md"), "##")["Three queries"], "###").values():
        (query,) = _fences(text, "graphql")
        *given, answer = map(json.loads, _fences(text, "json"))
        found.append((query, given[0] if given else None, answer))
    return found


def test_the_readme_shows_the_sample_queries_behind_the_ten_questions() -> None:
    files = sorted(EXAMPLES.glob("*.graphql"))[len(QUESTIONS) :]
    given = [file.with_suffix(".json") for file in files]
    assert [query for query, _, _ in _samples()] == [file.read_text("utf-8") for file in files]
    assert [variables for _, variables, _ in _samples()] == [
        json.loads(file.read_text("utf-8")) if file.exists() else None for file in given
    ]


@pytest.mark.parametrize("number", range(len(_samples())))
async def test_the_readme_shows_the_answers_that_the_demo_gives(number: int) -> None:
    query, given, shown = _samples()[number]
    async with open_graph(Simulator(is_demo=True, today=TODAY)) as graph:
        answer = await graph.ask(query, given)
    assert "errors" not in answer
    assert answer["data"] == shown["data"]
    if "extensions" in shown:
        assert _counts(answer) == _counts(shown)


def _counts(answer: dict[str, Any]) -> dict[str, Any]:
    """Return what an answer cost, but for the time."""
    return {source: cost | {"milliseconds": 0} for source, cost in answer["extensions"]["upstream"].items()}


# --- what pages point at


def _slug(heading: str) -> str:
    """Return a heading's anchor as GitHub makes it."""
    plain = re.sub(r"[`*]|\[([^]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
    return re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")


def _anchors(page: Path) -> set[str]:
    text = FENCE.sub("", page.read_text("utf-8"))
    return {_slug(heading) for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}


@pytest.mark.parametrize("name", PAGE_NAMES)
def test_links_lead_somewhere(name: str) -> None:
    text = re.sub(r"`[^`\n]*`", "", FENCE.sub("", _text(name)))
    links = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r"^\[[^]]+\]: (\S+)$", text, re.MULTILINE)
    for link in links:
        path, _, anchor = link.partition("#")
        if re.match(r"https?://", link):
            continue
        target = (ROOT / name).parent / path if path else ROOT / name
        assert target.exists(), f"{name}: {link}"
        if anchor:
            assert anchor in _anchors(target), f"{name}: {link}"


@pytest.mark.parametrize("name", [*PAGE_NAMES, ".ci/run"])
def test_make_targets_exist(name: str) -> None:
    text = _text(name)
    code = "\n".join(body for _, body in FENCE.findall(text)) + "\n" + "\n".join(re.findall(r"`([^`\n]+)`", text))
    commands = re.findall(r"^make\b([^#\n]*)", text if name == ".ci/run" else code, re.MULTILINE)
    wanted = {word for command in commands for word in command.split() if re.fullmatch(r"[a-z][a-z-]*", word)}
    assert wanted <= set(re.findall(r"^([a-z][a-z-]*):", _text("Makefile"), re.MULTILINE))


def test_every_command_of_the_makefile_is_in_contributing() -> None:
    targets = set(re.findall(r"^([a-z-]+):.*##", _text("Makefile"), re.MULTILINE))
    assert targets == set(re.findall(r"^\| `make ([a-z-]+)` \|", _text("CONTRIBUTING.md"), re.MULTILINE))


@pytest.mark.parametrize(("command", "main"), [("server.py", server.main), ("-m simulator", __main__.main)])
def test_command_line_flags_exist(
    command: str, main: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", [command, "--help"])
    with pytest.raises(SystemExit):
        main()
    known = set(re.findall(r"--[a-z-]+", capsys.readouterr().out))
    used = [
        flag
        for name in PAGE_NAMES
        for line in re.findall(rf"python {re.escape(command)}([^#`\n]*)", _text(name))
        for flag in re.findall(r"--[a-z-]+", line)
    ]
    assert used
    assert set(used) <= known


async def test_the_health_paths_exist(graph: Graph) -> None:
    paths = re.findall(r"^\| `(/health/\w+)` \|", _text("docs/operating.md"), re.MULTILINE)
    assert [(await graph.request("GET", path)).status for path in paths] == [200, 200, 200]


def _drawn() -> dict[str, set[str]]:
    """Return the modules by package, as docs/architecture.md draws the house: `web/`, and `auth/` indented below."""
    house = _fences(_sections(_text("docs/architecture.md"), "##")["The house"], "text")[0]
    drawn: dict[str, set[str]] = {}
    package = folder = ""
    for line in house.splitlines():
        if found := re.match(r"( *)(\w+)/ ", line):
            package = package if found[1] else found[2]
            folder = f"{package}/{found[2]}" if found[1] else package
            drawn[folder] = set()
        elif folder and re.fullmatch(r" {21}[\w ]+", line):
            drawn[folder] |= set(line.split())
    return drawn


def _described(package: str) -> set[str]:
    """Return the words that stand as code in a package's README, without `.py`."""
    readme = ROOT / package / "README.md"
    text = readme.read_text("utf-8") if readme.exists() else ""
    code = [*re.findall(r"`([^`\n]+)`", text), *(body for _, body in FENCE.findall(text))]
    return {word for piece in code for word in re.findall(r"\w+", piece)}


def test_the_house_in_the_architecture_page_has_every_package() -> None:
    folders = {
        file.parent.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for file in (*ROOT.glob(f"{package}/__init__.py"), *ROOT.glob(f"{package}/*/__init__.py"))
    }
    drawn = {folder for folder in _drawn() if folder.partition("/")[0] in PACKAGES}
    assert drawn == folders


@pytest.mark.parametrize("package", sorted(folder for folder in _drawn() if folder.partition("/")[0] in PACKAGES))
def test_the_house_or_a_packages_readme_names_every_module(package: str) -> None:
    """No module is so small that nobody has to say what it is there for."""
    modules = {file.stem for file in (ROOT / package).glob("*.py") if file.name != "__init__.py"}
    drawn = _drawn()[package]
    assert modules - drawn - _described(package) == set(), "neither docs/architecture.md nor the README names these"
    assert drawn - modules == set(), "docs/architecture.md, The house, names modules that do not exist"


# --- what must not stand in it


@pytest.mark.parametrize("name", [*PAGE_NAMES, ".env.example"])
def test_no_page_names_a_path_of_somebodys_machine_or_a_package_index(name: str) -> None:
    text = _text(name)
    assert re.findall(r"(?<![\w.:/-])/(?:home|root|work|tmp|Users|mnt|opt|var)/\S*", text) == []
    assert re.findall(r"https?://[^\s)]*(?:pypi|npmjs|registry)[^\s)]*|--(?:extra-)?index-url", text) == []


@pytest.mark.parametrize("name", PAGE_NAMES)
def test_json_examples_are_json(name: str) -> None:
    for block in _fences(_text(name), "json"):
        json.loads(block)


def test_the_store_of_the_sample_is_of_todays_version() -> None:
    assert re.findall(r"tables of version (\d+)", _text("docs/maintenance.md")) == [str(VERSION)]
