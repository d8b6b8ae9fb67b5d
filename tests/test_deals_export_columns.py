"""`schema.deals.export_columns`: the columns of a file show what the graph shows at their paths."""

from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from resolvers.errors import BadUserInput
from schema.access import Forbidden
from schema.deals.export_columns import COLUMNS, chosen, readers
from schema.deals.listed_fields import closed_fields
from tests.deal_lists import deals_of, open_deals, simulated, source_id
from tests.shown_deals import SHOWN, at

PERSONAL = {"owner.email", "owner.name", "customer.name", "customer.email", "name"}


def no_url(_source: str, _source_id: str) -> None:
    """Stand for a server whose operator has not said what addresses are like."""


async def test_every_cell_is_what_the_graph_shows() -> None:
    records = {source: some[:60] for source, some in simulated().items()}
    records["nexudus"][0] = replace(records["nexudus"][0], system_id="crm-7")  # which the simulator leaves empty
    async with open_deals(*deals_of(records)) as graph:
        query = f"{{ opportunities(first: 200) {{ nodes {{ {SHOWN} }} }} }}"
        nodes = (await graph.data(query))["opportunities"]["nodes"]
    shown = {(node["source"].lower(), node["sourceId"]): node for node in nodes}
    seen: set[str] = set()
    for source, some in records.items():
        reads = readers(source, list(COLUMNS.values()), no_url)
        for record in some:
            node = shown[source, source_id(record)]
            row = dict(zip(COLUMNS, [read(record, 0) for read in reads], strict=True))
            assert row == {name: at(*name.split("."))(node) for name in COLUMNS}
            seen |= {name for name, value in row.items() if value is not None}
    assert seen == COLUMNS.keys(), "a column that is never filled proves nothing"


def test_what_cannot_be_read_is_an_empty_cell() -> None:
    class Broken:
        def __getattr__(self, _: str) -> Any:
            raise ValueError

    assert {read(Broken(), 0) for read in readers("nexudus", list(COLUMNS.values())[5:], no_url)} == {None}


def test_a_custom_attribute_is_a_column_by_its_key() -> None:
    values = {"a": "=1+1", "b": 3, "c": True, "d": 0.25, "e": Decimal("1E+2"), "f": [1, {"g": None}]}
    record = replace(simulated()["chartmogul"][0], custom=values)
    columns = chosen(",".join(f"custom.{key}" for key in [*values, "none"]), frozenset())
    found = [read(record, 0) for read in readers("chartmogul", columns, no_url)]
    assert found == ["=1+1", 3, True, 0.25, "100", [1, {"g": None}], None]
    assert {read(simulated()["nexudus"][0], 0) for read in readers("nexudus", columns, no_url)} == {None}
    with pytest.raises(Forbidden, match=r"`custom\.a`.*contacts:read"):
        chosen("id,custom.a", closed_fields())


def test_the_address_of_a_record_is_a_column_for_who_names_it() -> None:
    columns = chosen("url", closed_fields())
    (read,) = readers("nexudus", columns, lambda source, source_id: f"https://crm.example/{source}/{source_id}")
    assert read(simulated()["nexudus"][0], 0) == "https://crm.example/nexudus/1427000501"
    assert [read(simulated()["nexudus"][0], 0) for read in readers("nexudus", columns, no_url)] == [None]


def test_columns_come_in_the_order_in_which_they_are_named() -> None:
    found = chosen("value.amount, id", frozenset())
    assert [column.name for column in found] == ["value.amount", "id"]


@pytest.mark.parametrize(
    "names",
    [
        *("id,", "id,ID", "id,value", "id,customer", "id,NexudusOpportunity.name", f"id,{'x' * 9_000}"),
        *("id,custom", "id,custom.", f"id,custom.{'x' * 9_000}"),
    ],
)
def test_what_is_no_column_is_refused_with_all_that_are(names: str) -> None:
    with pytest.raises(BadUserInput, match=r"^`columns\[1\]` must be one of these.*value\.amount.*\.$") as refused:
        chosen(names, frozenset())
    assert "xxx" not in refused.value.message


@pytest.mark.parametrize("names", ["id,status,id", "custom.a,id,custom.a"])
def test_a_column_that_is_named_twice_is_refused_at_its_second_place(names: str) -> None:
    with pytest.raises(BadUserInput, match=r"^`columns\[2\]` repeats a name"):
        chosen(names, frozenset())


def test_personal_columns_are_left_out_for_who_may_not_see_them_and_refused_by_name() -> None:
    closed = closed_fields()
    assert set(COLUMNS) - {column.name for column in chosen(None, closed)} == PERSONAL
    assert [column.name for column in chosen(None, frozenset())] == list(COLUMNS)
    for name in PERSONAL:
        with pytest.raises(Forbidden, match=f"`{name}`.*contacts:read"):
            chosen(f"id,{name}", closed)
