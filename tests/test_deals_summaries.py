"""Totals, and what they are by: `schema.deals.summaries`, `schema.deals.pipelines`, `schema.deals.exchange_rates`."""

from collections import Counter
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from strawberry.utils.str_converters import to_camel_case

from schema.deals import summaries
from schema.deals.exchange_rates import BadRates, ExchangeRates, read_rates
from schema.deals.listed_fields import LISTED, Kind
from schema.deals.summaries import CUSTOMER
from schema.deals.values import microseconds
from store import periods
from store.stages import ListedStage, write_stages
from store.summaries import Dimension
from store.tables import DealColumns
from tests.deal_lists import ALL, WITHOUT_CONTACTS, deal, deals_of, open_deals, simulated, status
from tests.shown_deals import SHOWN, TEXTS, folded

ROWS = """rows { keys { dimension value } currency kind count amount weightedAmount averageAmount missingAmountCount
  missingLikelihoodCount }"""
RATES = ExchangeRates(date(2026, 2, 1), {"EUR": Decimal(1), "USD": Decimal("1.25"), "JPY": Decimal(160)})


def euros(number: int, millionths: int | None, *, currency: str | None = "EUR", **more: Any) -> Any:
    columns = DealColumns(value=millionths, currency=currency, status="open", **more)
    return replace(deal("nexudus", simulated()["nexudus"][0]), source_id=str(number), columns=columns)


async def test_totals_are_exact_and_never_across_currencies_or_kinds() -> None:
    deals = [
        euros(1, 1_000_000),
        euros(2, 500_001, win_likelihood=50),
        euros(3, None),
        euros(4, 7_000_000, currency="USD"),
        euros(5, 9_000_000, kind="recurring"),
        euros(6, None, currency=None),
    ]
    async with open_deals(*deals) as graph:
        found = await graph.data(f"{{ opportunitySummary(groupBy: [STATUS]) {{ {ROWS} asOf isComplete }} }}")
    summary = found["opportunitySummary"]
    assert (summary["asOf"], summary["isComplete"]) == ("2026-02-25T06:12:20Z", True)
    assert {tuple(key.values()) for row in summary["rows"] for key in row["keys"]} == {("STATUS", "OPEN")}
    assert [list(row.values())[1:] for row in summary["rows"]] == [
        ["EUR", "recurring", 1, "9", None, "9", 0, 1],
        ["EUR", None, 3, "1.500001", "0.2500005", "0.75", 1, 2],
        ["USD", None, 1, "7", None, "7", 0, 1],
        [None, None, 1, None, None, None, 1, 1],
    ]


@pytest.mark.parametrize("name", ["pipelineName", "stageName"])
async def test_groups_are_those_of_plain_python(name: str) -> None:
    dimension = name.removesuffix("Name").upper()
    async with open_deals(*deals_of({s: records[::4] for s, records in simulated().items()})) as graph:
        query = "{ opportunities(first: 200) { nodes { %s } } opportunitySummary(groupBy: [%s]) { %s } }"
        found = await graph.data(query % (SHOWN, dimension, ROWS))
    expected: Counter[Any] = Counter()
    for one in found["opportunities"]["nodes"]:
        expected[folded(TEXTS[name](one))] += 1
    counted: Counter[Any] = Counter()
    for row in found["opportunitySummary"]["rows"]:
        counted[folded(row["keys"][0]["value"])] += row["count"]
    assert counted == expected


async def test_a_connection_sums_up_all_its_pages() -> None:
    async with open_deals(*[euros(number, 1_000_000) for number in range(1, 40)]) as graph:
        query = "{ opportunities(first: 1) { summary(groupBy: []) { rows { count amount } isComplete } } }"
        summary = (await graph.data(query))["opportunities"]["summary"]
        assert summary == {"rows": [{"count": 39, "amount": "39"}], "isComplete": True}


async def test_a_key_is_what_a_filter_takes() -> None:
    async with open_deals(*deals_of({s: records[::8] for s, records in simulated().items()})) as graph:
        summary = (
            "query($by: SummaryDimension!) { opportunitySummary(groupBy: [$by]) { rows { keys { value } count } } }"
        )
        count = "query($filter: OpportunityFilter) { opportunities(first: 1, filter: $filter) { totalCount } }"
        for field in LISTED:
            if not field.dimension or field.kind in (Kind.MOMENT, Kind.DAY):  # whose keys are months
                continue
            totals: Counter[str | None] = Counter()
            for row in (await graph.data(summary, by=field.dimension.upper()))["opportunitySummary"]["rows"]:
                totals[row["keys"][0]["value"]] += row["count"]
            assert totals
            for value, total in totals.items():
                given = {"isNull": True} if value is None else {"eq": value}
                found = await graph.data(count, filter={to_camel_case(field.name): given})
                assert found["opportunities"]["totalCount"] == total, (field.name, value)


@pytest.mark.parametrize(
    ("dimension", "codes", "expected"),
    [
        ("LEAD_SOURCE", {"lead_source": [27, 28, None, 1]}, {"WEB": 1, None: 3}),
        ("LOSS_REASON", {"loss_reason": [0, 99, 22]}, {"OTHER": 1, None: 2}),
        ("STATUS", {"status": ["stalled", "won", "lost"]}, {"WON": 1, "LOST": 1, None: 1}),
        ("FORECAST_CATEGORY", {"forecast_category": ["maybe", None]}, {None: 2}),
        ("SOURCE", {"source": ["elsewhere", "nexudus"]}, {"NEXUDUS": 1, None: 1}),
    ],
)
async def test_codes_that_another_version_has_stored_are_null_and_counted(
    dimension: str, codes: dict[str, list[Any]], expected: dict[str | None, int]
) -> None:
    ((name, values),) = codes.items()
    deals = [euros(number, 10**6) for number, _ in enumerate(values, 1)]
    for number, value in enumerate(values):
        one = deals[number]
        columns = one.columns if name == "source" else replace(one.columns, **{name: value})
        deals[number] = replace(one, columns=columns, **({name: value} if name == "source" else {}))
    async with open_deals(*deals) as graph:
        found = await graph.data(f"{{ opportunitySummary(groupBy: [{dimension}]) {{ {ROWS} }} }}")
    rows = found["opportunitySummary"]["rows"]
    assert [(row["keys"][0]["value"], row["count"], row["amount"]) for row in rows] == [
        (value, count, str(count)) for value, count in sorted(expected.items(), key=lambda item: item[0] or "~")
    ]
    assert {row["averageAmount"] for row in rows} == {"1"}


async def test_pipelines_of_a_source_that_this_version_lacks_are_left_out() -> None:
    deals = [euros(1, None, pipeline_name="Here"), replace(euros(2, None, pipeline_name="There"), source="elsewhere")]
    async with open_deals(*deals) as graph:
        assert [one["name"] for one in (await graph.data("{ pipelines { name source } }"))["pipelines"]] == ["Here"]


def test_every_dimension_of_the_store_is_one_of_the_graph() -> None:
    in_graph = {dimension for field in (*LISTED, CUSTOMER) for dimension in field.dimensions}
    assert in_graph == {one.value for one in Dimension}


@pytest.mark.parametrize(
    ("dimensions", "said"),
    [
        ("STATUS, STATUS", "`groupBy[1]` repeats a dimension that stands before it: give each once."),
        ("STATUS, SOURCE, STAGE, KIND, PIPELINE", "`groupBy` takes at most 4 dimensions, not 5."),
    ],
)
async def test_too_many_dimensions_are_refused(dimensions: str, said: str) -> None:
    async with open_deals() as graph:
        code, message, path = await graph.refusal(f"{{ opportunitySummary(groupBy: [{dimensions}]) {{ isComplete }} }}")
        assert (code, path) == ("BAD_USER_INPUT", ["opportunitySummary"])
        assert message == said


async def test_more_rows_than_allowed_are_refused_not_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(summaries, "MOST_ROWS", 2)
    deals = [euros(number, 1, currency=currency) for number, currency in enumerate(("EUR", "USD", "JPY"))]
    async with open_deals(*deals) as graph:
        code, message, _ = await graph.refusal("{ opportunitySummary(groupBy: []) { rows { count } } }")
        assert (code, message) == ("BAD_USER_INPUT", "`groupBy` gives more than 2 rows: group by less, or filter.")


@pytest.mark.parametrize("place", ["opportunitySummary", "opportunities { summary"])
async def test_rows_times_fields_are_bounded_whoever_executes(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some hundred aliases of a field of each of 1,000 rows would keep everybody else waiting for seconds."""
    monkeypatch.setattr(summaries, "MOST_CELLS", 120)
    deals = [euros(number, 1, currency=currency) for number, currency in enumerate(("EUR", "USD", "JPY"))]
    totals = f"{place}(groupBy: []) {{ rows {{ ...All }} }} {'}' if '{' in place else ''}"
    query = f"{{ {totals} n: opportunities {{ totalCount }} }}"
    few, many = (
        f"{query} fragment All on SummaryRow {{ {' '.join(f'c{one}: count' for one in range(number))} }}"
        for number in (30, 40)
    )
    async with open_deals(*deals) as graph:
        for _ in range(3):  # by graphql-core, then compiled
            assert "errors" not in await graph.ask(few)
            answer = await graph.ask(many)
            (error,) = answer["errors"]
            assert error["extensions"]["code"] == "BAD_USER_INPUT"
            assert error["message"].startswith("`groupBy` gives too many rows for so many fields: select")
            assert answer["data"]["n"] == {"totalCount": 3}


async def test_months_and_quarters_are_those_of_the_asked_time_zone() -> None:
    moments = ["2026-03-31T22:30:00Z", "2026-04-01T04:30:00Z"]
    deals = [
        euros(n, 1, created_at=microseconds(datetime.fromisoformat(one)), close_on=20_543)
        for n, one in enumerate(moments, 1)
    ]
    asked = """(groupBy: [CREATED_MONTH, CREATED_QUARTER, CLOSE_MONTH, CLOSE_QUARTER], timeZone: $zone)
      { rows { keys { value } count } }"""
    closed = ["2026-03", "2026-Q1"]  # a date, which has no zone
    expected = {
        None: [["2026-03", "2026-Q1", *closed, 1], ["2026-04", "2026-Q2", *closed, 1]],
        "Europe/Berlin": [["2026-04", "2026-Q2", *closed, 2]],
        "America/Los_Angeles": [["2026-03", "2026-Q1", *closed, 2]],
    }
    async with open_deals(*deals) as graph:
        for zone, rows in expected.items():
            found = await graph.data(
                f"query($zone: String) {{ opportunitySummary{asked} opportunities {{ summary{asked} }} }}", zone=zone
            )
            for summary in (found["opportunitySummary"], found["opportunities"]["summary"]):
                assert [[*(key["value"] for key in row["keys"]), row["count"]] for row in summary["rows"]] == rows


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "localtime"])
async def test_an_unknown_time_zone_is_refused_at_the_summary(zone: str) -> None:
    query = """query($zone: String) { opportunities { totalCount summary(groupBy: [], timeZone: $zone) { isComplete } }
      opportunitySummary(groupBy: [CREATED_MONTH], timeZone: $zone) { isComplete } }"""
    async with open_deals(euros(1, 1)) as graph:
        answer = await graph.ask(query, zone=zone)
    paths = [error["path"] for error in answer["errors"]]
    assert sorted(paths) == [["opportunities", "summary"], ["opportunitySummary"]]
    for error in answer["errors"]:
        assert error["extensions"]["code"] == "BAD_USER_INPUT"
        assert error["message"] == "`timeZone` must be an IANA name such as Europe/London."
    assert answer["data"]["opportunities"]["totalCount"] == 1


async def test_deals_of_too_many_years_are_refused_not_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(periods, "MOST", 11)
    async with open_deals(euros(1, 1, close_on=1)) as graph:
        found = await graph.refusal("{ opportunitySummary(groupBy: [CLOSE_MONTH]) { isComplete } }")
    message = "`groupBy`: Deals are of too many years to group all by month: group by less."
    assert found[:2] == ("BAD_USER_INPUT", message)


async def test_nobody_groups_by_people_without_the_scope_for_them() -> None:
    async with open_deals(euros(1, 1)) as graph:
        for name, query in (
            ("OWNER", "{ opportunitySummary(groupBy: [OWNER]) { rows { count } } }"),
            ("CUSTOMER", "{ opportunitySummary(groupBy: [CUSTOMER]) { rows { count } } }"),
            ("OWNER", "{ opportunities { summary(groupBy: [STATUS, OWNER]) { rows { count } } } }"),
        ):
            code, message, _ = await graph.refusal(query, WITHOUT_CONTACTS)
            assert (code, f"list by `{name}` in `groupBy`, which" in message) == ("FORBIDDEN", True)
            assert "errors" not in await graph.ask(query, ALL)


async def test_a_source_that_was_never_read_completely_is_not_passed_over() -> None:
    async with open_deals(euros(1, 1)) as graph:
        graph.sync.known = [status("nexudus"), status("chartmogul", None)]
        query = (
            "{ opportunitySummary(groupBy: []) { asOf isComplete } opportunities { sources { source isComplete } } }"
        )
        assert await graph.data(query) == {
            "opportunitySummary": {"asOf": None, "isComplete": False},
            "opportunities": {
                "sources": [{"source": "nexudus", "isComplete": True}, {"source": "chartmogul", "isComplete": False}]
            },
        }


# --- conversion

CONVERTED = """{ opportunitySummary(groupBy: []) {
  rows { currency converted(to: "%s") { currency amount weightedAmount rateDate } } } }"""


async def test_sums_are_converted_at_the_rates_of_the_operators_table() -> None:
    deals = [
        euros(1, 10_000_000, win_likelihood=50),
        euros(2, 10_000_000, currency="USD"),
        euros(3, 1, currency="XAU"),
        euros(4, None, currency="JPY"),
    ]
    async with open_deals(*deals, exchange_rates=RATES) as graph:
        rows = (await graph.data(CONVERTED % "EUR"))["opportunitySummary"]["rows"]
        assert (await graph.data(CONVERTED % "eur"))["opportunitySummary"]["rows"] == rows
        assert {row["currency"]: row["converted"] for row in rows} == {
            "EUR": {"currency": "EUR", "amount": "10", "weightedAmount": "5", "rateDate": "2026-02-01"},
            "USD": {"currency": "EUR", "amount": "8", "weightedAmount": None, "rateDate": "2026-02-01"},
            "XAU": None,
            "JPY": {"currency": "EUR", "amount": None, "weightedAmount": None, "rateDate": "2026-02-01"},
        }


async def test_a_currency_without_a_rate_and_a_server_without_a_table_are_told_apart() -> None:
    async with open_deals(euros(1, 1)) as graph:
        message = "This server has no table of exchange rates: `converted` is null in all rows."
        assert (await graph.refusal(CONVERTED % "USD"))[1] == message
    async with open_deals(euros(1, 1), exchange_rates=RATES) as graph:
        message = "`to` must be a currency of this server's table of rates: EUR, JPY, USD."
        assert (await graph.refusal(CONVERTED % "CHF"))[:2] == ("BAD_USER_INPUT", message)


@pytest.mark.parametrize("rates", [None, RATES])
async def test_what_cannot_be_converted_in_any_row_is_told_once_for_each_field(rates: ExchangeRates | None) -> None:
    deals = [euros(number, 1, currency=currency) for number, currency in enumerate(("EUR", "USD", "JPY"))]
    fields = 'count a: converted(to: "CHF") { amount } b: converted(to: "CHF") { amount }'
    query = f"{{ opportunitySummary(groupBy: []) {{ rows {{ {fields} }} }} }}"
    async with open_deals(*deals, exchange_rates=rates) as graph:
        for _ in range(3):  # by graphql-core, then compiled
            answer = await graph.ask(query)
            assert answer["data"]["opportunitySummary"]["rows"] == [{"count": 1, "a": None, "b": None}] * 3
            assert [one["path"] for one in answer["errors"]] == [
                ["opportunitySummary", "rows", 0, "a"],
                ["opportunitySummary", "rows", 0, "b"],
            ]


def test_rates_are_exact_and_rounded_once() -> None:
    assert RATES.convert(Decimal(1), "JPY", "USD") == Decimal("0.007812")  # 0.0078125, halves to the even one
    assert RATES.convert(Decimal(3), "JPY", "USD") == Decimal("0.023438")
    assert RATES.convert(Decimal("12345678901234567890.000001"), "EUR", "EUR") == Decimal("12345678901234567890.000001")
    assert str(RATES.convert(Decimal("0.00000150"), "USD", "USD")) == "0.000002", "a weighted sum has eight places"
    assert RATES.convert(Decimal(1), "EUR", "XXX") is None
    assert str(RATES.convert(Decimal("-0.000001"), "JPY", "USD")) == "0"


def test_whatever_a_table_of_rates_may_have_is_computed_with(tmp_path: Path) -> None:
    file = tmp_path / "rates.json"
    least, most = "1.00000000000000000000000000001e-12", "999999999999.999999999999999999"
    file.write_text(f'{{"date": "2026-11-02", "base": "EUR", "rates": {{"USD": "{least}", "GBP": {most}, "EUR": 1}}}}')
    rates, sum_ = read_rates(file), Decimal("12345678901234567890.12345678")
    for currency, to in (("USD", "GBP"), ("GBP", "USD")):
        exact = Fraction(sum_) * Fraction(rates.rates[to]) / Fraction(rates.rates[currency])
        found = rates.convert(sum_, currency, to)
        assert found is not None
        assert abs(Fraction(found) - exact) <= Fraction(1, 2_000_000)


async def test_an_answer_is_another_one_with_other_rates(tmp_path: Path) -> None:
    file, rates = tmp_path / "rates.json", replace(RATES)
    file.write_text('{"date": "2026-11-03", "base": "EUR", "rates": {"USD": "3"}}')
    async with open_deals(euros(1, 1), exchange_rates=rates) as graph:
        before = await graph.data(CONVERTED % "USD")
        assert graph.context is not None
        assert (validator := graph.context.validator()) is not None
        assert validator()
        assert rates.read_anew(file)
        assert not validator()
        assert await graph.data(CONVERTED % "USD") != before
        assert not rates.read_anew(file)


def test_a_table_of_rates_is_read_with_its_digits(tmp_path: Path) -> None:
    file = tmp_path / "rates.json"
    file.write_text('{"date": "2026-11-02", "base": "EUR", "rates": {"USD": "1.0842", "GBP": 0.8391}}')
    assert read_rates(file) == ExchangeRates(
        date(2026, 11, 2), {"USD": Decimal("1.0842"), "GBP": Decimal("0.8391"), "EUR": Decimal(1)}
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no table of rates"),
        ('{"date": "2026-11-02", "base": "EUR"}', "rates"),
        ('{"date": "yesterday", "base": "EUR", "rates": {}}', "no table of rates"),
        ('{"date": "2026-11-02", "base": "EUR", "rates": {"USD": "0"}}', "the rate of USD must be above 0"),
        ('{"date": "2026-11-02", "base": "EUR", "rates": {"USD": "NaN"}}', "the rate of USD must be above 0"),
        *(
            (
                f'{{"date": "2026-11-02", "base": "EUR", "rates": {{"USD": {rate}}}}}',
                "the rate of USD must be from 1E-12 to",
            )
            for rate in ('"1e-400"', "1e400", '"1.0000000000000000000000000000001"', "1" * 1_000)
        ),
        ('{"date": "2026-11-02", "base": "EUR", "rates": {"EUR": "2"}}', "the rate of the base, EUR, must be 1"),
        ('{"date": "2026-11-02", "base": "EUR", "rates": {"USD": 1, "USD": 2}}', "'USD' is given twice"),
        ('{"date": "2026-11-02", "base": "EUR", "base": "USD", "rates": {}}', "'base' is given twice"),
        ('{"date": "2026-11-02", "base": "EUR", "rates": {"usd": "1.08"}}', "'usd' must be an ISO 4217 code"),
        ('{"date": "2026-11-02", "base": "Euro", "rates": {}}', "'Euro' must be an ISO 4217 code"),
        ('{"date": "2026-11-02", "base": "EUR", "rates": {}, "more": 1}', "more"),
    ],
)
def test_a_file_that_is_no_table_of_rates_is_told_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "rates.json"
    file.write_text(text)
    with pytest.raises(BadRates, match=message) as raised:
        read_rates(file)
    assert "\n" not in str(raised.value)
    with pytest.raises(BadRates, match=r"^the file cannot be read: No such file or directory$"):
        read_rates(tmp_path / "missing.json")


# --- pipelines


async def test_pipelines_tell_what_filters_can_be_set_to() -> None:
    async with open_deals(*deals_of({s: records[::8] for s, records in simulated().items()})) as graph:
        found = (await graph.data("{ pipelines { name source stages { name position count } } }"))["pipelines"]
        named = next(one for one in found if one["name"] is not None)
        stage = next(one for one in named["stages"] if one["name"] is not None)
        filter_ = {
            "pipelineName": {"eq": named["name"]},
            "stageName": {"eq": stage["name"]},
            "source": {"eq": named["source"]},
        }
        query = "query($f: OpportunityFilter) { opportunities(filter: $f) { totalCount } }"
        listed = await graph.data(query, f=filter_)
        assert listed["opportunities"]["totalCount"] == stage["count"]
        assert {one["source"] for one in found} == {"NEXUDUS", "CHARTMOGUL"}
        total = (await graph.data("{ opportunities { totalCount } }"))["opportunities"]["totalCount"]
        assert sum(one["count"] for pipeline in found for one in pipeline["stages"]) == total
        assert {one["position"] for pipeline in found for one in pipeline["stages"]} == {None}, "none is listed"


async def test_stages_have_the_order_and_the_empty_ones_that_their_source_lists() -> None:
    record = next(one for one in simulated()["nexudus"] if one.crm_board_column_name == "Won")
    board = record.crm_board_column_crm_board_name
    stages = [
        ListedStage(source="nexudus", stage_id=name, name=name, pipeline_id="1", pipeline_name=board, position=place)
        for place, name in enumerate(["Enquiry", "Won", "Lost"])
    ]
    async with open_deals(deal("nexudus", record)) as graph:
        query = "{ pipelines { stages { name position count } } }"
        assert len((await graph.data(query))["pipelines"][0]["stages"]) == 1
        await graph.database.write(lambda connection: write_stages(connection, "nexudus", "", stages, is_whole=True))
        (found,) = (await graph.data(query))["pipelines"]
        assert found["stages"] == [
            {"name": "Enquiry", "position": 0, "count": 0},
            {"name": "Won", "position": 1, "count": 1},
            {"name": "Lost", "position": 2, "count": 0},
        ]


NUMBERS = "currency kind count amount weightedAmount averageAmount missingAmountCount missingLikelihoodCount"
EVERY_TENTH = {source: records[::10] for source, records in simulated().items()}


@pytest.mark.parametrize(
    ("query", "by"),
    [
        ("{ opportunitySummary(groupBy: [STATUS, OWNER]) { rows { keys { dimension value } %s } asOf } }", None),
        ("query($by: [SummaryDimension!]!) { opportunitySummary(groupBy: $by) { isComplete rows { %s } } }", ["STAGE"]),
        ("{ a: opportunitySummary(groupBy: [], filter: {status: {eq: WON}}) { __typename rows { %s } } }", None),
        ('{ opportunitySummary(groupBy: [], filter: {value: {gte: "1"}}) { rows { %s } } }', None),
        ("{ opportunitySummary(groupBy: [STATUS, STATUS]) { rows { %s } } }", None),
        ('{ opportunitySummary(groupBy: []) { rows { %s converted(to: "EUR") { amount } } } }', None),
    ],
)
async def test_a_summary_is_the_same_whether_compiled_or_not(query: str, by: list[str] | None) -> None:
    async with open_deals(*deals_of(EVERY_TENTH)) as graph:
        first, *others = [await graph.ask(query % NUMBERS, by=by) for _ in range(3)]
        assert others == [first, first]
        assert "opportunitySummary" in str(first) or "'a'" in str(first)


async def test_a_summary_that_is_asked_for_again_is_compiled() -> None:
    query = "query($by: [SummaryDimension!]!) { opportunitySummary(groupBy: $by) { rows { keys { value } %s } } }"
    async with open_deals(*deals_of(EVERY_TENTH)) as graph:
        for _ in range(3):
            assert (await graph.data(query % NUMBERS, by=["STATUS", "CLOSE_MONTH"]))["opportunitySummary"]["rows"]
        assert graph.engine.compiled == 2


@pytest.mark.parametrize(("count", "sum_"), [(3, 5), (0, 2), (None, None)])
async def test_lists_and_totals_say_how_many_customers_names_they_lack(count: int | None, sum_: int | None) -> None:
    async with open_deals(euros(1, 1)) as graph:
        graph.sync.known = [status("nexudus", unread_customers=2), status("chartmogul", unread_customers=count)]
        query = "{ opportunitySummary(groupBy: []) { unreadCustomers } opportunities { sources { unreadCustomers } } }"
        assert await graph.data(query) == {
            "opportunitySummary": {"unreadCustomers": sum_},
            "opportunities": {"sources": [{"unreadCustomers": 2}, {"unreadCustomers": count}]},
        }
