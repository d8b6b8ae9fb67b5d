"""Pipelines of the store: `store.pipelines`, and the stages that sources list: `store.stages`."""

import pytest
from sqlalchemy import Connection

from store import stages
from store.conditions import Compare, Operator
from store.pipelines import Pipeline, Stage, pipelines
from store.stages import ListedStage, listed_stages, write_stages
from store.summaries import Dimension, summarize
from tests.deal_rows import deal, put
from tests.stores import current

SALES = {"pipeline_name": "Sales", "pipeline_folded": "sales"}
LEAD, WON = ({"stage_name": name, "stage_folded": name.casefold()} for name in ("Lead", "Won"))


def listed(
    stage_id: int, name: str | None, position: int | None, pipeline: str | None = "Sales", **given: str
) -> ListedStage:
    known = {"source": "nexudus", "account": "", "pipeline_id": "1", **given}
    return ListedStage(stage_id=str(stage_id), name=name, pipeline_name=pipeline, position=position, **known)


def write(connection: Connection, *stages: ListedStage, is_whole: bool = True) -> int:
    with connection.begin_nested():
        return write_stages(connection, "nexudus", "", stages, is_whole=is_whole)


def shown(connection: Connection) -> list[tuple[str | None, int, int | None]]:
    """Return the stages of the one pipeline."""
    (pipeline,) = pipelines(connection)
    return [(stage.name, stage.count, stage.position) for stage in pipeline.stages]


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
        Pipeline("nexudus", "eu", "SALES", [Stage(None, 1)], 1),
    ]


def test_a_name_without_a_character_is_not_the_lack_of_one(connection: Connection) -> None:
    """`isNull` and `eq: ""` find them apart, and totals count them so."""
    stage = {"stage_name": "", "stage_folded": ""}
    both = {"pipeline_name": "", "pipeline_folded": "", **stage}
    put(connection, [deal(1), deal(2, **both), deal(3, **both), deal(4, **SALES, **LEAD), deal(5, **SALES, **stage)])
    assert pipelines(connection) == [
        Pipeline("nexudus", "", None, [Stage(None, 1)], 1),
        Pipeline("nexudus", "", "", [Stage("", 2)], 2),
        Pipeline("nexudus", "", "Sales", [Stage("", 1), Stage("Lead", 1)], 2),
    ]


def test_names_are_written_as_totals_of_the_same_sources_write_them(connection: Connection) -> None:
    """So a client can join the two by name. Neither a pipeline nor an account has a way to write them of its own."""
    put(
        connection,
        [
            deal(1, **SALES, **LEAD),
            deal(2, **SALES | {"pipeline_name": "SALES"}, **LEAD, account="eu"),
            deal(3, **SALES, stage_name="LEAD", stage_folded="lead", source="chartmogul"),
            deal(4, pipeline_name="A", pipeline_folded="a", stage_name="lead", stage_folded="lead"),
        ],
    )
    write(connection, listed(1, "LEAd", 0, "SALEs"), listed(2, "WON", 1), listed(3, "Won", 2, "B"))
    dimensions = [Dimension.PIPELINE, Dimension.STAGE]
    for sources, names in ((None, {"LEAD", "WON"}), ({"nexudus"}, {"Lead", "WON"})):
        condition = sources and Compare("source", Operator.IN, tuple(sources))
        of_totals = {row.keys for row in summarize(connection, condition, dimensions)}
        shown = [(one.name, stage) for one in pipelines(connection, sources) for stage in one.stages]
        assert {(name, stage.name) for name, stage in shown if stage.count} == of_totals
        assert {stage.name for _, stage in shown} == names


def test_an_empty_store_has_no_pipelines(connection: Connection) -> None:
    assert pipelines(connection) == []


def test_stages_come_by_position_then_by_name_and_those_that_are_not_listed_last(connection: Connection) -> None:
    old = {"stage_name": "Aside", "stage_folded": "aside"}
    put(
        connection,
        [deal(1, **SALES, **WON), deal(2, **SALES, **LEAD), deal(3, **SALES, **LEAD), deal(4, **SALES, **old)],
    )
    write(connection, listed(1, "Lead", 0), listed(2, "Won", 2), listed(3, "Tour", 1), listed(4, "Call", 1))
    assert shown(connection) == [
        ("Lead", 2, 0),
        ("Call", 0, 1),
        ("Tour", 0, 1),
        ("Won", 1, 2),
        ("Aside", 1, None),
    ]


def test_a_pipeline_without_a_deal_is_shown_with_its_stages(connection: Connection) -> None:
    put(connection, [deal(1, **SALES, **LEAD, deleted_at=1)])
    write(connection, listed(1, "Lead", 0))
    assert pipelines(connection) == [Pipeline("nexudus", "", "Sales", [Stage("Lead", 0, 0)], 0)]


def test_names_are_those_that_deals_have_where_the_list_differs_in_case(connection: Connection) -> None:
    put(connection, [deal(1, **SALES, **LEAD)])
    write(connection, listed(1, "LEAD", 0, "SALES"))
    assert pipelines(connection) == [Pipeline("nexudus", "", "Sales", [Stage("Lead", 1, 0)], 1)]


def test_of_boards_that_share_a_name_the_last_place_of_a_stage_counts(connection: Connection) -> None:
    """Or what one location has more would come behind the stages in which all end."""
    mill = {"pipeline_id": "2"}
    write(
        connection,
        *(listed(1, "Lead", 0), listed(2, "Won", 1)),
        *(listed(3, "Lead", 0, **mill), listed(4, "Tour", 1, **mill), listed(5, "Won", 2, **mill)),
    )
    assert shown(connection) == [("Lead", 0, 0), ("Tour", 0, 1), ("Won", 0, 2)]


def test_stages_of_another_source_or_account_order_none_of_this_one(connection: Connection) -> None:
    put(connection, [deal(1, **SALES, **LEAD)])
    write_stages(connection, "nexudus", "eu", [listed(1, "Lead", 3, account="eu")], is_whole=True)
    write_stages(connection, "chartmogul", "", [listed(1, "Lead", 4, source="chartmogul")], is_whole=True)
    assert [(one.source, one.account, one.stages[0].position) for one in pipelines(connection)] == [
        ("chartmogul", "", 4),
        ("nexudus", "", None),
        ("nexudus", "eu", 3),
    ]
    assert write(connection) == 0, "what is forgotten is this account's own"
    assert len(listed_stages(connection)) == 2


def test_stages_are_written_only_where_they_have_changed(connection: Connection) -> None:
    assert write(connection, listed(1, "Lead", 0), listed(2, "Won", 1)) == 2
    sequence = current(connection)
    assert write(connection, listed(1, "Lead", 0), listed(2, "Won", 1)) == 0
    assert current(connection) == sequence
    assert write(connection, listed(1, "Lead", 0), listed(2, "Won", 5)) == 1
    assert current(connection) == sequence + 1, "or an answer that is kept would have the old order"
    assert [(name, position) for name, _, position in shown(connection)] == [("Lead", 0), ("Won", 5)]


def test_stages_that_a_whole_list_no_longer_has_are_forgotten_and_else_kept(connection: Connection) -> None:
    write(connection, listed(1, "Lead", 0), listed(2, "Won", 1))
    assert write(connection, listed(2, "Won", 1), is_whole=False) == 0
    assert len(shown(connection)) == 2
    assert write(connection, listed(2, "Won", 1)) == 1
    assert shown(connection) == [("Won", 0, 1)]
    assert write(connection) == 1
    assert pipelines(connection) == []


def test_the_last_names_stay_where_a_list_leaves_them_out(connection: Connection) -> None:
    write(connection, listed(1, "Lead", 0), listed(2, "Won", 1))
    assert write(connection, listed(1, None, 0, None), listed(2, "Lost", 1, None)) == 1
    assert shown(connection) == [("Lead", 0, 0), ("Lost", 0, 1)]
    assert write(connection, listed(3, "New", 2, None), is_whole=False) == 1, "its pipeline's name is known of others"
    assert len(shown(connection)) == 3


def test_a_stage_whose_names_are_not_known_is_not_shown(connection: Connection) -> None:
    write(connection, listed(1, None, 0), listed(2, "Won", 1, None, pipeline_id="2"))
    assert pipelines(connection) == []


def test_text_that_a_database_refuses_takes_no_stage_along(connection: Connection) -> None:
    odd = listed(1, "Le\0ad \ud83d", 0, "Sa\0les")
    assert write(connection, odd) == 1
    assert write(connection, odd) == 0
    assert shown(connection) == [("Le\N{REPLACEMENT CHARACTER}ad \N{REPLACEMENT CHARACTER}", 0, 0)]


def test_stages_that_another_process_writes_meanwhile_are_taken_over(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(connection, listed(1, "Lead", 0), listed(2, "Won", 1))
    monkeypatch.setattr(stages, "listed_stages", lambda _: [])  # as they were read before
    write(connection, listed(1, "Prospect", 2), listed(3, "Lost", 3))
    monkeypatch.undo()
    found = {one.stage_id: (one.name, one.position) for one in listed_stages(connection)}
    assert found == {"1": ("Prospect", 2), "2": ("Won", 1), "3": ("Lost", 3)}
