"""`resolvers.stored_record`: what the store keeps of a record is all of it."""

import json
from decimal import Decimal
from hashlib import blake2b
from typing import Any

import msgspec
import pytest

from resolvers.chartmogul.record import parse as parse_chartmogul
from resolvers.errors import UpstreamBadResponse
from resolvers.nexudus import NEXUDUS
from resolvers.nexudus.record import NexudusRecord
from resolvers.nexudus.record import parse as parse_nexudus
from resolvers.registry import SOURCES
from resolvers.source import Source
from resolvers.stored_record import decode, encode, merge
from simulator import Simulator


def nexudus(**fields: Any) -> NexudusRecord:
    return parse_nexudus(json.dumps({"Id": 1, "Status": 1, **fields}).encode())[0]


CHARTMOGUL = {"uuid": "a", "customer_uuid": "c", "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-02"}


def test_every_record_of_both_vendors_comes_back_equal() -> None:
    simulator = Simulator()
    rows = [json.dumps(row, default=str).encode() for row in simulator.nexudus.records.values()]
    records: list[tuple[str, Any]] = [("nexudus", parse_nexudus(row)[0]) for row in rows]
    rows = [json.dumps(row, default=str).encode() for row in simulator.chartmogul.records.values()]
    records += [("chartmogul", parse_chartmogul(row)) for row in rows]
    assert len(records) == 400
    for source, record in records:
        assert decode(source, encode(source, record)) == record


@pytest.mark.parametrize("amount", ["12345678901234567.8901", "0.1", "1E+2", "-0.00", "1" * 40])
def test_each_digit_of_an_amount_comes_back(amount: str) -> None:
    record = msgspec.structs.replace(nexudus(), value=Decimal(amount))
    assert str(decode("nexudus", encode("nexudus", record)).value) == amount


@pytest.mark.parametrize("cents", [0, -1, 2**63, 10**30])
def test_cents_come_back_whatever_their_number(cents: int) -> None:
    record = parse_chartmogul(json.dumps(CHARTMOGUL | {"amount_in_cents": cents, "custom": {"n": 10**30}}).encode())
    found = decode("chartmogul", encode("chartmogul", record))
    assert (found.amount_in_cents, found.custom) == (cents, {"n": 10**30})


def test_a_record_whose_amounts_count_otherwise_has_another_body_and_comes_back_as_it_was() -> None:
    body = json.dumps(CHARTMOGUL | {"amount_in_cents": 500, "currency": "JPY"}).encode()
    hundred, iso4217 = parse_chartmogul(body), parse_chartmogul(body, "iso4217")
    assert encode("chartmogul", hundred) != encode("chartmogul", iso4217)
    assert decode("chartmogul", encode("chartmogul", hundred)).amount == Decimal(5)
    assert decode("chartmogul", encode("chartmogul", iso4217)).amount == Decimal(500)


def pack(values: list[Any]) -> bytes:
    return msgspec.msgpack.encode(values)


def test_a_field_that_an_older_version_did_not_store_is_null() -> None:
    values = msgspec.msgpack.decode(encode("nexudus", nexudus(Name="old", Value=1.5, SystemId="x")))
    assert NEXUDUS.stored[-1] == "system_id"
    found = decode("nexudus", pack(values[:-1]))
    assert (found.name, found.value, found.system_id) == ("old", Decimal("1.5"), None)


def test_a_field_that_only_a_later_version_stores_is_passed_over() -> None:
    record = nexudus(Name="new", SystemId="x")
    values = msgspec.msgpack.decode(encode("nexudus", record))
    assert decode("nexudus", pack([*values, "later", {"a": [1]}])) == record


def test_what_versions_stored_that_had_objects_of_json_comes_back() -> None:
    record = nexudus(Name="old", Value=1.5, CreatedOn="2026-01-28T10:15:31.005062Z")
    text = msgspec.json.encode(record, enc_hook=str)
    assert decode("nexudus", text) == record
    fields = json.loads(text)
    del fields["UtmTerm"]
    assert decode("nexudus", json.dumps(fields).encode()) == record
    numbered = b"1%s" % json.dumps(CHARTMOGUL | {"amount_in_cents": 500, "currency": "JPY"}).encode()
    assert decode("chartmogul", numbered).amount == Decimal(500)


@pytest.mark.parametrize(
    ("source", "fields", "hash_"), [("nexudus", 48, "bbaf617d14"), ("chartmogul", 14, "2c0160af5a")]
)
def test_no_field_ever_changes_its_place(source: str, fields: int, hash_: str) -> None:
    """What fails here would have other programs read stored values as those of other fields."""
    stored = next(one for one in SOURCES if one.name == source).stored
    assert blake2b(" ".join(stored[:fields]).encode(), digest_size=5).hexdigest() == hash_


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_every_field_is_stored_once(source: Source) -> None:
    for type_ in source.records:
        assert sorted(source.stored) == sorted(type_.__struct_fields__)


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b"7{}", b"x{}", b"{}", b"\x90", b"\x07\x90", b"\x00", b"\xdc\x00\x30", b"\x91" * 9_999],
)
def test_what_no_version_has_written_is_an_error(body: bytes) -> None:
    with pytest.raises(UpstreamBadResponse):
        decode("nexudus", body)


def test_what_a_row_left_out_is_taken_from_the_stored_record() -> None:
    stored = nexudus(Notes="long", Name="old")
    merged = merge("nexudus", nexudus(Name=None), stored, lacks=frozenset(["Notes"]))
    assert (merged.notes, merged.name) == ("long", None)


def test_the_name_of_a_stage_stays_while_its_id_does() -> None:
    stored = nexudus(CrmBoardColumnId=7, CrmBoardColumnName="Tour")
    assert merge("nexudus", nexudus(CrmBoardColumnId=7), stored).crm_board_column_name == "Tour"
    assert merge("nexudus", nexudus(), stored).crm_board_column_name == "Tour"
    assert merge("nexudus", nexudus(CrmBoardColumnId=8), stored).crm_board_column_name is None


def test_the_name_of_a_person_does_not_stay() -> None:
    stored = nexudus(CoworkerId=7, CoworkerFullName="Ada")
    assert merge("nexudus", nexudus(CoworkerId=7), stored).coworker_full_name is None
