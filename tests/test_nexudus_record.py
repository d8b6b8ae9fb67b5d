"""`resolvers.nexudus.record`: the 48 documented fields, each as the vendor writes it, and `resolvers.nexudus.codes`."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolvers.errors import UpstreamBadResponse
from resolvers.nexudus.codes import LeadSource, LossReason, Status
from resolvers.nexudus.record import NexudusRecord, is_complete, parse
from simulator.nexudus_records import DATA
from tests.documented import NEXUDUS as DOCUMENTED

EXAMPLE_TEXT = (DATA / "nexudus_example.json").read_text("utf-8")
EXAMPLE: dict[str, Any] = json.loads(EXAMPLE_TEXT, parse_float=Decimal)

TIMES = {"DueDate", "WonOn", "LostOn", "CrmUpdatedOn", "CreatedOn", "UpdatedOn"}


def python_name(json_name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in json_name).lstrip("_")


@dataclass(frozen=True)
class Exact:
    """A JSON number, digit for digit."""

    text: str


def body(**changes: Any) -> bytes:
    merged = {**EXAMPLE, **changes}
    members = []
    for name, value in merged.items():
        text = value.text if isinstance(value, Exact) else json.dumps(value, default=float)
        members.append(f"{json.dumps(name)}: {text}")
    return ("{" + ", ".join(members) + "}").encode()


def parsed(**changes: Any) -> NexudusRecord:
    return parse(body(**changes))[0]


def test_the_record_has_the_48_documented_fields_and_no_other() -> None:
    assert len(DOCUMENTED) == 48
    assert [python_name(name) for name in DOCUMENTED] == list(NexudusRecord.__struct_fields__)
    assert set(NexudusRecord.__struct_encode_fields__) == set(DOCUMENTED)


@pytest.mark.parametrize("name", DOCUMENTED)
def test_each_field_holds_what_the_example_says(name: str) -> None:
    record, absent = parse(EXAMPLE_TEXT.encode())
    found = getattr(record, python_name(name))
    expected = EXAMPLE[name]
    if name in TIMES and expected is not None:
        expected = datetime.fromisoformat(expected)

    assert found == expected
    assert absent == frozenset()


@pytest.mark.parametrize("name", [name for name in DOCUMENTED if name not in ("Id", "Status")])
def test_any_field_but_id_and_status_may_be_null_or_absent(name: str) -> None:
    field = python_name(name)
    assert getattr(parsed(**{name: None}), field) is None

    record, absent = parse(json.dumps({k: v for k, v in EXAMPLE.items() if k != name}, default=float).encode())
    assert getattr(record, field) is None
    assert absent == {field}


@pytest.mark.parametrize("name", ["Id", "Status"])
def test_a_record_without_id_or_status_is_a_bad_response(name: str) -> None:
    for broken in (body(**{name: None}), json.dumps({k: v for k, v in EXAMPLE.items() if k != name}, default=float)):
        with pytest.raises(UpstreamBadResponse):
            parse(broken if isinstance(broken, bytes) else broken.encode())


def test_a_null_field_is_told_from_an_absent_one() -> None:
    assert parse(body(Notes=None))[1] == frozenset()


def test_unknown_keys_are_ignored() -> None:
    record = parsed(BrandNewField={"nested": [1, None]}, CustomFields={"Desks": 12}, ToStringText="x")
    assert record == parse(EXAMPLE_TEXT.encode())[0]


@pytest.mark.parametrize(
    "name", [name for name in DOCUMENTED if name.endswith("Id") and name[:4] not in ("Uniq", "Syst")]
)
def test_ids_may_come_as_text_and_are_numbers_of_any_size(name: str) -> None:
    assert getattr(parsed(**{name: "1400000101"}), python_name(name)) == 1400000101
    assert getattr(parsed(**{name: 9223372036854775807}), python_name(name)) == 9223372036854775807


@pytest.mark.parametrize("text", ["0", "0.00000", "0.09000", "4800.00000", "4800", "9007199254740993.12345", "-12.5"])
def test_amounts_are_exact_to_the_last_digit(text: str) -> None:
    """Trap 24: a decoder that reads numbers as doubles loses them."""
    found = parsed(Value=Exact(text)).value
    assert str(found) == text


@given(st.integers(1, 10**300), st.text("0123456789", max_size=60), st.sampled_from(["", "-"]))
def test_any_amount_survives_exactly_whatever_its_length(whole: int, fraction: str, sign: str) -> None:
    text = f"{sign}{whole}{'.' if fraction else ''}{fraction}"
    found = parsed(Value=Exact(text)).value
    assert found is not None
    assert Fraction(found) == Fraction(text)
    assert format(found, "f") == text


@pytest.mark.parametrize("text", ["1e39", "12.5E+30", "-1e-39", "0e39", "9" * 2_000 + "." + "9" * 2_000, "1" * 41])
def test_an_amount_may_have_an_exponent_or_many_digits(text: str) -> None:
    assert Fraction(parsed(Value=Exact(text)).value or 0) == Fraction(text)


@pytest.mark.parametrize(
    "value",
    [
        *map(
            Exact,
            ["NaN", "1e400", "1E-400", "1e999999999", "-1e-999999999", "0e999999999", "0e-999999999", "9e9999999999"],
        ),
        *["1e999999999", "Infinity", "sNaN", "x", True, []],
    ],
)
def test_what_is_no_amount_is_a_bad_response(value: Any) -> None:
    with pytest.raises(UpstreamBadResponse):
        parsed(Value=value)


@pytest.mark.parametrize("name", sorted(TIMES))
@pytest.mark.parametrize(
    ("fraction", "microseconds"),
    [
        ("", 0),
        (".1", 100_000),
        (".12", 120_000),
        (".123", 123_000),
        (".1234", 123_400),
        (".12345", 123_450),
        (".123456", 123_456),
        (".1234567", 123_456),
    ],
)
def test_times_have_0_to_7_fractional_digits(name: str, fraction: str, microseconds: int) -> None:
    found = getattr(parsed(**{name: f"2026-01-05T08:00:00{fraction}Z"}), python_name(name))
    assert found == datetime(2026, 1, 5, 8, 0, 0, microseconds, tzinfo=UTC)


def test_a_time_without_a_zone_is_utc() -> None:
    assert parsed(DueDate="2026-05-13T23:00:00").due_date == datetime(2026, 5, 13, 23, tzinfo=UTC)


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("Individual", "Individual"),
        ("Company", "Company"),
        (1, "Individual"),
        (2, "Company"),
        ("1", "Individual"),
        ("2", "Company"),
        ("Cooperative", "Cooperative"),
        (3, "3"),
        (None, None),
    ],
)
def test_the_customers_type_has_one_spelling_however_it_is_sent(sent: Any, expected: str | None) -> None:
    assert parsed(CoworkerCoworkerType=sent).coworker_type == expected


def test_codes_are_the_documented_ones() -> None:
    assert [s.value for s in Status] == [1, 2, 3]
    assert [s.value for s in LeadSource] == [1, 2, *range(4, 27), 98, 99]
    assert [s.value for s in LossReason] == [*range(1, 21), 99]


def test_unknown_codes_are_kept_and_reported() -> None:
    record = parsed(Status=4, LeadSource=3, LossReason=77)
    assert (record.status, record.lead_source, record.loss_reason) == (4, 3, 77)
    assert record.unknown_codes() == [("Status", "4"), ("LeadSource", "3"), ("LossReason", "77")]
    assert parsed().unknown_codes() == []


@pytest.mark.parametrize("name", ["Status", "LeadSource", "LossReason", "Position"])
def test_a_code_that_outgrows_graphqls_int_is_a_bad_response(name: str) -> None:
    with pytest.raises(UpstreamBadResponse):
        parsed(**{name: 2**31})


@pytest.mark.parametrize(
    "sent", [b"null", b"[]", b'"Not found"', b'{"WasSuccessful":false,"Value":null}', b'{"Message":"Ooops!"}', b"{}"]
)
def test_what_is_no_record_is_a_bad_response(sent: bytes) -> None:
    with pytest.raises(UpstreamBadResponse):
        parse(sent)


@pytest.mark.parametrize("name", ["CrmBoardColumnId", "CoworkerId", "Position", "Completed", "UniqueId", "CreatedOn"])
def test_a_row_that_lacks_what_every_record_has_is_incomplete(name: str) -> None:
    record, absent = parse(body(**{name: None}))
    assert not is_complete(record, absent, never_sent=frozenset())


def test_a_row_with_an_absent_field_is_incomplete_unless_single_records_lack_it_too() -> None:
    record, absent = parse(json.dumps({k: v for k, v in EXAMPLE.items() if k != "UtmTerm"}, default=float).encode())
    assert not is_complete(record, absent, never_sent=frozenset())
    assert is_complete(record, absent, never_sent=frozenset({"utm_term"}))


def test_an_ordinary_row_is_complete() -> None:
    record, absent = parse(EXAMPLE_TEXT.encode())
    assert is_complete(record, absent, never_sent=frozenset())
