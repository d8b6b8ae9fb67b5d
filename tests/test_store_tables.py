"""The tables of the store: `store.tables`, `store.shared_tables`."""

from dataclasses import fields

from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateTable

import store.shared_tables  # noqa: F401 - METADATA has its tables too
from store.tables import DEAL_GROUPS, DEALS, METADATA, ORDERABLE, DealColumns


def test_every_value_that_lists_ask_for_has_its_column() -> None:
    assert {field.name for field in fields(DealColumns)} <= {*DEALS.c.keys(), *DEAL_GROUPS.c.keys()}


def test_every_column_that_lists_are_ordered_by_has_an_index_with_the_id_behind_it() -> None:
    indexed = {tuple(column.name for column in index.columns)[:2] for index in DEALS.indexes}
    assert {(name, "id") for name in ORDERABLE} <= indexed


def test_postgresql_compares_all_text_by_its_bytes() -> None:
    for table in METADATA.sorted_tables:
        printed = str(CreateTable(table).compile(dialect=postgresql.dialect()))
        assert "VARCHAR" not in printed.replace('VARCHAR COLLATE "C"', "")
