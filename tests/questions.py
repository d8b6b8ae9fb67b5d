"""The ten questions that sales asks each week: their queries, and the demo's answers on a day that does not pass.

`python -m tests.questions` writes queries, variables and answers into `docs/questions.md` and the README again, after
the demo's deals, the graph or a query have changed. What stands between them is written by hand.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from configuration import DEMO_PACE
from resolvers.chartmogul import CHARTMOGUL
from resolvers.nexudus import NEXUDUS
from resolvers.registry import SOURCES
from resolvers.settings import variables
from simulator import Simulator
from tests.deal_lists import two_sources
from tests.harness import Graph, open_graph

ROOT: Final = Path(__file__).parent.parent
PAGE: Final = ROOT / "docs" / "questions.md"
README: Final = ROOT / "README.md"
TODAY: Final = datetime(2026, 11, 18, 10, tzinfo=UTC)
WIDTH: Final = 110
MORE: Final = "…"
"""Ends a list that is shown in part."""
MOST: Final = 2
FENCES: Final = re.compile(r"^```(graphql|json)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

FILLED: Final = """{
  sources { status { isComplete } }
  opportunities(filter: {source: {eq: CHARTMOGUL}, customerEmail: {isNull: true}}) { totalCount }
}"""


@dataclass(frozen=True)
class Question:
    """One of the ten."""

    name: str
    query: str
    variables: dict[str, Any] | None

    def shown(self, answer: Any) -> list[tuple[str, str]]:
        """Return the language and the text of what a page shows: the query, its variables, its answer."""
        given = [] if self.variables is None else [("json", pretty(shortened(self.variables)))]
        return [("graphql", self.query), *given, ("json", pretty(shortened(answer)))]


def _read(file: Path) -> Question:
    given = file.with_suffix(".json")
    return Question(
        file.stem, file.read_text("utf-8"), json.loads(given.read_text("utf-8")) if given.exists() else None
    )


QUESTIONS: Final = [_read(file) for file in sorted((ROOT / "examples" / "queries").glob("*.graphql"))[:10]]


ON_README: Final = 0
"""The place of the one that the README shows."""


OF_OTHERS: Final = {
    name: "" for source in SOURCES if source not in (NEXUDUS, CHARTMOGUL) for name in variables(source.settings)
}
"""Unset: the questions are asked of two sources, whichever others there are."""


@asynccontextmanager
async def open_demo(today: datetime = TODAY) -> AsyncIterator[Graph]:
    """Run the demo on that day, its store filled."""
    simulator = Simulator(is_demo=True, today=today)
    settings = DEMO_PACE | OF_OTHERS | {"SYNC_ENABLED": "true", "UPSTREAM_COST": "false"}
    with two_sources():
        async with open_graph(simulator, wall_clock=today.timestamp, **settings) as graph:
            while not _is_filled((await graph.ask(FILLED))["data"]):  # noqa: ASYNC110 - the graph tells by being asked
                await asyncio.sleep(0.01)  # in which the sync goes on
            yield graph


def _is_filled(data: dict[str, Any]) -> bool:
    """Return whether the store has all deals, and the customers of all of them."""
    is_complete = all(one["status"]["isComplete"] for one in data["sources"])
    return is_complete and data["opportunities"]["totalCount"] == 0


def shortened(value: Any) -> Any:
    """Return JSON with the first items of each list, and `MORE` behind them."""
    if isinstance(value, dict):
        return {name: shortened(item) for name, item in value.items()}
    if isinstance(value, list):
        shown = [shortened(item) for item in value[:MOST]]
        return [*shown, MORE] if len(value) > MOST else shown
    return value


def pretty(value: Any) -> str:
    """Return JSON as a reader likes it: on one line what fits there. Ends with a line break."""
    return _pretty(value, 0) + "\n"


def _pretty(value: Any, indent: int) -> str:
    line = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, dict | list) or indent + len(line) <= WIDTH:
        return line
    inner = " " * (indent + 2)
    if isinstance(value, list):
        parts = [inner + _pretty(item, indent + 2) for item in value]
        return "[\n" + ",\n".join(parts) + f"\n{' ' * indent}]"
    parts = [f"{inner}{json.dumps(name)}: {_pretty(item, indent + 2)}" for name, item in value.items()]
    return "{\n" + ",\n".join(parts) + f"\n{' ' * indent}}}"


async def shown() -> list[list[tuple[str, str]]]:
    """Return what pages show of each question."""
    found = []
    async with open_demo() as graph:
        for question in QUESTIONS:
            answer = await graph.ask(question.query, question.variables)
            assert "errors" not in answer, answer
            found.append(question.shown(answer))
    return found


def fences(text: str) -> list[tuple[str, str]]:
    """Return the queries and JSON of a page in order."""
    return FENCES.findall(text)


def on_readme(text: str) -> str:
    """Return the README's part that shows a question."""
    return text.partition("\n## One question of ten\n")[2].partition("\n## ")[0]


def _written(text: str, parts: list[tuple[str, str]]) -> str:
    remaining = iter(parts)

    def replaced(_: re.Match[str]) -> str:
        language, body = next(remaining)
        return f"```{language}\n{body}```"

    return FENCES.sub(replaced, text)


def main() -> None:
    """Write the pages again."""
    found = asyncio.run(shown())
    PAGE.write_text(_written(PAGE.read_text("utf-8"), [part for parts in found for part in parts]), "utf-8")
    readme = README.read_text("utf-8")
    shown_there = on_readme(readme)
    README.write_text(readme.replace(shown_there, _written(shown_there, found[ON_README])), "utf-8")


if __name__ == "__main__":
    main()
