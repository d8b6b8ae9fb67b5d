"""Sums of the store: `store.summaries`."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, text

from store.conditions import Compare, Condition, Operator
from store.summaries import Dimension, SummaryRow, summarize
from store.tables import DEALS, GROUPED
from tests.deal_rows import Deal, conditions, deal, deals, listed, put
from tests.fuzzing import beside_databases
from tests.stores import connected

EXACT = Context(prec=60, rounding=ROUND_HALF_EVEN)
DAY = 86_400_000_000
PLAIN = {
    Dimension.STATUS: "status",
    Dimension.PIPELINE: "pipeline_folded",
    Dimension.OWNER: "owner_folded",
    Dimension.CURRENCY: "currency",
    Dimension.LEAD_SOURCE: "lead_source",
    Dimension.SOURCE: "source",
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
)
@beside_databases
def test_any_summary_is_what_plain_sums_give(
    store_kind: str,
    rows: list[Deal],
    condition: Condition | None,
    dimensions: list[Dimension],
    currencies: list[str | None],
) -> None:
    for one, currency in zip(rows, currencies, strict=False):
        one.update(currency=currency, kind=currency and "recurring", lead_source=currency and 3)
    with connected(store_kind) as connection:
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


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "America/Adak"])
def test_months_are_those_of_utc_to_the_microsecond(connection: Connection, zone: str) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SET LOCAL TIME ZONE '{zone}'"))
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    months = [
        datetime(y, m, 1, tzinfo=UTC) for y, m in [(1, 2), (1969, 12), (1970, 1), (2024, 3), (2026, 12), (9999, 12)]
    ]
    created = [(month - epoch) // timedelta(microseconds=1) + step for month in months for step in (-1, 0)]
    columns = ("created_at", "updated_at", "won_at", "lost_at")
    put(connection, [deal(n, **dict.fromkeys(columns, at), close_on=at // DAY) for n, at in enumerate(created)])
    expected = {(epoch + timedelta(microseconds=at)).isoformat()[:7] for at in created}
    for dimension in (one for one in Dimension if one.value.endswith("_month")):
        assert {row.keys[0] for row in summarize(connection, None, [dimension])} == expected


def test_names_that_differ_in_case_are_one_key(connection: Connection) -> None:
    names = ("sales", "Sales", "SALES")
    put(
        connection,
        [deal(n, stage_folded="sales", stage_name=one, owner_folded="a@b") for n, one in enumerate(names)],
    )
    [row] = summarize(connection, None, [Dimension.STAGE, Dimension.OWNER])
    assert (row.keys, row.count) == (("SALES", "a@b"), 3)
    assert summarize(connection, None, [Dimension.STAGE])[0].keys == ("SALES",)


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


@pytest.mark.parametrize(
    "dimension",
    # Few deals have one of these two, and whoever asks for their months filters by them.
    [one for one in Dimension if one not in (Dimension.WON_MONTH, Dimension.LOST_MONTH)],
)
def test_every_dimension_reads_one_narrow_index_in_sqlite(dimension: Dimension) -> None:
    plans: list[str] = []
    with connected("sqlite") as connection:
        put(connection, [deal(1)])
        raw = connection.connection.dbapi_connection
        assert raw is not None
        raw.set_trace_callback(plans.append)
        summarize(connection, Compare("status", Operator.EQ, "open"), [dimension])
        raw.set_trace_callback(None)
        plan = [row[-1] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {plans[0]}")]
    assert plan[0] == "SCAN deals USING COVERING INDEX deals_summed"
    is_sorted = dimension in (Dimension.STATUS, Dimension.PIPELINE, Dimension.STAGE, Dimension.SOURCE)
    assert (len(plan) == 1) == (is_sorted or dimension in (Dimension.CURRENCY, Dimension.KIND))


def test_the_index_of_sums_is_ordered_by_what_is_grouped() -> None:
    [index] = [index for index in DEALS.indexes if index.name == "deals_summed"]
    assert tuple(column.name for column in index.columns)[: len(GROUPED)] == GROUPED
