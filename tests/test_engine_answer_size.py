"""The bytes of an answer's data are bounded, whichever way it is executed, before its text is built."""

import json
from random import Random
from typing import Any

import msgspec
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.answer import Answer, AnswerSize
from engine.cost import LimitExceeded, QueryLimits
from engine.engine import Engine
from httpserver.response import dumps
from resolvers.chartmogul.record import ChartMogulRecord
from resolvers.nexudus.record import NexudusRecord
from schema.execution import build_engine
from tests.engines import EVERYTHING
from tests.records import GLOBAL_IDS, Scheduler, record
from tests.schemas import build_schema

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def fits(value: Any, most: int) -> bool:
    try:
        assert AnswerSize(most).checked(value) is value
    except LimitExceeded:
        return False
    return True


@given(json_values)
def test_the_size_of_a_value_is_the_length_of_its_json(value: Any) -> None:
    try:
        length = len(orjson.dumps(value))
    except TypeError:
        return
    assert fits(value, length)
    assert not fits(value, length - 1)


@pytest.mark.parametrize(
    "value",
    [
        msgspec.defstruct("Shape", ["a", "b"], rename={"a": "one", "b": "two"})([None, "x"], {"y": 'quo"te'}),
        msgspec.defstruct("Empty", [])(),
        msgspec.defstruct("Shape", ["a"])(msgspec.Raw(b'{"a": 1}')),
    ],
)
def test_the_size_of_a_completed_record_is_the_length_of_its_json(value: Any) -> None:
    length = len(msgspec.json.encode(value))
    assert fits(value, length)
    assert not fits(value, length - 1)


@pytest.mark.parametrize("value", [2**70, "\ud800", {"\udfff": [2**70]}])
def test_what_orjson_does_not_write_is_measured_too(value: Any) -> None:
    length = len(json.dumps(value, separators=(",", ":")))
    assert fits(value, length)
    assert not fits(value, length - 1)


def test_a_value_may_be_nested_as_deeply_as_it_comes() -> None:
    value: list[Any] = []
    for _ in range(100_000):
        value = [value]
    assert not fits(value, 1_000)


LONG = "£" * 20_000


@pytest.fixture(params=["from the cache", "from the source"])
def long(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Records with a long text, of which some are in the cache and some are not."""

    def mapping(source: str, id_: str, *_: object) -> Any:
        kind = NexudusRecord if source == "nexudus" else ChartMogulRecord
        number = int(id_[-1])
        return (
            msgspec.structs.replace(
                record(kind, id_, Random(1)), **({"notes": LONG} if source == "nexudus" else {"pipeline": LONG})
            )
            if number
            else None
        )

    monkeypatch.setattr("tests.records.outcome", mapping)
    if request.param == "from the source":
        monkeypatch.setattr(Scheduler, "cached", lambda *_: None)


ALIASES = " ".join(f"n{n}: notes" for n in range(98))


@pytest.mark.usefixtures("long")
@pytest.mark.parametrize(
    "query",
    [
        f"query($is: [ID!]!) {{ nodes(ids: $is) {{ ... on NexudusOpportunity {{ {ALIASES} }} }} }}",
        '{{ nexudusOpportunity(sourceId: "1") {{ {} }} }}'.format(" ".join(f"n{n}: notes" for n in range(450))),
        "{{ {} }}".format(
            " ".join(f'a{n}: nexudusOpportunity(sourceId: "1") {{ a: notes b: notes c: notes }}' for n in range(99))
        ),
        # As long as what the sources have sent, each, and too long together.
        "{{ {} }}".format(" ".join(f"a{n}: nexudusOpportunity(sourceId: 1) {{ notes }}" for n in range(100))),
    ],
    ids=["one text under many names", "one record", "one record under many names", "many records"],
)
async def test_an_answer_that_would_be_too_long_is_refused_by_both_executors(query: str) -> None:
    limits = QueryLimits(max_answer_bytes=1_000_000)
    engine = build_engine(build_schema(), limits=limits)
    bodies = []
    for _ in range(3):  # read, compiled, used
        document = engine.read(query)
        assert not isinstance(document, Answer)
        found = await asked(engine, query)
        bodies.append(found)
    assert bodies[0] == bodies[1] == bodies[2]
    (error,) = bodies[0]["errors"]
    assert "data" not in bodies[0]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert error["message"] == "This asks for too much: at most 1,000,000 bytes of data in the answer are allowed."
    assert set(engine.fallbacks) == {"first_request"}


async def asked(engine: Engine, query: str) -> dict[str, Any]:
    from tests.records import SOURCE_IDS, context

    document = engine.read(query)
    assert not isinstance(document, Answer)
    schedulers = {source: Scheduler(source, Random(f"1 {source}")) for source in SOURCE_IDS}
    variables = {"is": GLOBAL_IDS[:6] * 16}
    found = await engine.answer(document, variables, None, context(schedulers, EVERYTHING))
    return found.body()


@pytest.mark.parametrize("executions", [1, 2, 3])
@pytest.mark.usefixtures("long")
async def test_both_executors_have_one_bound_to_the_byte(executions: int) -> None:
    ids = f'"{GLOBAL_IDS[0]}", "{GLOBAL_IDS[7]}"'
    one = 'a: nexudusOpportunity(sourceId: "1") { notes name b: notes }'
    query = f"{{ __typename {one} nodes(ids: [{ids}]) {{ id }} }}"
    length = len(orjson.dumps(orjson.loads(dumps(await asked(build_engine(build_schema()), query)))["data"]))
    for most, is_refused in ((length, False), (length - 1, True)):
        engine = build_engine(build_schema(), limits=QueryLimits(max_answer_bytes=most))
        for _ in range(executions):
            found = await asked(engine, query)
        assert ("data" not in found) is is_refused
