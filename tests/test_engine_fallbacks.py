"""Each reason why graphql-core executes an operation is counted, and logged once per document; no fault is silent."""

import logging
from typing import Any

import pytest

from engine.engine import Engine
from engine.fallbacks import Reason
from schema.access import READ_OPPORTUNITIES, SCOPES, Access
from schema.execution import build_engine
from tests import logged
from tests.engines import EVERYTHING, body
from tests.records import GLOBAL_IDS
from tests.schemas import build_restricted_schema, build_schema

SECRET = "bob@example.com"
NEXUDUS, CHARTMOGUL = GLOBAL_IDS[0], GLOBAL_IDS[-1]


@pytest.fixture
def engine() -> Engine:
    return build_engine(build_schema(), restricted=build_restricted_schema())


async def asked_for_again(engine: Engine, query: str, access: Access = EVERYTHING) -> list[dict[str, Any]]:
    """Return the answers to what is asked for three times."""
    return [await body(engine, query, 1, access) for _ in range(3)]


CONDITIONS = " ".join(f"x{n}: __typename @skip(if: $v{n})" for n in range(5))


@pytest.mark.parametrize(
    ("query", "scopes", "reason"),
    [
        ("{ __schema { queryType { name } } }", SCOPES, Reason.ROOT_FIELD),
        (
            f"query({', '.join(f'$v{n}: Boolean = true' for n in range(5))}) {{ {CONDITIONS} }}",
            SCOPES,
            Reason.CONDITIONS,
        ),
        ("query($i: ID!) { nodes(ids: [$i]) { id } }", SCOPES, Reason.ARGUMENT),
        ("{ opportunity(id: 7) { owner { name } } }", [READ_OPPORTUNITIES], Reason.SELECTION),
        ('{ opportunity(id: "x") { id } }', [], Reason.ACCESS),
        ("query($unheard: ID!) { opportunity(id: $unheard) { id } }", SCOPES, Reason.VARIABLES),
        ("query A { __typename } query B { __typename }", SCOPES, Reason.OPERATION),
    ],
)
async def test_a_reason_is_counted_each_time_and_logged_once(
    engine: Engine, caplog: pytest.LogCaptureFixture, query: str, scopes: Any, reason: Reason
) -> None:
    access = Access.of(scopes, is_gateway=True, is_production=False)
    with caplog.at_level(logging.INFO, "opportunity_graph.graphql"):
        await asked_for_again(engine, query, access)
    assert engine.fallbacks[reason] == (3 if reason is Reason.OPERATION else 2)
    assert engine.fallbacks[Reason.FIRST_REQUEST] == (0 if reason is Reason.OPERATION else 1)
    assert [line.rpartition(": ")[2] for line in logged.lines(caplog)] == [reason.value]


async def test_what_is_compiled_has_no_reason(engine: Engine, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        await asked_for_again(engine, '{ opportunity(id: "x") { id } }')
    assert dict(engine.fallbacks) == {Reason.FIRST_REQUEST: 1}
    assert logged.records(caplog) == []


@pytest.mark.parametrize(
    "place",
    [
        "compiled_field.CompiledField.complete",
        "compilation.Compilation.serializer",
        "compiled_query.conditional_variables",
        "variables.Variables.coerced",
    ],
)
async def test_an_exception_that_nobody_expects_is_logged_once_and_answered_by_graphql_core(
    engine: Engine, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    def broken(*_: object) -> None:
        raise AttributeError(SECRET)

    monkeypatch.setattr(f"engine.{place}", broken)
    with caplog.at_level(logging.WARNING):
        answers = await asked_for_again(engine, '{ opportunity(id: "x") { id } }')
    assert all("BAD_USER_INPUT" in str(answer) for answer in answers)
    assert engine.fallbacks[Reason.FAULT] == 2
    (record,) = logged.records(caplog)
    assert record.levelname == "ERROR"
    assert "AttributeError" in caplog.text
    assert "in broken" in caplog.text, "the traceback says where"
    assert SECRET not in caplog.text


def test_every_reason_is_a_plain_word_for_a_metric() -> None:
    assert all(reason.value.replace("_", "").isalpha() for reason in Reason)
