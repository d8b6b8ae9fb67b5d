"""Lists over PostgreSQL equal plain Python, as those over SQLite do: `schema.deals.filters`, `schema.deals.orders`."""

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import list_checks, postgres, stores
from tests.deal_filters import Lists
from tests.fuzzing import EXAMPLES, beside_databases, bounded

LISTS: list[Lists] = []


@pytest.fixture(scope="module", autouse=True)
def lists() -> Iterator[Lists]:
    postgres.server()  # skips where there is none
    LISTS.append(Lists(stores.url_of("postgresql")))
    yield LISTS[0]
    LISTS.pop().close()


@beside_databases
@given(st.data())
def test_any_filter_and_order_gives_what_python_gives(data: st.DataObject) -> None:
    list_checks.equals_plain_python(LISTS[0], data)


@beside_databases
@given(st.data())
def test_paging_through_a_list_either_way_gives_all_of_it_once(data: st.DataObject) -> None:
    list_checks.is_paged_through_once(LISTS[0], data)


@settings(bounded, max_examples=EXAMPLES // 6)
@given(st.data())
def test_every_unchanged_deal_comes_once_while_others_come_change_and_go(data: st.DataObject) -> None:
    list_checks.shows_unchanged_deals_once(LISTS[0], data)
