"""What can be odd about a CrmOpportunity, each oddity under a fixed Id."""

# ruff: noqa: RUF001 - texts in many scripts are the point

from decimal import Decimal
from typing import Any, Final

NULLABLE = (
    *("Name", "CoworkerCompanyName", "CoworkerEmail", "TeamId", "TeamName", "TeamDescription", "TeamProfileWebsite"),
    *("OpportunityTypeId", "OpportunityTypeName", "ResponsibleId", "ResponsibleFullName", "ReferrerId", "AgentId"),
    *("Notes", "DueDate", "Value", "LeadSource", "LossReason", "WonOn", "LostOn", "CrmUpdatedOn", "UpdatedBy"),
    *("UtmSource", "UtmMedium", "UtmCampaign", "UtmContent", "UtmTerm", "SystemId", "CustomFields"),
)
"""Fields that may be null; the vendor says so only of some, the rest is assumed."""
_IDS_AS_TEXT = {"CrmBoardColumnId": "1400000101", "CoworkerId": "1415000201", "TeamId": "1416000301"}
SPECIAL: tuple[tuple[str, dict[str, Any]], ...] = (
    ("unknown lead source", {"LeadSource": 27}),
    ("unknown loss reason", {"Status": 3, "Completed": True, "LossReason": 77, "LostOn": "2026-02-01T10:00:00Z"}),
    ("unknown status", {"Status": 4}),
    ("null value", {"Value": None}),
    ("zero value", {"Value": Decimal("0.00000")}),
    ("small value", {"Value": Decimal("0.09000")}),
    ("large value", {"Value": Decimal("9007199254740993.12345")}),
    ("integer value", {"Value": 4800}),
    ("null names", dict.fromkeys(["Name", "CoworkerCompanyName", "TeamName", "ResponsibleFullName"])),
    ("all null", dict.fromkeys(NULLABLE)),
    ("empty name", {"Name": "", "CoworkerCompanyName": ""}),
    (
        "non-ascii text",
        {"Name": "Ångström – 北京市 office 🏢 e\u0301\u202e", "CoworkerFullName": "王 Kovács", "Notes": "ñ\n\t\"'\\"},
    ),
    ("markup in text", {"Name": "<script>alert(1)</script>", "Notes": "<b>bold</b> & ]]> {{7*7}} '; --"}),
    ("long notes", {"Notes": "A very long story. " * 2_000}),
    ("ids as text", {**_IDS_AS_TEXT, "ResponsibleId": "2100000007", "CrmBoardColumnCrmBoardBusinessId": "390000001"}),
    ("coworker type as text", {"CoworkerCoworkerType": "Company"}),
    ("coworker type as number", {"CoworkerCoworkerType": 2}),
    ("coworker type as numeric text", {"CoworkerCoworkerType": "1"}),
    ("unknown coworker type", {"CoworkerCoworkerType": "Cooperative"}),
    ("0 fractional digits", {"CreatedOn": "2026-01-05T08:00:00Z", "UpdatedOn": "2026-01-06T08:00:00Z"}),
    ("1 fractional digit", {"CreatedOn": "2026-01-05T08:00:00.1Z", "UpdatedOn": "2026-01-06T08:00:00.9Z"}),
    ("3 fractional digits", {"CreatedOn": "2026-01-05T08:00:00.123Z", "UpdatedOn": "2026-01-06T08:00:00.987Z"}),
    ("7 fractional digits", {"CreatedOn": "2026-01-05T08:00:00.0050623Z", "UpdatedOn": "2026-01-06T08:00:00.9999999Z"}),
    ("naive timestamp", {"CreatedOn": "2026-01-05T08:00:00", "UpdatedOn": "2026-01-06T08:00:00.5"}),
    ("local midnight", {"DueDate": "2026-05-13T23:00:00Z"}),
    ("won", {"Status": 2, "Completed": True, "WonOn": "2026-02-03T14:30:00.25Z", "LostOn": None, "LossReason": None}),
    ("lost", {"Status": 3, "Completed": True, "LostOn": "2026-02-04T09:15:00Z", "WonOn": None, "LossReason": 4}),
    ("custom fields", {"CustomFields": {"Desks": 12, "Pets": "no"}, "LocalizationDetails": []}),
    ("new fields", {"BrandNewField": {"nested": [1, None]}, "AnotherOne": "new"}),
    ("linked to chartmogul", {"SystemId": "4ee13ca4-e7fe-11ee-8a7f-f303abf41acc", "CoworkerId": 1415000201}),
)
FIRST_SPECIAL = 1427000601
LARGE_ID = 5_000_000_001
NEXUDUS_SPECIAL: Final[dict[str, int]] = {
    **{what: FIRST_SPECIAL + number for number, (what, _) in enumerate(SPECIAL)},
    "large id": LARGE_ID,
}
"""What is odd about a record -> its Id."""
