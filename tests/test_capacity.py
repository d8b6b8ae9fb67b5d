"""The model of `make capacity`, held to what the rations, the batches, the cache and sync allow."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from benchmarks.capacity_demand import Demand, Kind, Request
from benchmarks.capacity_figures import Figures, Machines, Run
from benchmarks.capacity_growth import reading
from benchmarks.capacity_outcome import Outcome
from benchmarks.capacity_simulation import simulate
from benchmarks.capacity_tables import table
from resolvers.chartmogul import RATES as CHARTMOGUL_RATES
from resolvers.nexudus import RATES as NEXUDUS_RATES
from resolvers.resilience.transport import TransportSettings
from sync.settings import SyncSettings

RUN = Run(seconds=60.0, settling_seconds=0.0)
DEALS = {"nexudus": 2_000, "chartmogul": 4_000}
MANY: Mapping[Kind, float] = {Kind.MANY: 1.0}
PAGES: Mapping[Kind, float] = {Kind.PAGE: 1.0}
MINUTE, CHARTMOGUL = NEXUDUS_RATES[1], CHARTMOGUL_RATES[0]


def asked(source: str, per_second: float, mix: Mapping[Kind, float], *, processes: int = 1) -> Outcome:
    machines = Machines(processes, 1 if processes > 1 else None)
    return simulate(Demand(per_second, {source: DEALS[source]}, mix), machines, run=RUN, is_steady=False)


@pytest.fixture(scope="module")
def beyond() -> Sequence[Outcome]:
    """One process, and three, asked for more than Nexudus allows."""
    return [asked("nexudus", 12.0, MANY, processes=processes) for processes in (1, 3)]


@pytest.mark.parametrize("place", [0, 1])
def test_all_processes_together_send_what_a_minute_allows_and_no_more(beyond: Sequence[Outcome], place: int) -> None:
    sent = beyond[place].upstream["nexudus"] + beyond[place].background["nexudus"]
    assert MINUTE.limit - 2 <= sent <= MINUTE.limit
    assert beyond[place].limits == ["Nexudus's ration"]


@pytest.mark.parametrize("place", [0, 1])
def test_what_the_ration_has_no_room_for_comes_from_the_copy(beyond: Sequence[Outcome], place: int) -> None:
    outcome = beyond[place]
    assert outcome.stale["nexudus"] > 0
    assert not outcome.refused
    assert outcome.records["nexudus"] <= 50 * outcome.upstream["nexudus"] + len(outcome.ages)
    assert (outcome.records["nexudus"] + outcome.stale["nexudus"]) % 25 == 0
    assert outcome.wait(1.0, by_id=True) <= 5.1


def test_sync_has_its_guaranteed_part_while_people_wait_and_no_more(beyond: Sequence[Outcome]) -> None:
    guaranteed = TransportSettings().sync_guaranteed_share
    assert 2 <= beyond[0].background["nexudus"] <= guaranteed * MINUTE.limit
    due = replace(RUN, copy_ages={"chartmogul": SyncSettings().full_sweep_seconds - 10})
    demand = Demand(4.0, {"chartmogul": DEALS["chartmogul"]}, MANY)
    outcome = simulate(demand, Machines(), run=due, is_steady=False)
    pages = DEALS["chartmogul"] // 200
    assert pages <= outcome.background["chartmogul"] <= guaranteed * 60 * CHARTMOGUL.limit / CHARTMOGUL.seconds
    assert outcome.copy_age("chartmogul") <= SyncSettings().full_sweep_seconds + 60
    idle = asked("nexudus", 1.0, PAGES)
    assert idle.background["nexudus"] >= 2
    assert idle.copy_age("nexudus") <= SyncSettings().increment_seconds + 1


def test_requests_that_come_while_others_wait_share_a_batch() -> None:
    demand = Demand(20.0, {"nexudus": DEALS["nexudus"]}, {Kind.ONE: 1.0})
    outcome = simulate(demand, Machines(), run=replace(RUN, seconds=5.0), is_steady=False)
    assert outcome.stale.total() == 0
    assert 5 < outcome.upstream["nexudus"] < len(outcome.waits[Kind.ONE]) / 2


def test_a_source_without_batches_needs_a_request_for_each_record() -> None:
    outcome = asked("chartmogul", 2.0, {Kind.ONE: 1.0})
    fetched = sum(age == 0 for age in outcome.ages)
    assert outcome.upstream["chartmogul"] == pytest.approx(fetched, abs=2)


def test_hot_records_are_fetched_once_for_all_processes_while_they_are_fresh() -> None:
    one, three = (asked("chartmogul", 20.0, {Kind.HOT: 1.0}, processes=processes) for processes in (1, 3))
    assert one.age(1.0) <= Figures().records_seconds
    assert three.age(1.0) <= Figures().records_seconds
    fetched = [outcome.upstream["chartmogul"] for outcome in (one, three)]
    assert fetched[1] < 1.3 * fetched[0]


def test_a_process_that_has_no_time_left_is_the_limit_and_another_one_helps() -> None:
    figures = replace(Figures(), page_seconds=0.2, shared_page_seconds=0.2, database_page_seconds=0.001)
    demand = Demand(6.0, DEALS, PAGES)
    one = simulate(demand, Machines(), figures=figures, run=RUN, is_steady=False)
    two = simulate(demand, Machines(2, 1), figures=figures, run=RUN, is_steady=False)
    assert one.limits == ["processors"]
    assert two.limits == []
    assert two.rows > one.rows


def test_after_hours_the_ration_of_an_hour_is_what_is_left_of_that_of_a_minute() -> None:
    demand = Demand(12.0, {"nexudus": DEALS["nexudus"]}, MANY)
    outcome = simulate(demand, Machines(), run=replace(RUN, seconds=122.0))
    hour = NEXUDUS_RATES[2]
    sent = outcome.upstream["nexudus"] + outcome.background["nexudus"]
    assert sent == pytest.approx(hour.limit / hour.seconds * 122, abs=3)


def test_the_same_seed_asks_for_the_same() -> None:
    demand = Demand(50.0, DEALS)
    assert list(demand.requests(2.0)) == list(demand.requests(2.0))
    assert list(demand.requests(2.0)) != list(demand.requests(2.0, seed=2))
    assert {type(one) for one in demand.requests(2.0)} == {Request}


def test_a_reading_of_chartmogul_takes_a_request_for_200_deals_and_comes_less_often_of_many() -> None:
    small, large = reading("chartmogul", 10_000), reading("chartmogul", 100_000)
    assert small.requests == 50
    assert small.interval_seconds == 300
    assert large.interval_seconds == 1_500
    assert large.seconds > large.requests / 40  # a fifth of the ration is for it


def test_a_table_is_markdown() -> None:
    assert table(["a", "b"], [["1", "2"]]) == "| a | b |\n| --- | --- |\n| 1 | 2 |"
