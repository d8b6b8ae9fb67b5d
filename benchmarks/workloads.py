"""What is asked, and of which records: the files that the mock and wrk read.

Ids come from a pool of 200 for each source. Times have whole seconds and end in Z, so that a peer may pass them on as
they are. The peers' answers are the same JSON; only Tailcall, which cannot take our ids apart, gets the nearest thing
that it can do: the same records and as many values, flat and in the vendors' own words.
"""

import base64
import json
import random
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

POOL = 200
UUID = "4ee13ca4-e7fe-11ee-fa7f-{:012d}"
BODIES = 300

FIRST = ("N1", "N2", "N3", "N4")
"""As W1 to W4, but no body comes twice: each has a member of a new name, which means nothing to a server."""

NAMES = ("W1", "W2", "W3", "W4", "W5", "W6")
MEANING = {
    "W1": "`opportunity(id)`, 5 fields",
    "W2": "`opportunitiesById`, 50 ids of both sources, 40 distinct, 13 fields each",
    "W3": "`opportunitiesById`, 50 distinct Nexudus records, all 48 fields",
    "W4": "`_entities`, 100 representations, half of each source, 6 fields",
    "W5": "50 aliases of `opportunity` in one document, a new text each time",
    "W6": "the same, and the fields that are asked for have new names each time, too",
}

_COMMON = "id stageName pipelineName createdAt updatedAt value { amount currencyCode } owner { name email }"
W1 = "query One($id: ID!) { opportunity(id: $id) { id stageName pipelineName owner { name } value { currencyCode } } }"
W2 = (
    "query Mixed($ids: [ID!]!) { opportunitiesById(ids: $ids) { __typename "
    f"{_COMMON} ... on NexudusOpportunity {{ dueDate leadSource statusCode }} "
    "... on ChartMogulOpportunity { estimatedCloseDate forecastCategory winLikelihood } } }"
)
W3 = """query Full($ids: [ID!]!) { opportunitiesById(ids: $ids) { ... on NexudusOpportunity {
 sourceId uniqueId name position referrerId agentId notes statusCode isCompleted dueDate isReminded leadSourceCode
 lossReasonCode wonOn lostOn crmUpdatedOn updatedBy isNew systemId createdAt updatedAt value { amount }
 boardColumn { id name board { id name business { id name currency { id code } } } }
 coworker { id fullName coworkerType companyName email } team { id name description profileWebsite }
 opportunityType { id name } responsible { id fullName } utm { source medium campaign content term } } } }"""
W4 = (
    "query Entities($representations: [_Any!]!) { _entities(representations: $representations) { "
    "... on NexudusOpportunity { id stageName status dueDate value { amount currencyCode } } "
    "... on ChartMogulOpportunity { id stageName status winLikelihood value { amount currencyCode } } } }"
)

# Tailcall, see above.
T1 = "query One($id: ID!) { nexudusOpportunity(sourceId: $id) { id stageName pipelineName ownerName currency } }"
_T_COMMON = "id stageName pipelineName createdAt updatedAt amount currency ownerName"
T2 = (
    "query Mixed($nexudus: [Ref!]!, $chartMogul: [Ref!]!) { "
    f"nexudusOpportunities(refs: $nexudus) {{ it {{ __typename {_T_COMMON} dueDate leadSource statusCode }} }} "
    f"chartMogulOpportunities(refs: $chartMogul) {{ it {{ __typename {_T_COMMON} estimatedCloseDate forecastCategory "
    "winLikelihood } } }"
)


@dataclass(frozen=True)
class Files:
    """Where `write` has put everything."""

    folder: Path

    @property
    def records(self) -> Path:
        """What the mock serves."""
        return self.folder / "records.tsv"

    def bodies(self, workload: str, dialect: str = "") -> Path:
        """The requests of a workload, one a line."""
        return self.folder / f"{workload}{f'-{dialect}' if dialect else ''}.txt"


def write(folder: Path) -> Files:
    """Write the records and the requests."""
    folder.mkdir(parents=True, exist_ok=True)
    files = Files(folder)
    numbers = range(1, POOL + 1)
    lines = [f"{n}\t{json.dumps(nexudus_record(n))}" for n in numbers]
    lines += [f"{UUID.format(n)}\t{json.dumps(chartmogul_record(n))}" for n in numbers]
    files.records.write_text("\n".join(lines) + "\n", "utf-8")
    chance = random.Random(7)  # noqa: S311 - seeded variety
    drawn = [_draw(chance) for _ in range(BODIES)]
    for name, bodies in {
        "W1": (body(W1, id=_ids(d.nexudus if i % 2 else d.chartmogul)[0]) for i, d in enumerate(drawn)),
        "W2": (body(W2, ids=d.mixed) for d in drawn),
        "W3": (body(W3, ids=_ids(d.nexudus)) for d in drawn),
        "W4": (body(W4, representations=d.representations) for d in drawn),
        "W5": (body(_aliases(d.mixed, "id stageName status")) for d in drawn),
        "W6": (body(_aliases(d.mixed, "id stageName s@@: status")) for d in drawn),
    }.items():
        texts = list(bodies)
        write_bodies(files.bodies(name), texts)
        if (first := name.replace("W", "N")) in FIRST:
            write_bodies(files.bodies(first), map(unlike_any_other, texts))
    write_bodies(files.bodies("W1", "tailcall"), (body(T1, id=d.nexudus[0]) for d in drawn))
    write_bodies(
        files.bodies("W2", "tailcall"), (_tailcall_lists(T2, d.nexudus[:20], d.chartmogul[:20]) for d in drawn)
    )
    write_bodies(files.bodies("W3", "tailcall"), (_tailcall_lists(_t3(), d.nexudus, None) for d in drawn))
    return files


def sized(file: Path, ids: int) -> Path:
    """Write requests for so many ids of Nexudus each, W2's fields; return the file."""
    chance = random.Random(7)  # noqa: S311 - seeded variety
    numbers = range(1, POOL + 1)
    write_bodies(file, (body(W2, ids=_ids(map(str, chance.sample(numbers, ids)))) for _ in range(100)))
    return file


def pool() -> list[bytes]:
    """Return requests that together ask for every record once."""
    numbers = range(1, POOL + 1)
    ids = _ids([*map(str, numbers), *map(UUID.format, numbers)])
    query = "query Pool($ids: [ID!]!) { opportunitiesById(ids: $ids) { id } }"
    return [body(query, ids=ids[at : at + 50]).encode() for at in range(0, len(ids), 50)]


def fresh(file: Path) -> Path:
    """Write requests whose document, down to its fields, and whose id, which does not exist, no request had before."""
    fragment = "fragment F@@ on NexudusOpportunity { status stageName }"
    query = f'query Q@@ {{ nexudusOpportunity(sourceId: "9##") {{ id ...F@@ }} }} {fragment}'
    write_bodies(file, [body(query)])
    return file


@dataclass(frozen=True)
class _Draw:
    nexudus: list[str]
    chartmogul: list[str]

    @property
    def mixed(self) -> list[str]:
        """50 global ids, 20 distinct ones of each source, and 10 of them twice."""
        nexudus = _ids(self.nexudus[:20] + self.nexudus[:5])
        chartmogul = _ids(self.chartmogul[:20] + self.chartmogul[:5])
        return [id_ for pair in zip(nexudus, chartmogul, strict=True) for id_ in pair]

    @property
    def representations(self) -> list[dict[str, str]]:
        """100 of them, as a router sends them."""
        pairs = zip(self.nexudus, self.chartmogul, strict=True)
        return [
            {"__typename": name, "sourceId": id_}
            for pair in pairs
            for name, id_ in zip(("NexudusOpportunity", "ChartMogulOpportunity"), pair, strict=True)
        ]


def _draw(chance: random.Random) -> _Draw:
    numbers = range(1, POOL + 1)
    return _Draw([str(n) for n in chance.sample(numbers, 50)], [UUID.format(n) for n in chance.sample(numbers, 50)])


def _ids(source_ids: Iterable[str]) -> list[str]:
    return [
        base64.urlsafe_b64encode(f"{'chartmogul' if '-' in i else 'nexudus'}:{i}".encode()).rstrip(b"=").decode()
        for i in source_ids
    ]


def body(query: str, **variables: Any) -> str:
    """Return a request."""
    return json.dumps({"query": " ".join(query.split()), "variables": variables})


def unlike_any_other(text: str) -> str:
    """Return a request with a member of a new name each time, which means nothing to a server."""
    return f'{text[:-1]}, "n@@": 1}}'


def _aliases(ids: list[str], selection: str) -> str:
    fields = "".join(f' a{n}: opportunity(id: "{id_}") {{ {selection} }}' for n, id_ in enumerate(ids))
    return f"query Q@@ {{{fields} }}"


def _tailcall_lists(query: str, nexudus: list[str], chartmogul: list[str] | None) -> str:
    given = {"nexudus": [{"id": id_} for id_ in nexudus + nexudus[: 5 if chartmogul else 0]]}
    if chartmogul:
        given["chartMogul"] = [{"id": id_} for id_ in chartmogul + chartmogul[:5]]
    return body(query, **given)


def _t3() -> str:
    fields = " ".join(nexudus_record(1))
    return f"query Full($nexudus: [Ref!]!) {{ nexudusOpportunities(refs: $nexudus) {{ it {{ {fields} }} }} }}"


def write_bodies(file: Path, bodies: Iterable[str]) -> None:
    """Write requests, one a line."""
    file.write_text("\n".join(bodies) + "\n", "utf-8")


def nexudus_record(n: int) -> dict[str, Any]:
    """Return a CrmOpportunity with all documented fields."""
    day = f"{n % 28 + 1:02d}"
    return {
        "Name": f"tag-{n}",
        "CrmBoardColumnId": n % 40 + 100,
        "CrmBoardColumnName": ("Enquiry", "Tour booked", "Proposal", "Won", "Lost")[n % 5],
        "CrmBoardColumnCrmBoardId": n % 4 + 10,
        "CrmBoardColumnCrmBoardName": f"Sales board {n % 4}",
        "CrmBoardColumnCrmBoardBusinessId": n % 3 + 1,
        "CrmBoardColumnCrmBoardBusinessName": f"Example Coworking {n % 3}",
        "CrmBoardColumnCrmBoardBusinessCurrencyId": 3003,
        "CrmBoardColumnCrmBoardBusinessCurrencyCode": "GBP",
        "CoworkerId": n + 5000,
        "CoworkerFullName": f"Testy Kov\u00e1cs {n}",
        "CoworkerCoworkerType": "Company",
        "CoworkerCompanyName": f"Example {n} Ltd",
        "CoworkerEmail": f"testy{n}@example.com",
        "TeamId": n + 1,
        "TeamName": f"Team {n}",
        "TeamDescription": "A team of designers and engineers that rents desks",
        "TeamProfileWebsite": f"https://team{n}.example.com",
        "OpportunityTypeId": 7,
        "OpportunityTypeName": "Private office",
        "ResponsibleId": n % 300 + 900,
        "ResponsibleFullName": f"Sam Seller {n % 300}",
        "ReferrerId": None,
        "AgentId": None,
        "Notes": f'Called on Monday, wants 4 desks near a window; follow up with a "quote".\nSecond line of notes {n}.',
        "Completed": n % 5 > 2,
        "DueDate": f"2026-12-{day}T09:00:00Z",
        "Value": n * 10 + 0.5,
        "Reminded": False,
        "LeadSource": (1, 2, 5, 11, 19)[n % 5],
        "LossReason": None,
        "Status": n % 3 + 1,
        "WonOn": None,
        "LostOn": None,
        "CrmUpdatedOn": f"2026-11-{day}T10:11:12Z",
        "Position": n % 50,
        "UtmSource": "google",
        "UtmMedium": "cpc",
        "UtmCampaign": f"autumn-{n % 12}",
        "UtmContent": "banner",
        "UtmTerm": "office space",
        "Id": n,
        "UniqueId": f"7c9e6679-7425-40de-944b-{n:012d}",
        "CreatedOn": f"2026-10-{day}T08:00:00Z",
        "UpdatedOn": f"2026-11-{day}T10:11:12Z",
        "UpdatedBy": f"admin{n % 5}@example.com",
        "IsNew": False,
        "SystemId": f"sys-{n}",
    }


def chartmogul_record(n: int) -> dict[str, Any]:
    """Return an opportunity with all documented fields."""
    return {
        "uuid": UUID.format(n),
        "customer_uuid": f"cus_f466e33d-ff2b-4a11-8f85-{n:012d}",
        "owner": f"owner{n % 20}@example.com",
        "pipeline": "New Business",
        "pipeline_stage": ("Discovery", "Demo", "Negotiation", "Closed")[n % 4],
        "estimated_close_date": f"2026-12-{n % 28 + 1:02d}",
        "currency": "USD",
        "amount_in_cents": n * 1000,
        "type": "recurring" if n % 2 else "one-time",
        "forecast_category": ("pipeline", "best_case", "committed", "lost", "won")[n % 5],
        "win_likelihood": n % 101,
        "custom": {"seats": n % 30 + 1, "marketing_campaign": "Facebook"},
        "created_at": f"2026-03-{n % 28 + 1:02d}T09:55:50Z",
        "updated_at": f"2026-04-{n % 28 + 1:02d}T09:55:50Z",
    }
