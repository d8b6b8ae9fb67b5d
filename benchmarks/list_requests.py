"""What lists are asked for, in the words of this server and of its peers: the same deals, as many values.

A page has 50 deals and 13 values of each, those that were changed last first: the open ones above an amount, which is
another in each request. They are much the same deals every time, which a server may have at hand; pages from anywhere
are of deals in any currency that were changed before a moment, another in each request: nearly half of all deals come.
Pages deep in the list have no filter. No request comes twice to a server that keeps answers.
"""

import base64
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from benchmarks.candidates import Candidate
from benchmarks.processes import post
from benchmarks.workloads import Files, body, unlike_any_other, write_bodies

PAGE, ANYWHERE, SEARCH = "page", "page from anywhere", "search"
SUMMARIES: Final[dict[str, dict[str, Any]]] = {
    "summary": {"by": ["STATUS", "PIPELINE", "STAGE"]},
    "summary by owner": {"by": ["OWNER"]},
    "summary by stage and owner": {"by": ["STAGE", "OWNER"]},
    "summary by month": {"by": ["CREATED_MONTH"]},
    "summary by month of closing": {"by": ["CLOSE_MONTH"]},
    "summary by source of leads": {"by": ["LEAD_SOURCE"]},
    "summary by customer": {"by": ["CUSTOMER"]},
    "summary by owner and month of closing": {"by": ["OWNER", "CLOSE_MONTH"]},
    "summary of a search by owner": {"by": ["OWNER"], "search": "negot"},
    "summary of a search by month": {"by": ["CREATED_MONTH"], "search": "negot"},
    "summary of a custom attribute by owner": {
        "by": ["OWNER"],
        "filter": {"custom": [{"key": "seats", "number": {"gt": "10"}}]},
    },
}
"""Totals: what they are by, and of which deals, all of them if nothing says so."""

SIZE: Final = 50
CURRENCY: Final = "USD"
CURRENCIES: Final = (CURRENCY, "EUR", "GBP", "HUF", "JPY", "KWD")
AMOUNTS: Final = range(10, 3_010, 10)
"""In a currency's major unit; nearly all deals are above, so that all pages are full."""

SOUGHT: Final = ("office tour", "examplesson", "kovacs", "widgets", "negot", "ravi", "blue", "gmbh")
"""Words that many of the simulator's deals have, and words that few have."""

PLACES: Final = 1_000
"""Pages from anywhere that are asked for, one after the other: more deals than a server has at hand."""

MILLIONTHS: Final = 1_000_000
AT_ONCE: Final = 200
"""How many deals are asked for at once on the way to a page far down."""


def depth(number: int) -> str:
    """Return the workload of a page so many pages down, counted from 1."""
    return f"page {number:,}"


NODES: Final = {
    "": "nodes { __typename id stageName pipelineName createdAt updatedAt value { amount currencyCode } "
    "owner { name email } ... on NexudusOpportunity { dueDate leadSource statusCode } "
    "... on ChartMogulOpportunity { estimatedCloseDate forecastCategory winLikelihood } }",
    "postgraphile": "nodes { source id: sourceId stageName pipelineName createdAt updatedAt value currency ownerName "
    "ownerEmail dueAt leadSource status }",
    "strawberry": "nodes { source id stageName pipelineName createdAt updatedAt value { amount currencyCode } "
    "owner { name email } dueAt leadSource status }",
}
QUERIES: Final = {
    "": "query Page($filter: OpportunityFilter, $after: String, $first: Int!) { opportunities(first: $first, "
    "after: $after, filter: $filter, orderBy: [{field: UPDATED_AT, direction: DESC}]) "
    "{ NODES pageInfo { hasNextPage endCursor } } }",
    "postgraphile": "query Page($filter: DealFilter, $after: Cursor, $first: Int!) { allDeals(first: $first, "
    "after: $after, filter: $filter, orderBy: [UPDATED_AT_DESC, PRIMARY_KEY_DESC]) "
    "{ NODES pageInfo { hasNextPage endCursor } } }",
    "strawberry": "query Page($filter: DealFilter, $after: String, $first: Int!) { deals(first: $first, "
    "after: $after, filter: $filter) { NODES pageInfo { hasNextPage endCursor } } }",
}
"""Both by dialect."""

SEARCHED: Final = (
    "query Search($search: String!, $first: Int!) { opportunities(first: $first, search: $search) "
    f"{{ {NODES['']} pageInfo {{ hasNextPage endCursor }} }} }}"
)

TOTALS: Final = """query Totals($by: [SummaryDimension!]!, $filter: OpportunityFilter, $search: String) {
 opportunitySummary(groupBy: $by, filter: $filter, search: $search) { rows {
 keys { dimension value } currency kind count amount weightedAmount averageAmount missingAmountCount
 missingLikelihoodCount } } }"""

ALIVE: Final = {"deletedAt": {"isNull": True}}
"""PostGraphile knows nothing of deals that are gone, until it is told."""


def _filter(
    dialect: str, amount: int | None, before: int | None = None, currency: str = CURRENCY
) -> dict[str, Any] | None:
    found = _amount_filter(dialect, amount, currency)
    if found is None or before is None:
        return found
    match dialect:
        case "postgraphile":
            return found | {"updatedAt": {"lessThan": str(before)}}
        case "strawberry":
            return found | {"updatedBefore": str(before)}
    moment = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=before)
    return found | {"updatedAt": {"lt": moment.isoformat()}}


def _amount_filter(dialect: str, amount: int | None, currency: str) -> dict[str, Any] | None:
    if dialect == "postgraphile":
        if amount is None:
            return ALIVE
        value = str(amount * MILLIONTHS)
        return ALIVE | {
            "status": {"equalTo": "open"},
            "currency": {"equalTo": currency},
            "value": {"greaterThanOrEqualTo": value},
        }
    if amount is None:
        return None
    if dialect == "strawberry":
        return {"status": "open", "currency": currency, "valueFrom": str(amount * MILLIONTHS)}
    return {"status": {"eq": "OPEN"}, "value": {"gte": str(amount), "currency": currency}}


def _page(
    dialect: str,
    first: int = SIZE,
    after: str | None = None,
    amount: int | None = None,
    before: int | None = None,
    nodes: str | None = None,
    currency: str = CURRENCY,
) -> str:
    query = QUERIES[dialect].replace("NODES", NODES[dialect] if nodes is None else nodes)
    return body(query, first=first, after=after, filter=_filter(dialect, amount, before, currency))


def write(files: Files) -> None:
    """Write the requests that can be known before any server runs."""
    files.folder.mkdir(parents=True, exist_ok=True)
    amounts = list(AMOUNTS)
    random.Random(7).shuffle(amounts)  # noqa: S311 - seeded variety
    for dialect in QUERIES:
        pages = [unlike_any_other(_page(dialect, amount=amount)) for amount in amounts]
        write_bodies(files.bodies(PAGE, dialect), pages)
        write_bodies(files.bodies(depth(1), dialect), [unlike_any_other(_page(dialect))])
    write_bodies(files.bodies(SEARCH), [unlike_any_other(body(SEARCHED, first=SIZE, search=one)) for one in SOUGHT])
    for summary, asked in SUMMARIES.items():
        write_bodies(files.bodies(summary), [unlike_any_other(body(TOTALS, **asked))])


def write_anywhere(files: Files, moments: Sequence[int]) -> None:
    """Write the requests for pages from anywhere; `moments` are those at which deals were changed, in microseconds."""
    chance = random.Random(11)  # noqa: S311 - seeded variety
    ordered = sorted(moments)
    behind = ordered[len(ordered) // 4 :]  # enough deals come before to fill a page
    asked = [(chance.choice(AMOUNTS), chance.choice(behind), chance.choice(CURRENCIES)) for _ in range(PLACES)]
    for dialect in QUERIES:
        pages = [
            unlike_any_other(_page(dialect, amount=amount, before=moment, currency=currency))
            for amount, moment, currency in asked
        ]
        write_bodies(files.bodies(ANYWHERE, dialect), pages)


def write_deep(files: Files, found: list[Candidate], depths: list[int]) -> None:
    """Write the requests for pages deep in the list, with the cursors that servers give on the way there.

    Those of one dialect understand each other's: they have the same deals.
    """
    for candidate in {candidate.dialect: candidate for candidate in found}.values():
        position = Position(candidate)
        for number in sorted(depths):
            position.go(SIZE * (number - 1))
            text = unlike_any_other(_page(candidate.dialect, after=position.cursor))
            write_bodies(files.bodies(depth(number), candidate.dialect), [text])


@dataclass
class Position:
    """How far down a server's list one has come."""

    candidate: Candidate
    rows: int = 0
    cursor: str | None = field(default=None)

    def go(self, rows: int) -> None:
        """Go on until so many deals lie before; raises SystemExit where the list ends before."""
        while self.rows < rows:
            first = min(AT_ONCE, rows - self.rows)
            text = _page(self.candidate.dialect, first, self.cursor, nodes="")
            info = page(self.candidate, text)["pageInfo"]
            if not info["hasNextPage"]:
                raise SystemExit(f"{self.candidate.name} has fewer than {rows} deals.")
            self.rows, self.cursor = self.rows + first, info["endCursor"]


def page(candidate: Candidate, text: str) -> dict[str, Any]:
    """Return the connection that a server answers with."""
    answer = post(candidate.url, text.replace("@@", "look").encode())
    if answer.get("errors"):
        raise SystemExit(f"{candidate.name} fails: {json.dumps(answer['errors'])[:500]}")
    found: dict[str, Any] = next(iter(answer["data"].values()))
    return found


def ids(candidate: Candidate, text: str) -> list[str]:
    """Return the ids of a page's deals in their own systems."""
    return [_id(candidate, node["id"]) for node in page(candidate, text)["nodes"]]


def _id(candidate: Candidate, given: str) -> str:
    if candidate.dialect:
        return given
    return base64.urlsafe_b64decode(given + "=" * (-len(given) % 4)).decode().partition(":")[2]


def differences(found: list[Candidate], files: Files, workloads: list[str]) -> list[str]:
    """Return a line for each server whose pages have other deals than those of the first."""
    problems = []
    for workload in workloads:
        expected: list[list[str]] = []
        for candidate in found:
            texts = files.bodies(workload, candidate.dialect).read_text("utf-8").splitlines()[:5]
            pages = [ids(candidate, text) for text in texts]
            expected = expected or pages
            if pages != expected or not all(pages):
                problems.append(f"{candidate.name} answers `{workload}` differently.")
    return problems
