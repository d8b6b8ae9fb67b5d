"""All 62 documented fields come through the graph with the upstream's value, for every record of the simulator.

`schema.nexudus`, `schema.nexudus_objects`, `schema.chartmogul` and `schema.opportunity` say where each comes from.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from resolvers.global_id import encode
from simulator import CHARTMOGUL_EXAMPLE_ID, NEXUDUS_EXAMPLE_ID, NEXUDUS_SPECIAL, Simulator
from tests import documented
from tests.harness import open_graph

Compare = Callable[[Any, Any], bool]


def same(sent: Any, given: Any) -> bool:
    return type(sent) is type(given) and sent == given


def identity(sent: Any, given: Any) -> bool:
    """An id is text, however the source sends it."""
    return given is None if sent is None else isinstance(given, str) and given == str(int(sent))


def moment(sent: Any, given: Any) -> bool:
    """A time is UTC with a Z; digits beyond microseconds are dropped, a time without a zone is UTC."""
    if sent is None or given is None:
        return sent is given
    text = str(sent)
    expected = datetime.fromisoformat(text if text.endswith("Z") else f"{text}Z")
    return isinstance(given, str) and given.endswith("Z") and datetime.fromisoformat(given) == expected


def exact(sent: Any, given: Any) -> bool:
    """An amount is text, with the very digits of the source."""
    return given is None if sent is None else isinstance(given, str) and given == format(Decimal(sent), "f")


def integer_as_text(sent: Any, given: Any) -> bool:
    return given is None if sent is None else isinstance(given, str) and given == str(sent)


def record_type(sent: Any, given: Any) -> bool:
    return given == {"1": "Individual", "2": "Company"}.get(str(sent), sent)


def attributes(sent: Any, given: Any) -> bool:
    return given == [{"key": key, "value": value} for key, value in (sent or {}).items()]


BUSINESS = "boardColumn.board.business"
NEXUDUS: dict[str, tuple[str, Compare]] = {
    "Name": ("name", same),
    "CrmBoardColumnId": ("boardColumn.id", identity),
    "CrmBoardColumnName": ("boardColumn.name", same),
    "CrmBoardColumnCrmBoardId": ("boardColumn.board.id", identity),
    "CrmBoardColumnCrmBoardName": ("boardColumn.board.name", same),
    "CrmBoardColumnCrmBoardBusinessId": (f"{BUSINESS}.id", identity),
    "CrmBoardColumnCrmBoardBusinessName": (f"{BUSINESS}.name", same),
    "CrmBoardColumnCrmBoardBusinessCurrencyId": (f"{BUSINESS}.currency.id", identity),
    "CrmBoardColumnCrmBoardBusinessCurrencyCode": (f"{BUSINESS}.currency.code", same),
    "CoworkerId": ("coworker.id", identity),
    "CoworkerFullName": ("coworker.fullName", same),
    "CoworkerCoworkerType": ("coworker.coworkerType", record_type),
    "CoworkerCompanyName": ("coworker.companyName", same),
    "CoworkerEmail": ("coworker.email", same),
    "TeamId": ("team.id", identity),
    "TeamName": ("team.name", same),
    "TeamDescription": ("team.description", same),
    "TeamProfileWebsite": ("team.profileWebsite", same),
    "OpportunityTypeId": ("opportunityType.id", identity),
    "OpportunityTypeName": ("opportunityType.name", same),
    "ResponsibleId": ("responsible.id", identity),
    "ResponsibleFullName": ("responsible.fullName", same),
    "ReferrerId": ("referrerId", identity),
    "AgentId": ("agentId", identity),
    "Notes": ("notes", same),
    "Completed": ("isCompleted", same),
    "DueDate": ("dueDate", moment),
    "Value": ("valueAmount", exact),
    "Reminded": ("isReminded", same),
    "LeadSource": ("leadSourceCode", same),
    "LossReason": ("lossReasonCode", same),
    "Status": ("statusCode", same),
    "WonOn": ("wonOn", moment),
    "LostOn": ("lostOn", moment),
    "CrmUpdatedOn": ("crmUpdatedOn", moment),
    "Position": ("position", same),
    "UtmSource": ("utm.source", same),
    "UtmMedium": ("utm.medium", same),
    "UtmCampaign": ("utm.campaign", same),
    "UtmContent": ("utm.content", same),
    "UtmTerm": ("utm.term", same),
    "Id": ("sourceId", identity),
    "UniqueId": ("uniqueId", same),
    "CreatedOn": ("createdAt", moment),
    "UpdatedOn": ("updatedAt", moment),
    "UpdatedBy": ("updatedBy", same),
    "IsNew": ("isNew", same),
    "SystemId": ("systemId", same),
}
CHARTMOGUL: dict[str, tuple[str, Compare]] = {
    "uuid": ("sourceId", same),
    "customer_uuid": ("customer.sourceId", same),
    "owner": ("owner.email", same),
    "pipeline": ("pipelineName", same),
    "pipeline_stage": ("stageName", same),
    "estimated_close_date": ("estimatedCloseDate", same),
    "currency": ("currencyCode", same),
    "amount_in_cents": ("amountInCents", integer_as_text),
    "type": ("rawType", same),
    "forecast_category": ("rawForecastCategory", same),
    "win_likelihood": ("winLikelihood", same),
    "custom": ("custom", attributes),
    "created_at": ("createdAt", moment),
    "updated_at": ("updatedAt", moment),
}
NEUTRAL_OF_NEXUDUS = {
    "sourceId": "Id",
    "pipelineName": "CrmBoardColumnCrmBoardName",
    "stageName": "CrmBoardColumnName",
    "owner.name": "ResponsibleFullName",
    "customer.sourceId": "CoworkerId",
    "customer.name": "CoworkerFullName",
    "customer.companyName": "CoworkerCompanyName",
    "customer.email": "CoworkerEmail",
    "value.amount": "Value",
    "value.currencyCode": "CrmBoardColumnCrmBoardBusinessCurrencyCode",
    "createdAt": "CreatedOn",
    "updatedAt": "UpdatedOn",
}
LEAD_SOURCES = dict(
    zip(
        (1, 2, *range(4, 27), 98, 99),
        """WEB PHONE WEBINAR REFERRAL PRINT_ADVERT PURCHASED_LIST WORD_OF_MOUTH DIRECT_EMAIL EMAIL_MARKETING BROKER
        PROPERTY_AGENT FACEBOOK LINKEDIN INSTAGRAM TWITTER HUBBLE_HQ LIQUID_SPACE GOOGLE_SEARCH SPACE_POOL
        INSTANT_OFFICES OFFICE_FREEDOM FLEXI_OFFICES WORKTHERE KONTOR VALVE OTHER_SOCIAL_NETWORK OTHER""".split(),
        strict=True,
    )
)
LOSS_REASONS = dict(
    zip(
        (*range(1, 21), 99),
        """TIMING NEED POOR_QUALIFICATION PRICE FEATURE LOST_MOMENTUM COMPETITION CONTRACT_TERM DUPLICATE WAITLIST
        NOT_RETURNING_CALLS LACK_OF_FACILITIES NO_PET_POLICY NO_RIGHT_FIT LOCATION ENTRANCE ERRORS ARCHIVED
        SEARCH_ON_HOLD RELOCATION_ON_HOLD OTHER""".split(),
        strict=True,
    )
)


def at(row: Any, path: str) -> Any:
    for name in path.split("."):
        row = None if row is None else row[name]
    return row


def selection(paths: Iterable[str]) -> str:
    """Return a selection set of these paths."""
    tree: dict[str, Any] = {}
    for path in paths:
        place = tree
        for name in path.split("."):
            place = place.setdefault(name, {})

    def written(of: dict[str, Any]) -> str:
        return " ".join(name + (f" {{ {written(inner)} }}" if inner else "") for name, inner in of.items())

    return written(tree)


async def walk(
    source: str, type_: str, ids: list[str], paths: Iterable[str], simulator: Simulator | None = None
) -> dict[str, Any]:
    """Return what the graph says of each record."""
    query = f"query($ids: [ID!]!) {{ opportunitiesById(ids: $ids) {{ ... on {type_} {{ {selection(paths)} }} }} }}"
    rows: list[Any] = []
    async with open_graph(simulator) as graph:
        for start in range(0, len(ids), 100):
            wanted = [encode(source, source_id) for source_id in ids[start : start + 100]]
            answer = await graph.ask(query, {"ids": wanted})
            assert "errors" not in answer
            rows += answer["data"]["opportunitiesById"]
    return dict(zip(ids, rows, strict=True))


def differences(records: dict[str, Any], rows: dict[str, Any], table: dict[str, tuple[str, Compare]]) -> list[str]:
    return [
        f"{source_id} {name}: {record.get(name)!r} came as {path}: {at(rows[source_id], path)!r}"
        for source_id, record in records.items()
        for name, (path, compare) in table.items()
        if not compare(record.get(name), at(rows[source_id], path))
    ]


def test_the_tables_cover_the_48_and_the_14_documented_fields_exactly() -> None:
    assert sorted(NEXUDUS) == sorted(documented.NEXUDUS)
    assert sorted(CHARTMOGUL) == sorted(documented.CHARTMOGUL)
    assert (len(NEXUDUS), len(CHARTMOGUL)) == (48, 14)
    paths = [path for path, _ in NEXUDUS.values()]
    assert len(set(paths)) == 48


async def test_all_48_fields_of_every_nexudus_record_come_through() -> None:
    records = {str(number): record for number, record in Simulator().nexudus.records.items()}
    rows = await walk("nexudus", "NexudusOpportunity", list(records), [path for path, _ in NEXUDUS.values()])

    assert len(rows) == 200
    assert differences(records, rows, NEXUDUS) == []
    sent = {name for record in records.values() for name, value in record.items() if value is not None}
    assert set(NEXUDUS) <= sent  # a field that is null everywhere would prove nothing


async def test_all_14_fields_of_every_chartmogul_record_come_through() -> None:
    records = dict(Simulator().chartmogul.records)
    paths = [path for path, _ in CHARTMOGUL.values() if path != "custom"]
    rows = await walk("chartmogul", "ChartMogulOpportunity", list(records), [*paths, "custom.key", "custom.value"])

    assert len(rows) == 200
    assert differences(records, rows, CHARTMOGUL) == []


async def test_an_amount_and_a_currency_are_reachable_each_without_the_other() -> None:
    simulator = Simulator()
    deal = simulator.nexudus.records[NEXUDUS_EXAMPLE_ID]
    deal["CrmBoardColumnCrmBoardBusinessCurrencyCode"] = None
    rows = await walk("nexudus", "NexudusOpportunity", [str(deal["Id"])], ["valueAmount", "value.amount"], simulator)
    assert rows == {str(deal["Id"]): {"valueAmount": str(deal["Value"]), "value": None}}

    deal = simulator.chartmogul.records[CHARTMOGUL_EXAMPLE_ID]
    paths = ["amountInCents", "currencyCode", "value.amount"]
    for amount, currency in ((10_000, None), (None, "USD")):
        deal |= {"amount_in_cents": amount, "currency": currency}
        rows = await walk("chartmogul", "ChartMogulOpportunity", [deal["uuid"]], paths, simulator)
        cents = None if amount is None else str(amount)
        assert rows == {deal["uuid"]: {"amountInCents": cents, "currencyCode": currency, "value": None}}


async def test_the_neutral_words_say_the_same_as_nexudus_own() -> None:
    records = {str(number): record for number, record in Simulator().nexudus.records.items()}
    rows = await walk("nexudus", "NexudusOpportunity", list(records), NEUTRAL_OF_NEXUDUS)
    table = {name: (path, NEXUDUS[name][1]) for path, name in NEUTRAL_OF_NEXUDUS.items()}
    # Without an amount there is no `value`, so the currency stands under `boardColumn` alone.
    valued = {source_id: record for source_id, record in records.items() if record["Value"] is not None}

    assert differences(valued, rows, table) == []


async def test_codes_have_names_where_the_vendor_lists_them() -> None:
    records = {str(number): record for number, record in Simulator().nexudus.records.items()}
    rows = await walk("nexudus", "NexudusOpportunity", list(records), ["status", "leadSource", "lossReason"])

    for source_id, record in records.items():
        assert rows[source_id] == {
            "status": {1: "OPEN", 2: "WON", 3: "LOST"}.get(record["Status"]),
            "leadSource": LEAD_SOURCES.get(record["LeadSource"]),
            "lossReason": LOSS_REASONS.get(record["LossReason"]),
        }
    assert {row["leadSource"] for row in rows.values()} == {*LEAD_SOURCES.values(), None}


async def test_chartmogul_codes_and_amounts_have_neutral_names_where_the_vendor_lists_them() -> None:
    records = dict(Simulator().chartmogul.records)
    paths = ["status", "type", "forecastCategory", "value.amount", "owner.name"]
    rows = await walk("chartmogul", "ChartMogulOpportunity", list(records), paths)

    categories = ("pipeline", "best_case", "committed", "won", "lost")
    for source_id, record in records.items():
        category, cents = record["forecast_category"], record["amount_in_cents"]
        listed = category in categories
        row = rows[source_id]
        assert row["status"] == ({"won": "WON", "lost": "LOST"}.get(category, "OPEN") if listed else None)
        assert row["forecastCategory"] == (category.upper() if listed else None)
        assert row["type"] == {"recurring": "RECURRING", "arr": "ARR", "one-time": "ONE_TIME"}.get(record["type"])
        assert at(row, "value.amount") == (None if cents is None else str(Decimal(cents).scaleb(-2)))
        assert at(row, "owner.name") is None


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        ("zero value", "0.00000"),
        ("small value", "0.09000"),
        ("large value", "9007199254740993.12345"),
        ("integer value", "4800"),
        ("null value", None),
    ],
)
async def test_an_amount_has_the_digits_of_the_source(what: str, expected: str | None) -> None:
    source_id = str(NEXUDUS_SPECIAL[what])
    rows = await walk("nexudus", "NexudusOpportunity", [source_id], ["value.amount", "value.currencyCode"])
    assert rows[source_id]["value"] == (expected and {"amount": expected, "currencyCode": "EUR"})
