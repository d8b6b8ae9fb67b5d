"""`resolvers.chartmogul.record`: the 14 documented fields, each as the vendor writes it."""

import json
from datetime import UTC, date, datetime
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolvers.chartmogul.record import MOST_NESTED, ChartMogulRecord, MinorUnits, parse
from resolvers.errors import UpstreamBadResponse
from simulator.chartmogul_records import DOCUMENTED as VENDORS_EXAMPLE
from simulator.chartmogul_records import EXAMPLE
from tests.documented import CHARTMOGUL as DOCUMENTED

REQUIRED = {"uuid", "customer_uuid", "created_at", "updated_at"}


def parsed(minor_units: MinorUnits = "hundred", **changes: Any) -> ChartMogulRecord:
    return parse(json.dumps({**EXAMPLE, **changes}).encode(), minor_units)


def test_the_record_has_the_14_documented_fields_and_no_other() -> None:
    assert len(DOCUMENTED) == 14
    assert list(ChartMogulRecord.__struct_fields__) == DOCUMENTED


@pytest.mark.parametrize("name", DOCUMENTED)
@pytest.mark.parametrize("example", [EXAMPLE, VENDORS_EXAMPLE], ids=["invented", "documented"])
def test_each_field_holds_what_the_example_says(example: dict[str, Any], name: str) -> None:
    expected = example[name]
    found = getattr(parse(json.dumps(example).encode()), name)
    if name in ("created_at", "updated_at"):
        expected = datetime.fromisoformat(expected)
    elif name == "estimated_close_date":
        expected = date.fromisoformat(expected)

    assert found == expected


@pytest.mark.parametrize("name", [name for name in DOCUMENTED if name not in REQUIRED])
def test_an_optional_field_may_be_null_or_absent(name: str) -> None:
    assert getattr(parsed(**{name: None}), name) is None
    assert getattr(parse(json.dumps({k: v for k, v in EXAMPLE.items() if k != name}).encode()), name) is None


@pytest.mark.parametrize("name", sorted(REQUIRED))
def test_a_record_without_a_required_field_is_a_bad_response(name: str) -> None:
    with pytest.raises(UpstreamBadResponse):
        parsed(**{name: None})
    with pytest.raises(UpstreamBadResponse):
        parse(json.dumps({k: v for k, v in EXAMPLE.items() if k != name}).encode())


def test_unknown_keys_are_ignored() -> None:
    assert parsed(brand_new_field={"nested": [1, None]}) == parsed()


@pytest.mark.parametrize(
    ("currency", "cents", "hundred", "iso4217"),
    [
        ("USD", 10_000, "100.00", "100.00"),
        ("GBP", 1, "0.01", "0.01"),
        ("EUR", 0, "0.00", "0.00"),
        ("EUR", -125_000, "-1250.00", "-1250.00"),
        ("JPY", 150_000_000, "1500000.00", "150000000"),
        ("krw", 5, "0.05", "5"),
        ("KWD", 1_234_567, "12345.67", "1234.567"),
        ("CLF", 1_234_567, "12345.67", "123.4567"),
        ("XXX", 100, "1.00", "1.00"),
    ],
)
def test_the_amount_follows_the_policy_of_minor_units(currency: str, cents: int, hundred: str, iso4217: str) -> None:
    assert str(parsed("hundred", currency=currency, amount_in_cents=cents).amount) == hundred
    assert str(parsed("iso4217", currency=currency, amount_in_cents=cents).amount) == iso4217


@pytest.mark.parametrize("changes", [{"currency": None}, {"currency": ""}, {"amount_in_cents": None}])
def test_there_is_no_amount_without_both_a_number_and_a_currency(changes: dict[str, Any]) -> None:
    assert parsed(**changes).amount is None


@given(
    st.integers(-(10**40), 10**40) | st.integers(-(10**4_000), 10**4_000), st.sampled_from(["JPY", "EUR", "KWD", "CLF"])
)
def test_any_number_of_cents_is_exact_whatever_its_length(cents: int, currency: str) -> None:
    for minor_units, units in (
        ("hundred", 100),
        ("iso4217", {"JPY": 1, "EUR": 100, "KWD": 1_000, "CLF": 10_000}[currency]),
    ):
        record = parsed(minor_units, amount_in_cents=cents, currency=currency)  # type: ignore[arg-type] # one of both
        assert record.amount_in_cents == cents
        assert record.amount is not None
        assert Fraction(record.amount) == Fraction(cents, units)
        assert len(record.amount.as_tuple().digits) <= len(str(abs(cents)))


@pytest.mark.parametrize(
    ("sent", "cents"),
    [
        ("5.0", 5),
        ("1e3", 1_000),
        ('"5"', 5),
        ('"5.00"', 5),
        ("9007199254740993.0", 9007199254740993),
        ("123456789012345678901234567890123.000", 123456789012345678901234567890123),
        ("-1.5e1", -15),
        ("1e30", 10**30),
    ],
)
def test_cents_may_be_written_like_any_number_that_is_whole(sent: str, cents: int) -> None:
    record = parse(json.dumps({**EXAMPLE, "amount_in_cents": "?"}).replace('"?"', sent).encode())
    assert record.amount_in_cents == cents
    assert type(record.amount_in_cents) is int


@pytest.mark.parametrize(
    "sent",
    [
        *["9" * 5_000, "1e5000", "1e999999999", "1e-999999999", "NaN", "1.5", "123456789012345678901234567890.5"],
        *['"NaN"', '"1e5000"', '"x"', "true"],
    ],
)
def test_cents_that_are_no_number_of_cents_are_a_bad_response(sent: str) -> None:
    with pytest.raises(UpstreamBadResponse):
        parse(json.dumps({**EXAMPLE, "amount_in_cents": "?"}).replace('"?"', sent).encode())


@pytest.mark.parametrize(("opening", "closing"), [('{"a":', "}"), ("[", "]")])
def test_custom_attributes_are_nested_no_deeper_than_they_can_be_written(opening: str, closing: str) -> None:
    def sent(depth: int) -> bytes:
        custom = '{"a":' + opening * (depth - 1) + "1" + closing * (depth - 1) + "}"
        return json.dumps({**EXAMPLE, "custom": "?"}).replace('"?"', custom).encode()

    assert parse(sent(MOST_NESTED)).custom
    with pytest.raises(UpstreamBadResponse):
        parse(sent(MOST_NESTED + 1))


def test_custom_attributes_keep_their_order_and_their_types() -> None:
    sent = {"zulu": 1, "alpha": 2.5, "mike": "x", "1": True, "Alpha": None, "nested": {"deep": [1, {"x": []}]}, "": ""}
    custom = parsed(custom=sent).custom

    assert custom == sent
    assert list(custom or ()) == list(sent)
    assert [type(value) for value in (custom or {}).values()] == [type(value) for value in sent.values()]


@pytest.mark.parametrize("custom", [[], "text", 5])
def test_custom_attributes_that_are_no_object_are_a_bad_response(custom: Any) -> None:
    with pytest.raises(UpstreamBadResponse):
        parsed(custom=custom)


@pytest.mark.parametrize("text", ["2026-03-31T00:00:00Z", "31.03.2026", "2026-02-30", "", 20260331])
def test_a_close_date_that_is_no_date_is_a_bad_response(text: Any) -> None:
    with pytest.raises(UpstreamBadResponse):
        parsed(estimated_close_date=text)


def test_unknown_codes_are_kept_and_reported() -> None:
    record = parsed(type="biennial", forecast_category="wishful")
    assert (record.type, record.forecast_category) == ("biennial", "wishful")
    assert record.unknown_codes() == [("type", "biennial"), ("forecast_category", "wishful")]


@pytest.mark.parametrize("type_", ["recurring", "arr", "one-time", None])
@pytest.mark.parametrize("category", ["pipeline", "best_case", "committed", "lost", "won", None])
def test_known_codes_are_not_reported(type_: str | None, category: str | None) -> None:
    assert parsed(type=type_, forecast_category=category).unknown_codes() == []


def test_times_are_in_utc() -> None:
    expected = datetime(2024, 3, 20, 9, 55, 50, 156_000, tzinfo=UTC)
    assert parsed(created_at="2024-03-20T09:55:50.156Z").created_at == expected


@pytest.mark.parametrize("sent", [b"null", b"[]", b"{}", b'{"code":404,"message":"x","param":"uuid"}', b"<html>"])
def test_what_is_no_record_is_a_bad_response(sent: bytes) -> None:
    with pytest.raises(UpstreamBadResponse):
        parse(sent)
