"""Pipelines of the store: `store.pipelines`."""

from sqlalchemy import Connection

from store.pipelines import Pipeline, Stage, pipelines
from tests.deal_rows import deal, put


def test_pipelines_have_their_stages_with_counts_of_what_is_not_deleted(connection: Connection) -> None:
    sales = {"pipeline_name": "Sales", "pipeline_folded": "sales"}
    put(
        connection,
        [
            deal(1, **sales, stage_name="Won", stage_folded="won"),
            deal(2, **sales, stage_name="Lead", stage_folded="lead"),
            deal(3, **sales, stage_name="Lead", stage_folded="lead", deleted_at=1),
            deal(4, **sales | {"pipeline_name": "SALES"}, stage_name="LEAD", stage_folded="lead"),
            deal(5, **sales, account="eu"),
            deal(6),
        ],
    )
    assert pipelines(connection) == [
        Pipeline("nexudus", "", None, [Stage(None, 1)], 1),
        Pipeline("nexudus", "", "SALES", [Stage("LEAD", 2), Stage("Won", 1)], 3),
        Pipeline("nexudus", "eu", "Sales", [Stage(None, 1)], 1),
    ]


def test_an_empty_store_has_no_pipelines(connection: Connection) -> None:
    assert pipelines(connection) == []
