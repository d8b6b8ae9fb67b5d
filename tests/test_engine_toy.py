"""The engine over a graph of books: it knows no opportunity, and answers as graphql-core does.

`schema.execution` hands the graph of opportunities to the engine as this file does the books: `engine.context` and
`engine.errors` say what is handed over, `engine.lookup` what its root fields are.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import Enum
from typing import Any, NoReturn

import orjson
import pytest
import strawberry
from graphql import ExecutionResult, GraphQLError, graphql, parse, subscribe
from strawberry.types import Info

from engine.answer import Answer
from engine.engine import Engine
from engine.errors import RequestRefused
from engine.fallbacks import Reason
from engine.lookup import Listing, Lookup, NotRead, PageSize, Records
from engine.mapping import EnumMapping, IdMapping, ObjectMapping, by_code
from httpserver.response import dumps


@dataclass(frozen=True)
class Shelf:
    name: str


SHELF = Shelf("shelf")


@dataclass
class BookRecord:
    number: int
    title: str
    genre: str = "novel"
    pages: int | None = None
    writer: str | None = None


BOOKS = {
    "1": BookRecord(1, "Emma", pages=474, writer="Jane Austen"),
    "2": BookRecord(2, 'A "quoted"\ntitle', genre="essay"),
    "3": BookRecord(3, "Ulysses", genre="unheard of", pages=2**40, writer=""),
    "4": BookRecord(4, None),  # type: ignore[arg-type] # a null where none may be
}


class NoNumber(Exception):
    """This is no number of a book."""


class Burnt(Exception):
    """The book cannot be fetched."""


@strawberry.enum
class Genre(Enum):
    NOVEL = "novel"
    ESSAY = "essay"


@strawberry.type
class Author:
    name: str


@strawberry.type
class Book:
    id: strawberry.ID
    title: str
    genre: Genre | None
    pages: int | None
    author: Author | None

    @strawberry.field
    def read_at(self, info: Info["Context", None]) -> date | None:
        return vars(self).get("read") or info.context.read_at("shelf", self.id)


BOOK = ObjectMapping(
    Book,
    {
        "id": IdMapping("number"),
        "title": "title",
        "genre": EnumMapping(by_code(Genre), "genre"),
        "pages": "pages",
        "author": ObjectMapping(Author, {"name": lambda record: record.writer.upper()}, present="writer"),
    },
)


class Loaders:
    """Some books are in the shelf, others come later; one is burnt."""

    def __init__(self) -> None:
        self.requested: list[str] = []
        self._known: dict[str, Any] = {}

    def request(self, source: Shelf, number: str) -> Any:
        assert source is SHELF
        if number not in self._known:
            self.requested.append(number)
            self._known[number] = BOOKS[number] if number == "1" else asyncio.ensure_future(self._fetch(number))
        return self._known[number]

    async def _fetch(self, number: str) -> BookRecord | None:
        await asyncio.sleep(0)
        if number == "451":
            raise Burnt("This book is burnt.")
        return BOOKS.get(number)


@dataclass(frozen=True)
class Access:
    may_fetch: bool = True
    is_restricted: bool = False
    closed_fields: frozenset[str] = frozenset()

    def refuse_root_fields(self) -> NoReturn:
        raise RequestRefused("Not for you.", "CLOSED")


@dataclass
class Context:
    loaders: Loaders = field(default_factory=Loaders)
    access: Access = Access()
    refused: Sequence[object] = ()
    selected_fields: int = 0
    event: Any = None

    async def load(self, source: Shelf, number: str) -> Book | None:
        if not self.access.may_fetch:
            raise Burnt("No books for you.")
        found = self.loaders.request(source, number)
        record = await asyncio.shield(found) if isinstance(found, asyncio.Future) else found
        return None if record is None else BOOK.of(record)

    def read_at(self, source: str, record_id: str) -> datetime | None:
        return datetime(2026, 2, int(record_id), tzinfo=UTC) if source == "shelf" and record_id < "3" else None


def key(number: str) -> tuple[Shelf, str]:
    if not number.isdecimal():
        raise NoNumber("Give the number of a book.")
    return SHELF, number


def at_most_five(numbers: Sequence[str]) -> None:
    if len(numbers) > 5:
        raise NoNumber("Give at most five.")


ONE, MANY = Lookup("id", key), Lookup("ids", key, is_list=True, check=at_most_five)


@strawberry.type
class PageInfo:
    has_next_page: bool
    end_cursor: str | None


@strawberry.type
class BookEdge:
    cursor: str
    node: Book | None


@strawberry.input
class Written:
    by: str
    after: int = 0


LISTED = datetime(2026, 3, 1, tzinfo=UTC)


PARTS: list[frozenset[str]] = []
"""What was asked of each book on a page that was read in part."""


class Part:
    """A book of which only some attributes were read."""

    def __init__(self, record: BookRecord, names: frozenset[str]) -> None:
        vars(self).update({name: getattr(record, name) for name in names})

    def __getattr__(self, name: str) -> Any:
        raise NotRead(name)


@dataclass(frozen=True)
class OnShelf:
    """The books of a page."""

    versions: list[str]
    """Their numbers."""

    @property
    def sources(self) -> list[str]:
        return ["shelf"] * len(self.versions)

    def read_at(self, place: int) -> datetime:
        return LISTED

    def record(self, place: int) -> Any:
        number = self.versions[place]
        return Burnt("This book is burnt.") if number == "451" else BOOKS.get(number)

    def parts(self, source: str, places: Sequence[int], names: frozenset[str]) -> list[Part] | None:
        PARTS.append(names)
        found = [self.record(place) for place in places]
        return [Part(one, names) for one in found] if all(isinstance(one, BookRecord) for one in found) else None


@strawberry.type
class BookConnection:
    numbers: strawberry.Private[list[str]]

    def records(self) -> OnShelf:
        return OnShelf(self.numbers)

    def books(self) -> list[Any]:
        found, records = [], self.records()
        for place in range(len(self.numbers)):
            record = records.record(place)
            book = record if isinstance(record, Exception | None) else BOOK.of(record)
            if isinstance(book, Book):
                vars(book)["read"] = records.read_at(place)
            found.append(book)
        return found

    @strawberry.field
    def nodes(self) -> list[Book | None]:
        return self.books()

    @strawberry.field
    def edges(self) -> list[BookEdge]:
        return [BookEdge(cursor=f"at {n}", node=b) for n, b in zip(self.numbers, self.books(), strict=True)]

    @strawberry.field
    def page_info(self) -> PageInfo:
        return PageInfo(has_next_page=True, end_cursor=self.numbers[-1] if self.numbers else None)

    @strawberry.field
    async def total_count(self) -> int | None:
        if "0" in self.numbers:
            raise Burnt("Nobody can count these.")
        return len(BOOKS)

    @strawberry.field
    def starting_with(self, text: str) -> int:
        return len(text)


async def shelf_page(
    context: Context, first: int = 2, written: Written | None = None, numbers: list[str] | None = None
) -> BookConnection | None:
    if first == 0:
        raise NoNumber("Give a number.")
    if written is not None:
        return None if written.by == "nobody" else BookConnection(numbers=[str(written.after + 1)])
    return BookConnection(numbers=(["1", "2", "3", "9"] if numbers is None else numbers)[:first])


LISTING = Listing(
    PageSize(2, 5),
    shelf_page,
    records=BookConnection.records,
    cursors=lambda connection: [f"at {number}" for number in connection.numbers],
)


@strawberry.type
class Query:
    @strawberry.field
    async def shelf(
        self,
        info: Info[Context, None],
        first: int = 2,
        written: Written | None = None,
        numbers: list[str] | None = None,
    ) -> BookConnection | None:
        return await shelf_page(info.context, first, written, numbers)

    @strawberry.field
    async def book(self, info: Info[Context, None], id: strawberry.ID) -> Book | None:  # noqa: A002 - the argument's name
        return await ONE.one(info.context, id)  # type: ignore[no-any-return]

    @strawberry.field
    async def books(self, info: Info[Context, None], ids: list[strawberry.ID]) -> list[Book | None] | None:
        return await MANY.many(info.context, ids)  # type: ignore[no-any-return]

    @strawberry.field
    def motto(self) -> str:
        return "Read."


@strawberry.type
class Arrival:
    """Books that have come to the shelf."""

    authors: list[Author]
    count: int | None

    @strawberry.field
    async def thickest(self, info: Info[Context, None], least: int = 0) -> Book | None:
        return await ONE.one(info.context, "1") if self.count and self.count > least else None


JANE = Author(name="Jane")
ARRIVALS = [Arrival(authors=[JANE], count=1), Burnt("These books are burnt."), Arrival(authors=[], count=0)]


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def arrivals(self, info: Info[Context, None], after: str | None = None) -> AsyncGenerator[Arrival | None]:
        if after == "nowhere":
            yield NoNumber("Give a place.")  # type: ignore[misc] # an error in the place of an event
            return
        for one in ARRIVALS:
            yield one  # type: ignore[misc] # as above


SCHEMA = strawberry.Schema(Query, subscription=Subscription)._schema


class Errors:
    """Errors as graphql-core formats them."""

    def request_errors(self, errors: Sequence[GraphQLError], code: str) -> list[dict[str, Any]]:
        return [{**error.formatted, "extensions": {"code": code}} for error in errors]

    def variable_errors(self, errors: Sequence[GraphQLError], given: Mapping[str, Any]) -> list[dict[str, Any]]:
        return [dict(error.formatted) for error in errors]

    def execution_errors(self, errors: Sequence[GraphQLError], context: Context) -> list[dict[str, Any]]:
        return [dict(error.formatted) for error in errors]


def engine() -> Engine:
    return Engine(
        SCHEMA,
        Records({"book": ONE, "books": MANY}, {"shelf": BOOK}, {"shelf": LISTING}, read_at="read_at"),
        Errors(),
    )


async def answer(
    engine: Engine, query: str, variables: dict[str, Any] | None = None, access: Access | None = None
) -> dict[str, Any]:
    document = engine.read(query)
    if isinstance(document, Answer):
        return document.body()
    context = Context(access=access or Access())
    found = await engine.answer(document, variables, None, context)
    if not found.is_request_error:
        found.extensions = {"requested": sorted(context.loaders.requested)}
    body: dict[str, Any] = orjson.loads(dumps(found.body()))
    return body


def ordered(errors: Sequence[Any]) -> list[Any]:
    """Return errors in an order of their own: which field fails first is a matter of luck."""
    return sorted(errors, key=str)


@pytest.mark.anyio
async def test_of_a_page_s_records_no_more_is_read_than_is_shown() -> None:
    mine, query = engine(), '{ shelf(numbers: ["1", "2"]) { nodes { id author { name } } } }'
    PARTS.clear()
    for _ in range(2):
        await answer(mine, query)
    assert PARTS[-1] == {"number", "writer"}, "what the first record has shown"
    assert PARTS.count(frozenset()) == 1
    before = len(PARTS)
    await answer(mine, query)
    assert len(PARTS) == before, "both are stored, each under its version"
    assert mine.compiled == 2


@pytest.mark.anyio
async def test_a_record_that_cannot_be_read_in_part_is_read_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OnShelf, "parts", lambda *_: [Whole()])
    mine, query = engine(), '{ shelf(numbers: ["1"]) { nodes { title } } }'
    found = [await answer(mine, query) for _ in range(3)]
    assert found == [{"data": {"shelf": {"nodes": [{"title": "Emma"}]}}, "extensions": {"requested": []}}] * 3
    assert mine.compiled == 2


class Whole:
    """A book that has no attributes by themselves, whichever are asked for."""

    def __getattr__(self, name: str) -> Any:
        raise NotRead(name)


NO = {"no": True}
PAGE = """nodes { id title readAt } edges { cursor node { id readAt author { name } } __typename } __typename
  pageInfo { more: hasNextPage endCursor } totalCount"""
FULL = "{ id title genre pages author { name } kind: __typename }"


@pytest.mark.parametrize(
    ("query", "variables", "fallback"),
    [
        (f'{{ book(id: "1") {FULL} again: book(id: "2") {FULL} __typename }}', None, None),
        (f'query Q {{ books(ids: ["1", "2", "2", "9"]) {FULL} }}', None, None),
        (f"query($ids: [ID!]!) {{ books(ids: $ids) {FULL} }}", {"ids": ["2", "1", "x", "451"]}, None),
        ('query($no: Boolean!) { book(id: "2") { title @skip(if: $no) ...F } } fragment F on Book { id }', NO, None),
        ("query($ids: [ID!]!) { books(ids: $ids) { id } }", {"ids": []}, None),
        ("query($ids: [ID!]!) { books(ids: $ids) { id } }", {"ids": ["1"] * 6}, Reason.ARGUMENT),
        ("query($ids: [ID!]!) { books(ids: $ids) { id } }", {"ids": [None]}, Reason.VARIABLES),
        ('{ motto book(id: "1") { id } }', None, Reason.ROOT_FIELD),
        ('{ book(id: "4") { id title } }', None, Reason.NULL),
        ('{ book(id: "3") { id genre author { name } } }', None, None),
        ('{ book(id: "3") { id pages } }', None, Reason.VALUE),
        ('{ books(ids: ["1", "2", "3", "1"]) { id readAt } }', None, None),
        (f"{{ shelf {{ {PAGE} }} }}", None, None),
        (f"{{ shelf(first: 4) {{ {PAGE} }} again: shelf(first: 1) {{ nodes {{ id }} }} }}", None, None),
        ("query($n: Int!) { shelf(first: $n) { nodes { id } } }", {"n": 0}, None),
        ('query($b: Written) { shelf(written: $b) { nodes { id } } book(id: "1") { id } }', {"b": {"by": "n"}}, None),
        ("query($by: String!) { shelf(written: {by: $by}) { nodes { id } } }", {"by": "nobody"}, None),
        ("query($by: String!) { shelf(written: {by: $by, after: 1}) { nodes { id } } }", {"by": "him"}, None),
        ("query($n: [String!]) { shelf(numbers: $n) { nodes { id } totalCount } }", {"n": ["451", "0"]}, None),
        ("query($n: [String!]) { shelf(numbers: $n) { edges { node { id } } } }", {"n": ["1", "451"]}, None),
        ("query($n: [String!]) { shelf(numbers: $n) { edges { node { title } } } }", {"n": ["4"]}, Reason.NULL),
        ("{ shelf(numbers: []) { edges { cursor } nodes { id } pageInfo { endCursor } } }", None, None),
        ('{ shelf { startingWith(text: "x") } }', None, Reason.SELECTION),
    ],
)
async def test_an_answer_is_graphql_core_s_whether_compiled_or_not(
    query: str, variables: dict[str, Any] | None, fallback: Reason | None
) -> None:
    mine = engine()
    expected = await graphql(SCHEMA, query, variable_values=variables, context_value=Context())
    for _ in range(3):  # executed by graphql-core, compiled, and with what is compiled
        found = await answer(mine, query, variables)
        assert found.get("data") == expected.data
        assert ordered(found.get("errors", [])) == ordered([error.formatted for error in expected.errors or ()])
    assert dict(mine.fallbacks) == {Reason.FIRST_REQUEST: 1, **({fallback: 2} if fallback else {})}


async def test_variables_decide_anew_at_each_request_what_is_selected() -> None:
    mine = engine()
    query = 'query($no: Boolean!) { a: book(id: "2") { id title @skip(if: $no) } b: __typename @skip(if: $no) }'
    for no in (False, False, True, False, True):
        data = (await answer(mine, query, {"no": no}))["data"]
        assert ["title" in data["a"], "b" in data] == [not no, not no]
    assert mine.compiled == 4


async def test_each_record_is_requested_once_whoever_executes() -> None:
    mine = engine()
    for _ in range(3):
        found = await answer(mine, '{ a: books(ids: ["2", "1", "2"]) { id } b: book(id: "2") { title } }')
        assert found["extensions"] == {"requested": ["1", "2"]}


async def test_what_is_closed_to_a_caller_is_refused_before_anything_is_executed() -> None:
    mine, closed = engine(), Access(closed_fields=frozenset({"motto"}))
    for _ in range(3):
        assert await answer(mine, "{ motto }", access=closed) == {
            "errors": [{"message": "Not for you.", "extensions": {"code": "CLOSED"}}]
        }
    assert (await answer(mine, "{ motto }"))["data"] == {"motto": "Read."}


async def test_a_caller_that_may_not_fetch_is_told_so_at_each_field() -> None:
    mine = engine()
    for _ in range(3):
        found = await answer(mine, '{ books(ids: ["1", "2"]) { id } }', access=Access(may_fetch=False))
        assert found["data"] == {"books": [None, None]}
        assert [error["path"] for error in found["errors"]] == [["books", 0], ["books", 1]]
        assert found["extensions"] == {"requested": []}


@pytest.mark.parametrize(
    ("query", "code"), [("{ book", "GRAPHQL_PARSE_FAILED"), ("{ film }", "GRAPHQL_VALIDATION_FAILED")]
)
async def test_a_document_that_cannot_be_executed_is_refused_with_a_code(query: str, code: str) -> None:
    (error,) = (await answer(engine(), query))["errors"]
    assert error["extensions"] == {"code": code}


async def test_pages_that_are_looked_for_are_given_up_with_the_operation() -> None:
    begun: list[asyncio.Task[Any] | None] = []

    async def forever(*_: Any, **__: Any) -> None:
        begun.append(asyncio.current_task())
        await asyncio.Event().wait()

    listing = Listing(PageSize(2, 5), forever, LISTING.records, LISTING.cursors)
    mine = Engine(SCHEMA, Records({}, {"shelf": BOOK}, {"shelf": listing}), Errors())
    query = "{ a: shelf { nodes { id } } b: shelf { totalCount } }"
    await answer(mine, query)
    task = asyncio.create_task(answer(mine, query))
    while len(begun) < 2:  # noqa: ASYNC110 - a few turns of the loop
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, *filter(None, begun), return_exceptions=True)
    assert [one is not None and one.cancelled() for one in begun] == [True, True]


async def events(engine: Engine, query: str, variables: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """Return the response to each event of a subscription, or the one that says why there are none."""
    document = engine.read(query)
    if isinstance(document, Answer):
        return [document.body()]
    source = await engine.subscribe(document, variables, None, Context())
    if isinstance(source, Answer):
        return [source.body()]
    found = []
    async for event in source:
        answered = await engine.answer(document, variables, None, Context(event=event))
        found.append(orjson.loads(dumps(answered.body())))
    return found


@pytest.mark.parametrize(
    ("query", "fallback"),
    [
        ("subscription { arrivals { authors { name } count __typename } }", None),
        ("subscription S { new: arrivals { thickest { title } thick: thickest(least: 5) { id } } }", None),
        ('subscription { arrivals(after: "nowhere") { count } }', None),
        ("subscription($a: String) { arrivals(after: $a) { ...F } } fragment F on Arrival { count }", None),
    ],
)
async def test_each_event_of_a_subscription_has_the_response_that_graphql_core_gives(
    query: str, fallback: Reason | None
) -> None:
    mine = engine()
    source = await subscribe(SCHEMA, parse(query), context_value=Context())
    assert not isinstance(source, ExecutionResult)
    expected = [json.loads(json.dumps(one.formatted)) async for one in source]
    for _ in range(3):
        assert await events(mine, query) == expected
    assert any("errors" in one for one in expected)
    assert mine.fallbacks[Reason.FIRST_REQUEST] == 1
    assert sum(mine.fallbacks.values()) == 1 + (fallback is not None)


@pytest.mark.parametrize(
    ("query", "variables"),
    [
        ("subscription { arrivals { nothing } }", None),
        ("subscription { arrivals { count } more: arrivals { count } }", None),
        ("subscription { __typename }", None),
        ("subscription($a: String!) { arrivals(after: $a) { count } }", None),
        ("subscription { arrivals @skip(if: true) { count } }", None),
    ],
)
async def test_a_subscription_that_cannot_be_opened_has_one_response_without_data(
    query: str, variables: dict[str, Any] | None
) -> None:
    (found,) = await events(engine(), query, variables)
    assert list(found) == ["errors"]
