"""Sums of the store: `store.summaries`, how they are read: `store.summary_reads` and `store.summary_statements`, added
without a sort: `store.tallies`, put together: `store.summary_totals`, and months: `store.periods`.
"""

import asyncio
from collections import Counter, defaultdict
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext
from itertools import product
from pathlib import Path
from typing import Any
from unittest.mock import patch
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, text, update
from sqlalchemy.exc import DBAPIError

from store import periods, summary_reads, tallies
from store.conditions import And, Compare, CompareAttribute, Condition, Operator, Or, Search
from store.database import open_database
from store.summaries import Dimension, SummaryRow, TooManyPeriods, TooManyRows, summarize
from store.tables import CUSTOMER_NAMES, DEALS
from tests.deal_rows import Deal, conditions, deal, deals, listed, put
from tests.fuzzing import beside_databases
from tests.stores import connected, engine_of

EXACT = Context(prec=60, rounding=ROUND_HALF_EVEN)
DAY = 86_400_000_000
PLAIN = {
    Dimension.STATUS: "status",
    Dimension.PIPELINE: "pipeline_folded",
    Dimension.OWNER: "owner_folded",
    Dimension.CURRENCY: "currency",
    Dimension.LEAD_SOURCE: "lead_source",
    Dimension.SOURCE: "source",
    Dimension.CUSTOMER: "customer_name_folded",
}


def summed(rows: list[Deal], condition: Condition | None, dimensions: list[Dimension]) -> dict[tuple[Any, ...], Any]:
    groups = defaultdict(list)
    for one in listed(rows, condition, ()):
        keys = tuple(one[PLAIN[dimension]] for dimension in dimensions)
        groups[keys, one["currency"], one["kind"]].append(one)
    with localcontext(EXACT):
        return {group: figures(members) for group, members in groups.items()}


def figures(members: list[Deal]) -> tuple[Any, ...]:
    amounts = [Decimal(one["value"]) / 1_000_000 for one in members if one["value"] is not None]
    likely = [one for one in members if one["win_likelihood"] is not None and 0 <= one["win_likelihood"] <= 100]
    weighted = [
        Decimal(one["value"]) * one["win_likelihood"] / 100_000_000 for one in likely if one["value"] is not None
    ]
    average = (sum(amounts) / len(amounts)).quantize(Decimal("0.000001")) if amounts else None
    return (
        len(members),
        sum(amounts) if amounts else None,
        sum(weighted) if weighted else None,
        average,
        len(members) - len(amounts),
        len(members) - len(likely),
    )


def told(row: SummaryRow) -> tuple[Any, ...]:
    totals = (row.count, row.amount, row.weighted_amount, row.average_amount)
    return (*totals, row.missing_amount_count, row.missing_likelihood_count)


@pytest.mark.programs
@given(
    rows=deals(),
    condition=st.none() | conditions,
    dimensions=st.lists(st.sampled_from(list(PLAIN)), unique=True, max_size=3),
    currencies=st.lists(st.sampled_from([None, "EUR", "USD"]), min_size=30, max_size=30),
    most_sets=st.sampled_from([(0, 0), (2_000, 0), (2_000, 2_000)]),
    first_groups=st.sampled_from([1, 64]),
)
@beside_databases
def test_any_summary_is_what_plain_sums_give(
    store_kind: str,
    rows: list[Deal],
    condition: Condition | None,
    dimensions: list[Dimension],
    currencies: list[str | None],
    most_sets: tuple[int, int],
    first_groups: int,
) -> None:
    for one, currency in zip(rows, currencies, strict=False):
        customer = currency and currency.lower()
        one.update(currency=currency, kind=currency and "recurring", lead_source=currency and 3)
        one.update(customer_name=customer, customer_name_folded=customer)
    with (
        connected(store_kind) as connection,
        patch.object(summary_reads, "MOST_SETS", most_sets[0]),
        patch.object(tallies, "MOST_SETS", most_sets[1]),
        patch.object(summary_reads, "FIRST_GROUPS", first_groups),
        patch.object(summary_reads, "LONGEST_ARRAY", most_sets[0]),
    ):
        put(connection, rows)
        found = summarize(connection, condition, dimensions)
    assert {(row.keys, row.currency, row.kind): told(row) for row in found} == summed(rows, condition, dimensions)


def test_fault_10_amounts_of_two_currencies_or_kinds_are_never_added_and_none_is_not_0(connection: Connection) -> None:
    money = [("EUR", "recurring", 1), ("EUR", "one-time", 2), ("USD", "recurring", 4), ("EUR", "recurring", None)]
    put(connection, [deal(n, currency=c, kind=k, value=v) for n, (c, k, v) in enumerate([*money, (None, None, None)])])
    found = {(row.currency, row.kind): row for row in summarize(connection, None, [])}
    assert {key: row.amount for key, row in found.items()} == {
        ("EUR", "recurring"): Decimal("0.000001"),
        ("EUR", "one-time"): Decimal("0.000002"),
        ("USD", "recurring"): Decimal("0.000004"),
        (None, None): None,
    }
    assert found["EUR", "recurring"].missing_amount_count == 1
    assert found["EUR", "recurring"].average_amount == Decimal("0.000001")
    assert found[None, None].average_amount is None


def test_sums_that_no_number_of_the_database_holds_are_exact(connection: Connection) -> None:
    largest = 2**63 - 1
    put(connection, [deal(n, value=largest, win_likelihood=100, currency="EUR") for n in range(5)])
    [row] = summarize(connection, None, [Dimension.STATUS])
    assert row.amount == row.weighted_amount == Decimal(f"{5 * largest}E-6")
    assert row.average_amount == Decimal(f"{largest}E-6")


def test_an_average_is_rounded_to_the_millionth_halves_to_the_even_one(connection: Connection) -> None:
    for number, (status, values) in enumerate({"a": (0, 1), "b": (1, 2), "c": (-1, 0, 0), "d": (0, 3)}.items()):
        put(connection, [deal(10 * number + n, status=status, value=value) for n, value in enumerate(values)])
    averages = {row.keys[0]: row.average_amount for row in summarize(connection, None, [Dimension.STATUS])}
    assert {key: average and average * 10**6 for key, average in averages.items()} == {"a": 0, "b": 2, "c": 0, "d": 2}


MOMENTS = [one for one in Dimension if one.value.endswith(("_month", "_quarter"))]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def microseconds(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)


def period(moment: datetime, dimension: Dimension) -> str:
    if dimension.value.endswith("_month"):
        return f"{moment.year:04}-{moment.month:02}"
    return f"{moment.year:04}-Q{(moment.month + 2) // 3}"


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "America/Adak"])
def test_months_are_those_of_utc_to_the_microsecond(connection: Connection, zone: str) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SET LOCAL TIME ZONE '{zone}'"))
    months = [
        datetime(y, m, 1, tzinfo=UTC) for y, m in [(1, 2), (1969, 12), (1970, 1), (2024, 3), (2026, 12), (9999, 12)]
    ]
    created = [microseconds(month) + step for month in months for step in (-1, 0)]
    columns = ("created_at", "updated_at", "won_at", "lost_at")
    put(connection, [deal(n, **dict.fromkeys(columns, at), close_on=at // DAY) for n, at in enumerate(created)])
    for dimension in MOMENTS:
        expected = {period(EPOCH + timedelta(microseconds=at), dimension) for at in created}
        assert {row.keys[0] for row in summarize(connection, None, [dimension])} == expected


ZONES = (
    "Europe/London America/New_York America/Caracas Asia/Kathmandu Pacific/Apia Pacific/Kiritimati Australia/Lord_Howe"
)


@pytest.mark.programs
@given(
    moments=st.lists(st.datetimes(datetime(1960, 1, 1), datetime(2060, 1, 1)) | st.none(), max_size=8),
    near=st.lists(st.tuples(st.integers(1990, 2040), st.integers(1, 12), st.integers(-50_000, 50_000)), max_size=8),
    zone=st.sampled_from(ZONES.split()).map(ZoneInfo),
    dimension=st.sampled_from([Dimension.CREATED_MONTH, Dimension.CREATED_QUARTER]),
)
@beside_databases
def test_months_and_quarters_are_those_of_the_zone(
    store_kind: str,
    moments: list[datetime | None],
    near: list[tuple[int, int, int]],
    zone: ZoneInfo,
    dimension: Dimension,
) -> None:
    local = [one and one.replace(tzinfo=UTC).astimezone(zone) for one in moments]
    local += [
        (datetime(year, month, 1, tzinfo=UTC) + timedelta(seconds=seconds)).astimezone(zone)
        for year, month, seconds in near
    ]
    expected: dict[str | None, int] = defaultdict(int)
    for one in local:
        expected[one and period(one, dimension)] += 1
    with connected(store_kind) as connection:
        put(connection, [deal(n, created_at=one and microseconds(one)) for n, one in enumerate(local)])
        found = summarize(connection, None, [dimension], zone)
    assert {row.keys[0]: row.count for row in found} == expected


def test_a_month_begins_once_where_a_clock_is_put_back_over_its_first_midnight(connection: Connection) -> None:
    zone = ZoneInfo("America/St_Johns")  # on 1 November 2009, at a minute past midnight, by an hour
    begins = datetime(2009, 11, 1, tzinfo=zone)
    created = [microseconds(begins) + seconds * 1_000_000 for seconds in (-1, 0, 90, 4_000)]
    put(connection, [deal(n, created_at=at) for n, at in enumerate(created)])
    rows = summarize(connection, None, [Dimension.CREATED_MONTH], zone)
    assert [(row.keys[0], row.count) for row in rows] == [("2009-10", 1), ("2009-11", 3)]


def test_moments_beyond_the_calendar_are_of_its_ends(connection: Connection) -> None:
    put(connection, [deal(n, created_at=at) for n, at in enumerate((-(2**63), 2**63 - 1))])
    rows = summarize(connection, None, [Dimension.CREATED_MONTH])
    assert [row.keys[0] for row in rows] == ["0001-01", "9999-12"]


def test_deals_of_too_many_months_are_refused(connection: Connection) -> None:
    put(connection, [deal(n, close_on=n * 366) for n in range(3)])
    with patch.object(periods, "MOST", 24), pytest.raises(TooManyPeriods):
        summarize(connection, None, [Dimension.CLOSE_MONTH])


def test_a_customer_is_a_company_or_without_one_a_person(connection: Connection) -> None:
    companies = [("ACME", "Ada"), ("Acme", None), (None, "Ada"), ("", "ada"), (None, None)]
    put(
        connection,
        [
            deal(
                number,
                customer_company=company,
                customer_company_folded=company and company.lower(),
                customer_name=name,
                customer_name_folded=name and name.lower(),
            )
            for number, (company, name) in enumerate(companies)
        ],
    )
    rows = summarize(connection, None, [Dimension.CUSTOMER])
    assert [(row.keys[0], row.count) for row in rows] == [("ACME", 2), ("Ada", 2), (None, 1)]


def test_names_that_differ_in_case_are_one_key(connection: Connection) -> None:
    names = ("sales", "Sales", "SALES")
    put(
        connection,
        [deal(n, stage_folded="sales", stage_name=one, owner_folded="a@b") for n, one in enumerate(names)],
    )
    [row] = summarize(connection, None, [Dimension.STAGE, Dimension.OWNER])
    assert (row.keys, row.count) == (("SALES", "a@b"), 3)
    assert summarize(connection, None, [Dimension.STAGE])[0].keys == ("SALES",)


@pytest.mark.parametrize("also", [[], [Dimension.LEAD_SOURCE], [Dimension.LEAD_SOURCE, Dimension.CREATED_MONTH]])
def test_a_name_that_no_deal_of_the_filter_has_is_not_shown(connection: Connection, also: list[Dimension]) -> None:
    names = ("Sales", "SALES", "sales")
    put(connection, [deal(n, stage_folded="sales", stage_name=one, lead_source=n) for n, one in enumerate(names)])
    condition = Compare("lead_source", Operator.EQ, 0)
    assert [row.keys[0] for row in summarize(connection, condition, [Dimension.STAGE, *also])] == ["Sales"]


def test_an_owner_is_shown_by_name_and_without_one_by_address(connection: Connection) -> None:
    put(
        connection,
        [
            deal(1, owner_folded="a@b", owner_name="Ada", owner_email="A@b"),
            deal(2, owner_folded="c@d", owner_email="C@d"),
        ],
    )
    assert [row.keys for row in summarize(connection, None, [Dimension.OWNER])] == [("Ada",), ("C@d",)]


def test_rows_come_in_the_order_of_their_keys_nulls_last(connection: Connection) -> None:
    put(connection, [deal(n, status=status) for n, status in enumerate(["won", None, "open"])])
    assert [row.keys for row in summarize(connection, None, [Dimension.STATUS])] == [("open",), ("won",), (None,)]


TEXTS = {Dimension.OPPORTUNITY_TYPE, Dimension.CAMPAIGN}
OF_GROUPS = "currency kind status source pipeline stage owner business forecast_category".split()
NARROW = "SEARCH deals USING COVERING INDEX deals_grouped (group_id=? AND deleted_at=?)"


@pytest.mark.parametrize("dimension", list(Dimension))
def test_every_dimension_reads_ranges_of_one_narrow_index_in_sqlite_and_only_texts_are_sorted(
    dimension: Dimension,
) -> None:
    plan = plans_of([dimension], Compare("status", Operator.EQ, "open"))
    assert [step for step in plan if " deals " in step] == [NARROW]
    assert ("USE TEMP B-TREE FOR GROUP BY" in plan) == (dimension in TEXTS)


def test_totals_by_what_groups_have_take_one_walk_along_the_narrow_index_in_sqlite() -> None:
    assert plans_of([Dimension.OWNER, Dimension.STAGE], None) == ["SCAN deals USING COVERING INDEX deals_grouped"]


@pytest.mark.parametrize("other", [Dimension.LEAD_SOURCE, Dimension.CUSTOMER, Dimension.CAMPAIGN])
def test_two_keys_of_deals_are_sorted_set_by_set_in_sqlite_if_one_is_a_text(other: Dimension) -> None:
    plan = plans_of([Dimension.CREATED_MONTH, other], None)
    assert [step for step in plan if " deals " in step] == [NARROW]
    assert ("USE TEMP B-TREE FOR GROUP BY" in plan) == (other in TEXTS)


def test_a_filter_of_what_groups_and_deals_have_reads_the_narrow_index_alone_in_sqlite() -> None:
    mixed = Or((Compare("status", Operator.EQ, "open"), Compare("created_at", Operator.GT, 5)))
    assert NARROW in plans_of([Dimension.OWNER], And((mixed, Compare("lead_source", Operator.EQ, 3))))


def test_few_deals_are_looked_up_by_one_statement_in_sqlite() -> None:
    plan = plans_of([], Compare("customer_email_folded", Operator.EQ, "a@b"))
    assert [step for step in plan if " deals " in step] == [
        "SEARCH deals USING INDEX deals_by_customer_email_folded (customer_email_folded=?)"
    ]


ACME = Search("acme", is_personal=False)
SEATS = CompareAttribute("seats", "number", Operator.GT, 1)


def test_totals_of_a_search_by_what_groups_have_read_the_index_of_texts_alone_in_sqlite() -> None:
    for condition in (ACME, And((ACME, Compare("value", Operator.GT, 5), Compare("status", Operator.EQ, "open")))):
        plan = plans_of([Dimension.OWNER], condition)
        assert [step for step in plan if " deals " in step] == ["SCAN deals USING COVERING INDEX deals_searched"]


@pytest.mark.parametrize("condition", [SEATS, And((ACME, SEATS)), Or((ACME, Compare("lead_source", Operator.EQ, 3)))])
@pytest.mark.parametrize("dimension", [Dimension.OWNER, Dimension.CUSTOMER, Dimension.CAMPAIGN])
def test_totals_of_what_other_indexes_have_find_it_once_in_sqlite(dimension: Dimension, condition: Condition) -> None:
    statements = statements_of([dimension], condition)
    assert sum("deal_attributes" in one or "deals_searched" in one for one in statements) == 1
    plan = plans_of([dimension], condition)
    assert all("COVERING INDEX deals_grouped" in step for step in plan if " deals " in step)
    assert not any("CORRELATED" in step for step in plan)


def plans_of(dimensions: list[Dimension], condition: Condition | None) -> list[str]:
    sums = next(one for one in statements_of(dimensions, condition) if "sum(" in one or "INSERT" in one)
    with connected("sqlite") as connection:
        return [row[-1] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sums}")]


def statements_of(dimensions: list[Dimension], condition: Condition | None) -> list[str]:
    statements: list[str] = []
    with connected("sqlite") as connection, patch.object(summary_reads, "FIRST_GROUPS", 1):
        put(connection, [deal(1, currency="EUR"), deal(2, currency="USD")])
        raw = connection.connection.dbapi_connection
        assert raw is not None
        raw.set_trace_callback(statements.append)
        summarize(connection, condition, dimensions)
        raw.set_trace_callback(None)
    return statements


def test_more_sets_than_are_worth_a_statement_each_are_read_by_one(connection: Connection) -> None:
    put(connection, [deal(n, currency="EUR", win_likelihood=n) for n in range(10)])
    two = [Dimension.LEAD_SOURCE, Dimension.CREATED_MONTH]
    with patch.object(summary_reads, "MOST_SETS", 9), patch.object(tallies, "MOST_SETS", 9):
        for dimensions in ([], two[:1], two):
            [row] = summarize(connection, None, dimensions)
            assert (row.count, row.missing_likelihood_count) == (10, 0)


@pytest.mark.parametrize("other", [-1, 2**32 - 1, 2**32, 2**63 - 1, -(2**63)])
def test_codes_of_any_size_are_told_apart(connection: Connection, other: int) -> None:
    codes = [0, 2**32 - 2, None, other, other]
    put(connection, [deal(n, lead_source=code, currency="EUR", value=n) for n, code in enumerate(codes)])
    found = {row.keys[0]: (row.count, row.amount) for row in summarize(connection, None, [Dimension.LEAD_SOURCE])}
    millionth = Decimal("0.000001")
    assert found == {0: (1, 0), 2**32 - 2: (1, millionth), None: (1, 2 * millionth), other: (2, 7 * millionth)}


@pytest.mark.parametrize("customer", [1, 2**21 - 2, 2**21 - 1, 2**40])
@pytest.mark.parametrize("code", [0, 2**21 - 3, 2**21 - 2, 2**21 - 1, 2**40, -1, None])
def test_several_numbers_of_any_size_are_told_apart(connection: Connection, code: int | None, customer: int) -> None:
    codes = [code, code, None, 1]
    names = {"customer_name": "Ada", "customer_name_folded": "ada"}
    put(connection, [deal(n, lead_source=one, currency="EUR", value=n, **names) for n, one in enumerate(codes)])
    connection.execute(update(CUSTOMER_NAMES).values(id=customer))
    connection.execute(update(DEALS).values(customer_names_id=customer))
    found = summarize(connection, None, [Dimension.LEAD_SOURCE, Dimension.CUSTOMER])
    assert {row.keys: row.count for row in found} == Counter((one, "Ada") for one in codes)


@pytest.mark.parametrize("more", [[], [Dimension.LEAD_SOURCE], [Dimension.CREATED_MONTH, Dimension.UPDATED_QUARTER]])
def test_several_periods_are_told_apart(connection: Connection, more: list[Dimension]) -> None:
    months = [datetime(2024 + n % 3, 1 + n % 12, 1, tzinfo=UTC) for n in range(40)]
    closed = [month if n % 5 else None for n, month in enumerate(months)]
    won = [months[n // 2] if n % 7 else None for n in range(40)]
    others = ("won_at", "created_at", "updated_at")
    rows = [
        deal(
            n,
            lead_source=n % 2,
            close_on=closed[n] and (closed[n] - EPOCH).days,
            **dict.fromkeys(others, won[n] and microseconds(won[n])),
        )
        for n in range(40)
    ]
    put(connection, rows)
    dimensions = [Dimension.CLOSE_MONTH, Dimension.WON_QUARTER, *more]
    moments = {Dimension.CLOSE_MONTH: closed, Dimension.LEAD_SOURCE: [n % 2 for n in range(40)]}

    def keys(n: int) -> tuple[Any, ...]:
        found = [(moments.get(dimension, won)[n], dimension) for dimension in dimensions]
        return tuple([period(one, of) if isinstance(one, datetime) else one for one, of in found])

    expected = Counter(keys(n) for n in range(40))
    assert {row.keys: row.count for row in summarize(connection, None, dimensions)} == expected


def test_a_summary_leaves_nothing_behind_for_the_next_one(connection: Connection) -> None:
    put(connection, [deal(n, customer_name="Ada", customer_name_folded="ada", lead_source=n) for n in range(3)])
    for _ in range(2):
        assert [row.count for row in summarize(connection, None, [Dimension.CUSTOMER])] == [3]
        assert [row.count for row in summarize(connection, None, [Dimension.LEAD_SOURCE])] == [1, 1, 1]


def test_what_was_broken_off_between_two_statements_is_not_added_again(connection: Connection) -> None:
    put(connection, [deal(n, lead_source=0) for n in range(3)])

    def fails(is_of_codes: bool) -> None:
        raise MemoryError(is_of_codes)

    with patch.object(tallies, "_read", fails), suppress(MemoryError):
        summarize(connection, None, [Dimension.LEAD_SOURCE])
    assert [row.count for row in summarize(connection, None, [Dimension.LEAD_SOURCE])] == [3]


def test_more_rows_than_are_asked_for_are_refused(connection: Connection) -> None:
    put(connection, [deal(n, status=str(n), lead_source=n) for n in range(3)])
    for dimensions in ([Dimension.STATUS], [Dimension.LEAD_SOURCE], [Dimension.STATUS, Dimension.LEAD_SOURCE]):
        assert len(summarize(connection, None, dimensions, most=3)) == 3
        with pytest.raises(TooManyRows):
            summarize(connection, None, dimensions, most=2)


def test_too_many_customers_are_refused_when_some_groups_are_read_in_sqlite() -> None:
    statements: list[str] = []
    with connected("sqlite") as connection, patch.object(summary_reads, "FIRST_GROUPS", 1):
        names = [{"customer_name": name, "customer_name_folded": name} for name in "abc"]
        put(connection, [deal(n, status=str(n % 2), **names[n // 2]) for n in range(6)])
        raw = connection.connection.dbapi_connection
        assert raw is not None
        raw.set_trace_callback(statements.append)
        for most, read in ((2, 1), (3, 2)):
            statements.clear()
            with suppress(TooManyRows):
                summarize(connection, None, [Dimension.CUSTOMER], most=most)
            assert sum("INSERT" in one for one in statements) == read
        raw.set_trace_callback(None)


@pytest.mark.parametrize("dimensions", [[], [Dimension.STATUS, Dimension.CREATED_MONTH]])
def test_no_deal_is_passed_over_whatever_has_no_value(connection: Connection, dimensions: list[Dimension]) -> None:
    values = list(product(("EUR", "USD"), (None, "arr"), (None, 5, 50), (None, "open")))
    names = ("currency", "kind", "win_likelihood", "status")
    put(connection, [deal(n, **dict(zip(names, one, strict=True))) for n, one in enumerate(values)])
    assert sum(row.count for row in summarize(connection, None, dimensions)) == len(values)


def test_there_is_no_row_without_a_deal(connection: Connection) -> None:
    put(connection, [deal(n, currency=one, status=one) for n, one in enumerate(("EUR", "USD"))])
    rows = summarize(connection, Compare("status", Operator.EQ, "USD"), [])
    assert [(row.currency, row.count) for row in rows] == [("USD", 1)]


def test_a_sum_that_64_bits_do_not_hold_on_the_way_is_exact(connection: Connection) -> None:
    largest = 2**63 - 1
    known: dict[str, Any] = {"currency": "EUR", "search_public": "acme", "attributes": {"seats": {"number": 5}}}
    put(connection, [deal(n, value=one, **known) for n, one in enumerate([largest, largest, -largest, None])])
    for dimension, condition in product(
        (Dimension.STATUS, Dimension.LEAD_SOURCE, Dimension.CUSTOMER), (None, ACME, SEATS)
    ):
        [row] = summarize(connection, condition, [dimension])
        assert (row.amount, row.missing_amount_count) == (Decimal(f"{largest}E-6"), 1)


def test_a_deal_that_is_gone_is_in_no_total(connection: Connection) -> None:
    known: dict[str, Any] = {"status": "open", "lead_source": 3, "search_public": "acme"}
    known["attributes"] = {"seats": {"number": 5}}
    put(connection, [deal(n, customer_name=str(n), **known) for n in range(3)])
    connection.execute(update(DEALS).where(DEALS.c.source_id == "1").values(deleted_at=1))
    for dimensions in ([], [Dimension.STATUS], [Dimension.LEAD_SOURCE], [Dimension.LEAD_SOURCE, Dimension.CAMPAIGN]):
        conditions_ = (Compare("status", Operator.EQ, "open"), Compare("name", Operator.IS_NULL, True), ACME, SEATS)
        for condition in (None, *conditions_):
            assert [row.count for row in summarize(connection, condition, dimensions)] == [2]


@pytest.mark.parametrize("dimensions", [[], [Dimension.STATUS], [Dimension.CREATED_MONTH], [Dimension.CUSTOMER]])
def test_all_statements_of_a_summary_see_one_state(dimensions: list[Dimension]) -> None:
    statements: list[str] = []
    with engine_of("sqlite").connect() as connection:
        raw = connection.connection.dbapi_connection
        assert raw is not None
        raw.set_trace_callback(statements.append)
        summarize(connection, None, dimensions)
        raw.set_trace_callback(None)
        assert raw.in_transaction
    assert statements[0].startswith("BEGIN")
    assert not any(one.startswith(("BEGIN", "COMMIT", "ROLLBACK")) for one in statements[1:])


def test_a_summary_that_is_broken_off_leaves_nothing_behind_for_the_next_one(tmp_path: Path) -> None:
    url = str(tmp_path / "deals.db")

    async def go() -> list[int]:
        async with open_database(url, threads=1) as database:
            await database.write(lambda connection: put(connection, [deal(n, lead_source=n % 3) for n in range(900)]))

            def broken_off(connection: Connection) -> None:
                raw: Any = connection.connection.driver_connection
                left = iter([0] * 5)  # some hundred deals further
                raw.set_progress_handler(lambda: next(left, 1), 1_000)
                with pytest.raises(DBAPIError, match="interrupted"):
                    summarize(connection, None, [Dimension.LEAD_SOURCE])
                raw.set_progress_handler(None, 0)

            await database.read(broken_off)
            rows = await database.read(lambda connection: summarize(connection, None, [Dimension.LEAD_SOURCE]))
            return [row.count for row in rows]

    assert asyncio.run(go()) == [300, 300, 300]
