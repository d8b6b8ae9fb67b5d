"""Filters, orders and pages of lists equal those of plain Python over deals as a client sees them.

Of `schema.deals.filters`, `schema.deals.comparators`, `schema.deals.orders` and `schema.deals.listed_enums`.
`tests/test_deals_postgresql.py` does the same with PostgreSQL.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schema.deals.comparators import StringFilter
from schema.deals.filters import OpportunityFilter, conditions
from store.conditions import is_selective
from tests import list_checks
from tests.deal_filters import Lists, keys
from tests.fuzzing import EXAMPLES, bounded
from tests.shown_deals import CODES, DAYS, ENUMS, IDS, KEYWORDS, MOMENTS, NUMBERS, ORDERS, TEXTS, ordered

LISTS: list[Lists] = []


@pytest.fixture(scope="module", autouse=True)
def lists() -> Iterator[Lists]:
    LISTS.append(Lists())
    yield LISTS[0]
    LISTS.pop().close()


@pytest.mark.programs
@bounded
@given(st.data())
def test_any_filter_and_order_gives_what_python_gives(data: st.DataObject) -> None:
    list_checks.equals_plain_python(LISTS[0], data)


@pytest.mark.programs
@settings(bounded, max_examples=EXAMPLES // 4)
@given(st.data())
def test_paging_through_a_list_either_way_gives_all_of_it_once(data: st.DataObject) -> None:
    list_checks.is_paged_through_once(LISTS[0], data)


@pytest.mark.programs
@settings(bounded, max_examples=EXAMPLES // 10)
@given(st.data())
def test_every_unchanged_deal_comes_once_while_others_come_change_and_go(data: st.DataObject) -> None:
    list_checks.shows_unchanged_deals_once(LISTS[0], data)


def test_the_measure_knows_every_field_that_lists_have() -> None:
    from strawberry.utils.str_converters import to_camel_case

    from schema.deals.listed_fields import LISTED

    measured = {*IDS, *TEXTS, *KEYWORDS, *CODES, *ENUMS, *MOMENTS, *DAYS, *NUMBERS, "value"}
    assert {to_camel_case(field.name) for field in LISTED} == measured
    assert {field.name.upper() for field in LISTED if field.is_ordered} == set(ORDERS)


@pytest.mark.parametrize("asked", [{"eq": "1427000501"}, {"in_": ["1427000501", "1427000502"]}])
def test_a_sheet_of_ids_of_a_source_is_looked_up_by_an_index(asked: dict[str, Any]) -> None:
    asked_for = OpportunityFilter(source_id=StringFilter(**asked))

    assert is_selective(conditions(asked_for, frozenset(), lambda: datetime.now(UTC)))


def test_without_an_order_the_last_changed_come_first() -> None:
    expected = ordered(LISTS[0].deals, [{"field": "UPDATED_AT", "direction": "DESC"}])
    assert keys(LISTS[0].page(first=50)["nodes"]) == keys(expected)[:50]
