"""`schema.deals.columns` and `schema.deals.listed_fields`: what the store knows of a record is what the graph shows."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from graphql import get_named_type
from strawberry.utils.str_converters import to_camel_case

from engine.selected import is_plain
from resolvers.registry import SOURCES
from resolvers.reply import Timestamp
from schema.access import is_personal
from schema.deals.columns import columns
from schema.deals.listed_fields import LISTED, closed_fields
from store.tables import DealColumns
from tests.deal_lists import simulated
from tests.schemas import build_schema


def fields_of_path(schema: Any, path: str) -> Iterator[Any]:
    names = path.split(".")
    type_: Any = schema.type_map[names.pop(0) if names[0][0].isupper() else "Opportunity"]
    for name in names:
        field = type_.fields[to_camel_case(name)]
        yield field
        type_ = get_named_type(field.type)


NEXUDUS, CHARTMOGUL = (simulated()[source][0] for source in ("nexudus", "chartmogul"))


def changed(record: Any, **values: Any) -> DealColumns:
    source = "nexudus" if hasattr(record, "coworker_id") else "chartmogul"
    return columns(source, msgspec.structs.replace(record, **values))[0]


def test_the_columns_of_a_nexudus_record() -> None:
    found, attributes = columns("nexudus", NEXUDUS)
    assert attributes == {}
    assert found.status == "open"
    assert (found.value, found.currency, found.kind) == (4_800_000_000, "EUR", None)
    assert (found.stage_name, found.stage_folded) == ("Office Tour", "office tour")
    assert (found.owner_name, found.owner_email, found.owner_folded) == ("Testy McAdminface", None, "testy mcadminface")
    assert (found.customer_source_id, found.customer_company) == ("1415000201", "Example Widgets Ltd")
    assert (found.lead_source, found.loss_reason, found.utm_campaign) == (19, None, "spring-offices")
    assert found.due_at == 1_771_578_000_000_000
    assert found.opportunity_type == "Private office"


def test_the_columns_of_a_chartmogul_record() -> None:
    found, attributes = columns("chartmogul", CHARTMOGUL)
    assert attributes == {"seats": Decimal(3), "marketing_campaign": "Facebook", "from_campaign": True}
    assert (found.value, found.currency, found.kind) == (1_250_000_000, "USD", "recurring")
    assert (found.forecast_category, found.win_likelihood, found.close_on) == ("best_case", 40, 20_543)
    assert (found.owner_name, found.owner_email) == (None, "testy.seller@example.com")
    assert found.customer_name is None


def test_people_are_searched_apart_from_companies_and_stages() -> None:
    found, _ = columns("nexudus", NEXUDUS)
    assert found.search_public == "sales pipeline office tour example widgets ltd"
    assert found.search_personal is not None
    for word in ("testy", "ada.examplesson@example.com", "desk"):
        assert word in found.search_personal
        assert word not in found.search_public


def test_who_may_not_see_personal_fields_may_not_list_by_them() -> None:
    personal = {"owner", "customer_name", "customer_email", "name"}
    assert closed_fields() == personal | {"custom"}
    assert closed_fields(custom_attributes_too=False) == personal


def test_the_mark_of_personal_data_is_that_of_the_field_which_is_shown() -> None:
    schema = build_schema()._schema
    for field in LISTED:
        assert field.is_personal is any(
            is_personal(one) for path in field.paths for one in fields_of_path(schema, path)
        )


@pytest.mark.parametrize("field", LISTED, ids=lambda field: field.name)
def test_every_listed_field_shows_one_that_the_graph_has(field: Any) -> None:
    schema = build_schema()._schema
    for path in field.paths:
        *_, last = fields_of_path(schema, path)
        assert not get_named_type(last.type).__class__.__name__.endswith("ObjectType")
    assert field.column in {*DealColumns.__dataclass_fields__, "source", "source_id", "id", "read_at"}


def test_every_column_is_filled() -> None:
    """Each of them by some record of the simulator, so that none is forgotten."""
    found = {
        name
        for source, records in simulated().items()
        for record in records
        for name in DealColumns.__dataclass_fields__
        if getattr(columns(source, record)[0], name) not in (None, False)
    }
    assert set(DealColumns.__dataclass_fields__) - found == set()


@pytest.mark.parametrize("amount", [Decimal("0.0000001"), Decimal(9223372036854775807), Decimal("1E+39")])
def test_an_amount_that_no_column_holds_exactly_is_said_to_be_one(amount: Decimal) -> None:
    found = changed(NEXUDUS, value=amount)
    assert (found.value, found.value_is_inexact) == (None, True)
    assert changed(NEXUDUS, value=None).value_is_inexact is False


def test_an_amount_without_its_currency_is_none_as_in_the_graph() -> None:
    found = changed(NEXUDUS, crm_board_column_crm_board_business_currency_code=None)
    assert (found.value, found.currency, found.value_is_inexact) == (None, None, False)
    assert changed(NEXUDUS, value=None).currency == "EUR"


def test_unknown_codes_are_null_as_in_the_graph() -> None:
    assert changed(NEXUDUS, status=9, lead_source=77).status is None
    assert changed(NEXUDUS, lead_source=77).lead_source is None
    found = changed(CHARTMOGUL, type="lifetime", forecast_category="unheard-of")
    assert (found.forecast_category, found.status) == (None, None)
    assert found.kind == "lifetime", "never to be added to amounts of another kind"


@pytest.mark.parametrize("value", [object(), 5, [1], 1.5, True])
def test_a_value_that_the_graph_would_refuse_is_null(value: Any) -> None:
    for record in (NEXUDUS, CHARTMOGUL):
        for name in record.__struct_fields__:
            if name not in ("id", "uuid", "custom"):
                assert isinstance(changed(record, **{name: value}), DealColumns), name
    assert changed(NEXUDUS, crm_board_column_name=value).stage_name is None


def test_text_that_no_database_takes_is_replaced() -> None:
    found = changed(NEXUDUS, crm_board_column_name="a\0b", coworker_full_name="\ud800")
    assert (found.stage_name, found.stage_folded) == ("a\ufffdb", "a\ufffdb")
    assert found.customer_name == "\ufffd"


def test_attributes_that_cannot_be_compared_are_left_out() -> None:
    custom = {
        "list": [1],
        "object": {},
        "none": None,
        "tiny": Decimal("1e-9"),
        "ratio": 0.25,
        "no": False,
        "big": 2**70,
    }
    record = msgspec.structs.replace(CHARTMOGUL, custom=custom)
    assert columns("chartmogul", record)[1] == {"ratio": Decimal("0.25"), "no": False}
    assert columns("chartmogul", msgspec.structs.replace(CHARTMOGUL, custom=None))[1] == {}


def test_times_before_1970_are_negative() -> None:
    assert changed(NEXUDUS, created_on=Timestamp.of("1969-12-31T23:59:59.999999Z")).created_at == -1


NOT_LISTED = {"url"}
"""Of the settings, not of the deal."""


def neutral_fields() -> Iterator[str]:
    """Yield the paths of all that the interface says of a deal."""
    for field in build_schema()._schema.type_map["Opportunity"].fields.values():  # type: ignore[attr-defined] # an interface
        name, inner = field.extensions["strawberry-definition"].python_name, get_named_type(field.type)
        further = [one for one in getattr(inner, "fields", {}).values() if is_plain(one)]
        yield from [f"{name}.{one.extensions['strawberry-definition'].python_name}" for one in further] or [name]


def test_every_neutral_field_can_be_filtered_and_ordered_by() -> None:
    found = set(neutral_fields())
    assert {"source", "value.amount", "owner.email", "customer.company_name", "updated_at"} <= found
    listed = {path for field in LISTED for path in field.paths}
    ordered = {path for field in LISTED if field.is_ordered for path in field.paths}
    assert found - listed == NOT_LISTED
    assert found - ordered == NOT_LISTED


def test_no_sources_name_begins_with_anothers() -> None:
    """The order by source is that by id, which begins with it."""
    names = [source.name for source in SOURCES]
    assert not [(one, other) for one in names for other in names if one != other and one.startswith(other)]
