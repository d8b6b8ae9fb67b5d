"""Documents with ids written into their text, put together from pieces that are known.

A client that writes `{ a: opportunity(id: "...") { status } }` sends a new text for each id, and more with each alias.
Parsing and validating one takes longer than all else. But its root fields, each taken as a document of its own and
without its id, are the same again and again: these pieces are read, validated and compiled once.

A text is taken apart where it is nothing but one query, without variables, fragments of its own, comments, and texts
other than the ids: `[query [Name]] { [alias:] field(argument: "id") { ... } ... }`, each field with a name of its own
in the answer. No rule of validation looks further than one such field, so the whole is valid if the pieces are. Any
other text is read as a whole, and so is one that may be over a limit, that has many different pieces, or an argument
that is refused. An error is told with the place of its root field in the whole text (GraphQL specification, 7.1.2:
`locations`).
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from graphql import ExecutionResult, GraphQLError, GraphQLSchema, Source

from resolvers.errors import ResolverError
from schema.compiled import Shortcuts
from schema.context import Context
from schema.lookups import BY_REPRESENTATIONS, LOOKUPS
from schema.measure import Limits
from schema.root_field import RootField, arrived

MOST_PIECES = 8
"""Of one document. Reading a piece on its own takes longer than as a part."""

OFTEN = 10
"""A piece that occurs as often in one document is compiled at once."""

MOST_NESTED = 8
"""Selections within one another; the pattern has them written out."""


def _selection() -> str:
    pattern = r"\{[^{}\"#$]*+\}"
    for _ in range(MOST_NESTED):
        pattern = rf"\{{[^{{}}\"#$]*+(?:{pattern}[^{{}}\"#$]*+)*+\}}"
    return pattern


_IGNORED = r"[ \t\r\n,]*+"
_NAME = r"[A-Za-z_][A-Za-z0-9_]*+"
_HEAD = re.compile(rf"{_IGNORED}(?:query(?:[ \t\r\n,]++({_NAME}))?+{_IGNORED})?+\{{")
_ID_TEXT = r"\"[A-Za-z0-9_=-]*+\"(?!\")"  # three in a row begin a text of another kind
_FIELD = re.compile(
    rf"{_IGNORED}(?:({_NAME}){_IGNORED}:{_IGNORED})?+({_NAME}){_IGNORED}"
    rf"\({_IGNORED}({_NAME}){_IGNORED}:{_IGNORED}({_ID_TEXT}|\[(?:{_IGNORED}{_ID_TEXT})*+{_IGNORED}\]){_IGNORED}\)"
    rf"{_IGNORED}({_selection()})"
)
_ID = re.compile(_ID_TEXT)
_TAIL = re.compile(rf"{_IGNORED}\}}{_IGNORED}")
_TOKEN = re.compile(r"[A-Za-z0-9_]+|[^ \t\r\n,]")
"""At least as many as GraphQL counts."""


class Written(NamedTuple):
    """A root field: its name in the answer, its piece, its id or ids, and its place in the whole text."""

    key: str
    piece: str
    value: str | list[str]
    start: int


@dataclass(frozen=True, slots=True)
class Pieces:
    """A document taken apart."""

    query: str
    operation_name: str | None
    fields: Sequence[Written]
    texts: Mapping[str, int]
    """Of the pieces, which are documents that have an empty id, and how often each occurs."""


def take_apart(query: str, limits: Limits) -> Pieces | None:
    """Return the pieces of a document, None where it is to be read as a whole."""
    head = _HEAD.match(query)
    if head is None or len(query) > limits.max_characters:
        return None
    fields: list[Written] = []
    records: Counter[str] = Counter()
    at = head.end()
    while found := _FIELD.match(query, at):
        at = found.end()
        alias, field, argument, written, selection = found.groups()
        lookup = LOOKUPS.get(field)
        if lookup is None or lookup.argument != argument or lookup.is_list is not written.startswith("["):
            return None
        if lookup is BY_REPRESENTATIONS:  # not open to everybody, which is looked up in the plan of the whole
            return None
        ids = [id_[1:-1] for id_ in _ID.findall(written)] if lookup.is_list else written[1:-1]
        if lookup.check is not None and _raises(lookup.check, ids):
            return None
        empty = '[""]' if lookup.is_list else '""'
        text = f"{{{field}({argument}:{empty}){selection}}}"
        fields.append(Written(alias or field, text, ids, found.start(1 if alias else 2)))
        records[text] += len(ids) if lookup.is_list else 1
    count = Counter(field.piece for field in fields)
    if query in count or not _TAIL.fullmatch(query, at) or not _is_within(limits, count, records):
        return None
    return Pieces(query, head[1], fields, count) if len({field.key for field in fields}) == len(fields) else None


def _raises(check: Callable[[Any], None], value: Any) -> bool:
    try:
        check(value)
    except ResolverError:
        return True
    return False


def _is_within(limits: Limits, count: Counter[str], records: Counter[str]) -> bool:
    """Whether a document of such pieces is certainly within the limits. Each piece is held against them by itself."""
    if not 0 < len(count) <= MOST_PIECES:
        return False
    tokens = {text: 2 + len(_TOKEN.findall(text)) for text in count}  # more than it has fields

    def total(counter: Counter[str], each: Callable[[str], int]) -> int:
        return sum(number * each(text) for text, number in counter.items())

    return (
        4 + 3 * records.total() + total(count, tokens.__getitem__) <= min(limits.max_tokens, limits.max_fields)
        and total(count, lambda text: 1 + text.count(":")) <= limits.max_aliases
        and total(count, lambda text: text.count("@")) <= limits.max_directives
        and total(records, tokens.__getitem__) + count.total() <= limits.max_answer_fields
        and records.total() <= limits.max_records
        and count.total() <= limits.max_root_fields
    )


@dataclass(frozen=True, slots=True)
class PiecedOperation:
    """A document's operation: each root field as it is written and as it is compiled."""

    query: str
    fields: Sequence[tuple[Written, RootField]]

    async def execute(self, _variables: object, context: Context) -> ExecutionResult | None:
        """Return the result; None where it is graphql-core's to give."""
        if not context.access.may_read_opportunities:
            return None
        try:
            asked = [field.ask(written.value, context) for written, field in self.fields]
            await arrived(asked)
            data: dict[str, Any] = {}
            errors: list[GraphQLError] = []
            for (written, field), found in zip(self.fields, asked, strict=True):
                of_piece: list[GraphQLError] = []
                data[written.key] = field.complete(found, of_piece)
                errors += [self._of_whole(error, written) for error in of_piece]
        except Exception:  # whatever it is, graphql-core will meet it again and give it its place
            return None
        return ExecutionResult(data, errors or None)

    def _of_whole(self, error: GraphQLError, written: Written) -> GraphQLError:
        """Return a piece's error with its places in the whole text and in its answer."""
        _, *path = error.path or ("",)
        place = Source(self.query), [written.start]
        return GraphQLError(error.message, None, *place, [written.key, *path], error.original_error)


class PiecedShortcuts:
    """The compiled operation of a document that was taken apart, made of those of its pieces."""

    def __init__(self, pieces: Pieces, shortcuts: Mapping[str, Shortcuts]) -> None:
        """`shortcuts` are the pieces' own, by their texts."""
        self._pieces = pieces
        self._shortcuts = shortcuts

    def operation(self, schema: GraphQLSchema, name: str | None) -> PiecedOperation | None:
        """Return the operation if all of its pieces are compiled, or can be."""
        if name not in (None, self._pieces.operation_name):
            return None
        compiled = {}
        for text, shortcuts in self._shortcuts.items():
            operation = shortcuts.operation(schema, None, at_once=self._pieces.texts[text] >= OFTEN)
            fields = operation.root_fields({}) if operation else None
            if not fields:
                return None
            compiled[text] = fields[0]
        pieces = self._pieces
        return PiecedOperation(pieces.query, [(field, compiled[field.piece]) for field in pieces.fields])
