"""`schema.deals.derivation`: what makes columns otherwise is told apart, so that stored deals are derived anew."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import fields
from hashlib import blake2b
from typing import Any

import pytest

from resolvers.chartmogul import ChartMogulSettings
from resolvers.chartmogul import record as chartmogul
from resolvers.nexudus import NexudusSettings
from resolvers.nexudus import record as nexudus
from resolvers.registry import SOURCES
from resolvers.settings import read
from schema.deals.derivation import VERSION, derivation
from schema.people import PEOPLE, Person
from simulator.chartmogul_records import DOCUMENTED
from simulator.chartmogul_records import EXAMPLE as CHARTMOGUL_EXAMPLE
from simulator.nexudus_records import EXAMPLE as NEXUDUS_EXAMPLE
from simulator.replies import encode_json
from store.customers import Customer
from store.deals import Deal
from store.tables import DealColumns
from sync.rows import with_customer
from tests.deal_lists import deal

MADE = (1, "dd07147ef8664621")
"""`VERSION`, and a digest of what it makes of the examples."""

TESTY = Person("Testy McAdminface", "testy@example.com", ["testy.seller@example.com"])
CUSTOMER = Customer(
    source="chartmogul",
    source_id="cus_1",
    name="Ada Ünlü",
    company_name="Æther ﬁne GmbH",
    email="Ada@X.example",
    read_at=0,
)
NEXUDUS_ODDITIES: dict[str, Any] = {
    "CrmBoardColumnName": "  Büro-TOUR\t1 ",
    "CrmBoardColumnCrmBoardBusinessName": "Straße \uff21\uff22",
    "CrmBoardColumnCrmBoardBusinessCurrencyCode": "eur",
    "CoworkerFullName": "Łukasz O\u2019Neil \u0130",
    "LossReason": 2,
    "WonOn": "2026-02-03T10:11:12.1234567Z",
    "LostOn": "2026-02-04T10:11:12Z",
    "UtmMedium": "cpc",
    "UtmContent": "Button 1",
    "SystemId": "CRM-1",
}
CHARTMOGUL_ODDITIES: dict[str, Any] = {
    "currency": "JPY",
    "pipeline_stage": "Első kör",
    "custom": {"seats": 3, "Plan": " Größe ", "is_new": True, "list": [1], "rate": 0.25, "none": None},
}


def examples() -> Sequence[Deal]:
    """Return deals of the vendors' examples, as they are and with what is read or written in ways of its own."""
    odd = (NEXUDUS_ODDITIES, NEXUDUS_ODDITIES | {"Value": "0.0000001", "Status": 9, "LeadSource": 77})
    found = [deal("nexudus", nexudus.parse(encode_json({**NEXUDUS_EXAMPLE, **changes}))[0]) for changes in ({}, *odd)]
    odd = (CHARTMOGUL_ODDITIES, CHARTMOGUL_ODDITIES | {"type": "biennial", "amount_in_cents": None})
    raw = [CHARTMOGUL_EXAMPLE, DOCUMENTED, *({**CHARTMOGUL_EXAMPLE, **changes} for changes in odd)]
    found += [
        deal("chartmogul", chartmogul.parse(json.dumps(one).encode(), policy))  # type: ignore[arg-type] # one of both
        for one in raw
        for policy in ("hundred", "iso4217")
    ]
    return [*found, with_customer(found[-1], CUSTOMER)]


def test_what_makes_other_columns_has_another_number() -> None:
    made = [(one.body, one.columns, sorted(one.attributes.items())) for one in examples()]
    filled = {one.name for _, columns, _ in made for one in fields(DealColumns) if getattr(columns, one.name)}
    assert {one.name for one in fields(DealColumns)} == filled, "give an example of what is new a value"
    digest = blake2b(repr(made).encode(), digest_size=8).hexdigest()
    assert (VERSION, digest) == MADE, (
        "The columns or the body of a deal come out otherwise than before, and stored deals keep the old ones. Raise "
        "VERSION of schema/deals/derivation.py by one, and put it into MADE with the new digest. If only an example "
        "was changed, VERSION stays as it is."
    )


@pytest.fixture
def nobody_known() -> Iterator[None]:
    yield
    PEOPLE.know([])


@pytest.mark.usefixtures("nobody_known")
def test_other_settings_of_records_and_other_owners_are_another_derivation() -> None:
    nexudus, chartmogul = NexudusSettings(), ChartMogulSettings()
    others = [derivation(chartmogul), derivation(ChartMogulSettings(minor_units="iso4217")), derivation(nexudus)]
    for known in ([TESTY], [Person(TESTY.name, "another@example.com", TESTY.also)], [Person("A", TESTY.email)]):
        PEOPLE.know(known)
        others.append(derivation(nexudus))
    assert len(set(others)) == 6
    assert all(others)
    PEOPLE.know([TESTY, Person("B", "b@example.com")])
    both = derivation(nexudus)
    PEOPLE.know([Person("B", "b@example.com"), TESTY])
    assert derivation(nexudus) == both, "another order is none"
    PEOPLE.know([])
    assert derivation(nexudus) == others[2]


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_each_type_of_a_sources_records_is_an_interpretation_of_its_own(source: Any) -> None:
    """Which type it is goes by a setting: of those with a few values at least so many say something."""
    told = {read(source.settings, {}).interpretation}
    for name, field in source.settings.__annotations__.items():
        values = getattr(field, "__args__", ()) if "Literal" in repr(field) else ()
        told |= {read(source.settings, {f"{source.name}_{name}".upper(): value}).interpretation for value in values}
    assert len(told) == len(source.records)
