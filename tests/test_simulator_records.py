"""The records of both simulated vendors.

`simulator.nexudus_records`, `simulator.nexudus_special`, `simulator.chartmogul_records`, `simulator.people`.
"""

from simulator import NEXUDUS_EXAMPLE_ID, NEXUDUS_SPECIAL
from simulator.nexudus_records import FIELDS, nexudus_records
from simulator.nexudus_special import LARGE_ID
from simulator.people import known_to_chartmogul, known_to_nexudus


def test_records_are_the_example_then_contiguous_ids_and_a_large_one() -> None:
    records = nexudus_records(1)
    assert list(records) == [*range(NEXUDUS_EXAMPLE_ID, NEXUDUS_EXAMPLE_ID + 199), LARGE_ID]
    assert all(records[one]["Id"] == one for one in records)
    assert records == nexudus_records(1)
    assert records != nexudus_records(2)
    assert all(tuple(record)[: len(FIELDS)] == FIELDS for record in records.values())


def test_special_records_are_the_same_for_every_seed_and_odd_as_named() -> None:
    one, two = nexudus_records(1), nexudus_records(2)
    odd = {what: one[number] for what, number in NEXUDUS_SPECIAL.items()}
    assert all(one[number] == two[number] for what, number in NEXUDUS_SPECIAL.items() if what != "large id")
    assert odd["unknown lead source"]["LeadSource"] == 27
    assert odd["null value"]["Value"] is None
    assert str(odd["zero value"]["Value"]) == "0.00000"
    assert odd["large value"]["Value"] > 2**53
    assert odd["ids as text"]["CoworkerId"] == "1415000201"
    assert odd["coworker type as number"]["CoworkerCoworkerType"] == 2
    assert odd["large id"]["Id"] > 2**31


def test_ordinary_records_vary_as_real_ones_do() -> None:
    records = [row for row in nexudus_records(1).values() if row["Id"] not in NEXUDUS_SPECIAL.values()]
    digits = {len(row["CreatedOn"].rstrip("Z").partition(".")[2]) for row in records}
    assert digits == {0, 1, 3, 7}
    assert {row["Status"] for row in records} >= {1, 2, 3}
    assert len({row["CrmBoardColumnCrmBoardBusinessCurrencyCode"] for row in records}) == 6
    assert sum(not (row["CoworkerFullName"] or "").isascii() for row in records) > 50
    hosts = {row["CoworkerEmail"].partition("@")[2] for row in records if row["CoworkerEmail"]}
    assert hosts == {"example.com", "example.org"}


def test_some_customers_are_known_to_both_vendors_by_the_same_address() -> None:
    shared = {one.email for one in known_to_nexudus(1)} & {one.email for one in known_to_chartmogul(1)}
    assert "ada.examplesson@example.com" in shared
    assert len(shared) == 41
