"""The demo's deals.

`simulator.nexudus_demo`, `simulator.chartmogul_demo`, `simulator.demo_courses`, `simulator.demo_people`.
"""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from simulator import CHARTMOGUL_DOCUMENTED_ID, CHARTMOGUL_EXAMPLE_ID, NEXUDUS_EXAMPLE_ID, Simulator
from simulator.demo_people import demo_people

TODAY = datetime(2026, 11, 18, 10, tzinfo=UTC)
NEXUDUS_DATES = ("CreatedOn", "UpdatedOn", "CrmUpdatedOn", "WonOn", "LostOn", "DueDate")
CHARTMOGUL_DATES = ("created_at", "updated_at", "estimated_close_date")


def demo(today: datetime = TODAY, seed: int = 1) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    simulator = Simulator(seed, is_demo=True, today=today)
    return list(simulator.nexudus.records.values()), list(simulator.chartmogul.records.values())


def test_there_are_some_hundred_of_each_with_the_documented_examples() -> None:
    nexudus, chartmogul = demo()
    assert (len(nexudus), len(chartmogul)) == (430, 270)
    assert [row["Id"] for row in nexudus[:2]] == [NEXUDUS_EXAMPLE_ID, NEXUDUS_EXAMPLE_ID + 1]
    assert [row["uuid"] for row in chartmogul[:2]] == [CHARTMOGUL_EXAMPLE_ID, CHARTMOGUL_DOCUMENTED_ID]
    assert not any("Special" in (row["Name"] or "") for row in nexudus)


def test_on_another_day_they_are_the_same_with_other_dates() -> None:
    """So that an id in a sheet, or an answer in a page, is as good tomorrow."""
    later = demo(TODAY + timedelta(days=100, hours=9))
    for rows, others, dates in zip(demo(), later, (NEXUDUS_DATES, CHARTMOGUL_DATES), strict=True):
        for row, other in zip(rows, others, strict=True):
            assert {k: v for k, v in row.items() if k not in dates} == {
                k: v for k, v in other.items() if k not in dates
            }
        assert rows[9] != others[9]
    assert demo(seed=2) != demo()


def test_nothing_has_happened_after_today_and_nothing_before_it_was_created() -> None:
    nexudus, chartmogul = demo()
    for created, *events in (
        *((row["CreatedOn"], row["UpdatedOn"], row["WonOn"], row["LostOn"]) for row in nexudus),
        *((row["created_at"], row["updated_at"]) for row in chartmogul),
    ):
        moments = [datetime.fromisoformat(text) for text in events if text]
        assert all(datetime.fromisoformat(created) <= moment <= TODAY for moment in moments)


def test_outcome_stage_and_what_is_recorded_of_it_agree() -> None:
    nexudus, chartmogul = demo()
    for row in nexudus:
        stage = row["CrmBoardColumnName"]
        assert row["Status"] == {"Won": 2, "Lost": 3}.get(stage, 1)
        assert (row["WonOn"] is None, row["LostOn"] is None) == (row["Status"] != 2, row["Status"] != 3)
        assert (row["LossReason"] is None) == (row["Status"] != 3)
        assert row["Completed"] == (row["Status"] != 1)
        assert row["Value"] is None or 0 < row["Value"] < 5_000_000
    for row in chartmogul:
        category = {"Closed Won": "won", "Closed Lost": "lost"}.get(row["pipeline_stage"])
        assert category in (None, row["forecast_category"])
        assert 0 < (row["amount_in_cents"] or 1) < 10_000_000


@pytest.mark.parametrize("place", [0, 1])
def test_there_is_something_of_everything(place: int) -> None:
    rows = demo()[place]
    fields = (
        ("ResponsibleFullName", "UtmCampaign", "CrmBoardColumnName", "CrmBoardColumnCrmBoardBusinessCurrencyCode"),
        ("owner", "pipeline", "pipeline_stage", "currency"),
    )[place]
    for field in fields:
        counts = Counter(row[field] for row in rows)
        assert sum(count >= 5 for count in counts.values()) >= 3, field


def test_a_third_of_the_customers_has_deals_in_both_systems_under_one_address() -> None:
    simulator = Simulator(is_demo=True, today=TODAY)
    customers = simulator.chartmogul.customers
    assert {row["customer_uuid"] for row in simulator.chartmogul.records.values()} <= customers.keys()
    payers = {customers[row["customer_uuid"]]["email"].lower() for row in simulator.chartmogul.records.values()}
    coworkers = {row["CoworkerEmail"].lower() for row in simulator.nexudus.records.values()}
    assert len(payers & coworkers) > 40
    addresses = [person.email for person in demo_people(1)]
    assert len(set(addresses)) == len(addresses)


def test_the_demo_has_no_other_number_of_deals() -> None:
    with pytest.raises(ValueError, match="demo"):
        Simulator(is_demo=True, deals=(300, 300))
