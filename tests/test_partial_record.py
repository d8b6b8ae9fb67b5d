"""`resolvers.partial_record`: what is read of a stored record is what the whole record has."""

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from resolvers import stored_record
from resolvers.chartmogul.record import parse as parse_chartmogul
from resolvers.nexudus.record import parse as parse_nexudus
from resolvers.partial_record import decode
from simulator import Simulator
from simulator.replies import encode_json


class AbsentError(Exception):
    """Is not an `AttributeError`, which whoever reads an attribute may take for something else."""


def records() -> list[tuple[str, Any]]:
    simulator = Simulator()
    found: list[tuple[str, Any]] = [
        ("nexudus", parse_nexudus(encode_json(row))[0]) for row in simulator.nexudus.records.values()
    ]
    for units in ("hundred", "iso4217"):
        rows = simulator.chartmogul.records.values()
        found += [("chartmogul", parse_chartmogul(encode_json(row), units)) for row in rows]
    return found


def read(source: str, body: bytes, names: set[str]) -> Sequence[Any]:
    found = decode(source, [body], frozenset(names), AbsentError)
    assert found is not None
    return found


def test_each_attribute_of_every_record_is_read_by_itself() -> None:
    compared = 0
    for source, record in records():
        body = stored_record.encode(source, record)
        for name in record.__struct_fields__:
            (part,) = read(source, body, {name})
            assert repr(getattr(part, name)) == repr(getattr(record, name)), name
            compared += 1
    assert compared > 10_000


def test_an_attribute_that_was_not_asked_for_is_absent() -> None:
    record = parse_chartmogul(json.dumps(CHARTMOGUL).encode())
    (part,) = read("chartmogul", stored_record.encode("chartmogul", record), {"uuid"})
    with pytest.raises(AbsentError) as refused:
        getattr(part, "owner", None)
    assert refused.value.args == ("owner",)


CHARTMOGUL = {"uuid": "a", "customer_uuid": "c", "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-02"}


@pytest.mark.parametrize(("units", "amount"), [("hundred", "5.00"), ("iso4217", "500")])
def test_a_property_reads_what_it_needs_as_the_record_s_type_has_it(units: Any, amount: str) -> None:
    record = parse_chartmogul(json.dumps(CHARTMOGUL | {"amount_in_cents": 500, "currency": "JPY"}).encode(), units)
    stored = stored_record.encode("chartmogul", record)
    (part,) = read("chartmogul", stored, {"amount_in_cents", "currency"})
    assert part.amount == Decimal(amount)
    (part,) = read("chartmogul", stored, {"amount_in_cents"})
    with pytest.raises(AbsentError, match="currency"):
        _ = part.amount


def test_a_customer_can_be_joined_where_it_is_asked_for() -> None:
    stored = stored_record.encode("chartmogul", parse_chartmogul(json.dumps(CHARTMOGUL).encode()))
    (part,) = read("chartmogul", stored, {"customer"})
    assert part.customer is None
    part.customer = "whoever"
    assert part.customer == "whoever"


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b"",
        b"7{}",
        b"no JSON",
        b'{"uuid": 1}',
        b"9" * 5,
        b"[" * 100_000,
        b"\x91" * 100_000,
        b"\x91\x01",
        b"\x02\x90",
    ],
)
def test_what_cannot_be_read_in_part_is_left_to_who_reads_the_whole(body: bytes) -> None:
    good = stored_record.encode("chartmogul", parse_chartmogul(json.dumps(CHARTMOGUL).encode()))
    for bodies in ([body], [good, body], [body, good, good]):
        assert decode("chartmogul", bodies, frozenset({"uuid"}), AbsentError) is None


def test_what_a_version_with_other_fields_has_stored_is_read_too() -> None:
    record = parse_chartmogul(json.dumps(CHARTMOGUL | {"owner": "Ada"}).encode())
    values = msgspec.msgpack.decode(stored_record.encode("chartmogul", record))
    names = frozenset({"owner", "updated_at", "customer"})
    bodies = [msgspec.msgpack.encode(one) for one in (values[:-1], [*values, "later", "still later"])]
    older, newer = decode("chartmogul", bodies, names, AbsentError) or ()
    assert (older.owner, older.updated_at, older.customer) == ("Ada", None, None)
    assert (newer.owner, newer.updated_at, newer.customer) == ("Ada", record.updated_at, None)


def test_records_are_read_together_in_their_order() -> None:
    bodies = [stored_record.encode(source, record) for source, record in records() if source == "nexudus"]
    found = decode("nexudus", bodies, frozenset({"id", "name"}), AbsentError)
    assert found is not None
    assert [one.id for one in found] == [record.id for source, record in records() if source == "nexudus"]


def test_of_records_of_several_types_none_is_read() -> None:
    bodies = [
        stored_record.encode("chartmogul", parse_chartmogul(json.dumps(CHARTMOGUL).encode(), units))
        for units in ("hundred", "iso4217")
    ]
    assert decode("chartmogul", bodies, frozenset({"uuid"}), AbsentError) is None
