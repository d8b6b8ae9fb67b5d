"""`engine.compilation`, `engine.documents`: documents are counted as what they take, within a factor of two."""

import gc
import tracemalloc
from collections.abc import Callable

import pytest

from engine.documents import Document
from engine.engine import Engine
from engine.fallbacks import NotCompiled
from schema.execution import build_engine
from tests.schemas import build_schema

SCHEMA = build_schema()
NAMES = [f"s{number}" for number in range(4)]
HEAD = ", ".join(f"${name}: Boolean!" for name in NAMES)
ALL = "id stageName pipelineName createdAt updatedAt value { amount currencyCode } owner { name email }"


def conditional(fields: str, number: int) -> str:
    skipped = " ".join(f"x{name}: id @skip(if: ${name})" for name in NAMES)
    return f'query O{number}({HEAD}) {{ opportunity(id: "x") {{ {fields} {skipped} }} }}'


def aliases(prefix: str, count: int) -> str:
    return " ".join(f"{prefix}{number}: sourceId" for number in range(count))


DOCUMENTS: dict[str, Callable[[int], str]] = {
    "small": lambda n: f'query Q{n} {{ opportunity(id: "x") {{ {ALL} n{n}: id }} }}',
    "wide": lambda n: f'query Q{n} {{ opportunity(id: "x") {{ {aliases(f"n{n}x", 150)} }} }}',
    "nested": lambda n: (
        f'query Q{n} {{ opportunity(id: "x") {{ '
        + " ".join(f"o{n}x{i}: owner {{ o{n}x{i}: name }}" for i in range(60))
        + " } }"
    ),
    "fifty root fields": lambda n: (
        "{ " + " ".join(f'a{i}: opportunity(id: "x") {{ id s{n}: status }}' for i in range(50)) + " }"
    ),
    "twenty operations": lambda n: " ".join(conditional(f"n{n}: id", number) for number in range(20)),
    "twenty wide operations": lambda n: (
        " ".join(conditional(f"...F n{number}: id", number) for number in range(20))
        + f" fragment F on Opportunity {{ {aliases(f'n{n}x', 100)} }}"
    ),
}


def compile_all(document: Document) -> None:
    """Compile all operations for all values of their conditions, as far as that is done."""
    for name in document.operations:
        for number in range(16 if "$s0" in document.text else 1):
            values = {name: bool(number >> place & 1) for place, name in enumerate(NAMES)}
            for _ in range(2):
                operation = document.compiled_document.operation(SCHEMA._schema, name)
            try:
                assert operation
                operation.root_fields(values)
            except NotCompiled:
                return


@pytest.mark.parametrize("takes_aliases", [False, True])
@pytest.mark.parametrize("kind", DOCUMENTS)
def test_a_document_takes_about_as_much_memory_as_it_is_counted_as(kind: str, *, takes_aliases: bool) -> None:
    """When it has been read, and when it has been compiled as well; also where it is one for any aliases."""
    engine = build_engine(SCHEMA)
    numbers = range(100, 120 if kind == "small" else 104)
    make: Callable[[int, int], str] = lambda aliases, number: DOCUMENTS[kind](aliases) + " " * number  # noqa: E731
    compile_all(read(engine, make(1_000, 1_000)))  # what the first one of a kind makes for all
    if takes_aliases:
        for number in numbers:
            read(engine, make(500, number))
    before, count = engine._documents.bytes, len(numbers)

    def judge(state: str) -> None:
        gc.collect()
        taken, counted = tracemalloc.get_traced_memory()[0], engine._documents.bytes - before
        assert taken / count < 3_000_000, "of one document, a bounded part is compiled"
        assert taken / 2 < counted < 2 * taken, f"{state}: {taken / count:,.0f} taken, {counted / count:,.0f} counted"

    gc.collect()
    tracemalloc.start()
    try:
        documents = [read(engine, make(number, number)) for number in numbers]
        assert all(
            bool(one.parts and one.parts.aliases) is (takes_aliases and "twenty" not in kind) for one in documents
        )
        judge("read")
        for document in documents:
            compile_all(document)
            engine._documents.recount(document)
        judge("compiled")
    finally:
        tracemalloc.stop()


def read(engine: Engine, text: str) -> Document:
    document = engine.read(text)
    assert isinstance(document, Document)
    return document
