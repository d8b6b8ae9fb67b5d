"""`operations`: what executes an operation is asked the same by the endpoint and by the schema's file."""

from typing import Any

import pytest

from configuration import AllSettings
from engine.answer import Answer
from operations import Operations
from schema.deals.export_request import ExportArguments
from schema.execution import build_engine
from tests.records import EVERYTHING
from tests.schemas import build_schema
from web.parameters import GraphQLParams


class Counts:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    def on_refused_document(self, code: str | None) -> None:
        self.told.append(code)

    def on_operation(self, name: str | None, code: str | None, seconds: float, _: object) -> None:
        assert seconds >= 0
        self.told.append((name, code))


@pytest.fixture
def counts() -> Counts:
    return Counts()


@pytest.fixture
def operations(counts: Counts) -> Operations:
    schema = build_schema()
    settings = AllSettings({"CHARTMOGUL_API_KEY": "key", "ERROR_DOCS_URL": "https://example.com/errors"})
    made = Operations(settings, build_engine(schema), ExportArguments(schema), {}, counts)  # type: ignore[arg-type]
    made._access = lambda _: EVERYTHING  # type: ignore[method-assign, assignment]
    return made


def params(query: str, *, is_get: bool = False) -> GraphQLParams:
    return GraphQLParams(query, None, None, None, is_get=is_get, caller=None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("query", "is_get", "status", "told"),
    [
        ("query Which { __typename }", True, None, [("Which", None)]),
        ("{ nothing }", False, None, ["GRAPHQL_VALIDATION_FAILED"]),
        ("{", False, None, ["GRAPHQL_PARSE_FAILED"]),
        ('query One { chartMogulOpportunity(sourceId: "0") { id } }', False, None, [("One", "BAD_USER_INPUT")]),
    ],
)
async def test_each_operation_and_each_refused_document_is_counted_once(
    operations: Operations, counts: Counts, query: str, is_get: bool, status: int | None, told: list[Any]
) -> None:
    response = await operations.answer(params(query, is_get=is_get))
    assert response.status == status
    assert counts.told == told


async def test_an_error_leads_to_its_description(operations: Operations) -> None:
    response = await operations.answer(params("{ nothing }"))
    (error,) = response.body["errors"]  # type: ignore[index, call-overload]
    assert error["extensions"]["docs"] == "https://example.com/errors#graphql_validation_failed"


def test_it_has_neither_store_nor_traces_until_they_are_opened(operations: Operations) -> None:
    assert (operations.deals, operations.tracer) == (None, None)
    assert isinstance(operations._refused(Answer(None, [])).body, dict)
