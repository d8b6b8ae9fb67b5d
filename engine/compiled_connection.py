"""What a compiled query selects of a page of records: the page, and everything else of its connection.

The listing finds the page, as the field's own resolver does for graphql-core. The records are serialized as those of
any other compiled field, each text stored for the next page that has the same record.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any

import msgspec

from engine.answer import SizeAhead
from engine.arguments import Arguments
from engine.connection_parts import Constant, Edges, Executed, Nodes, Part, Resolved
from engine.fallbacks import NotCompiled, Reason
from engine.lookup import Listing, PageRecords
from engine.page_serializer import Text, page_texts
from engine.run import Failure, Keys, Run, raise_if_not_compiled
from engine.serializer import Row, has_resolved, resolve, text_in_place


@dataclass(slots=True)
class Page:
    """A page that was found."""

    connection: Any
    cursors: Sequence[str]
    resolved: dict[str, Any]
    """The values of `Resolved` and `Executed` parts by their keys, or why there are none."""
    records: PageRecords | None
    rows: dict[tuple[str, ...], list[Row]]
    """The records of parts whose fields have resolvers, by the part's keys."""

    def texts(self, part: Nodes, ahead: SizeAhead) -> Sequence[Text]:
        """Return the records' JSON as `page_texts` does."""
        return () if self.records is None else page_texts(self.records, part.serializers, ahead)


@dataclass(frozen=True, slots=True)
class Connection:
    """What is selected of a page."""

    listing: Listing
    arguments: Arguments
    parts: list[Part]

    async def find(self, run: Run, keys: Keys, arguments: Mapping[str, Any], *parent: Any) -> Page | None:
        """Return the page, and all that is to be resolved of it; raises the field's error."""
        if self._is_of_parts():
            arguments = {**arguments, "is_of_parts": True}
        connection = await self.listing.find(run.context, *parent, **arguments)
        if connection is None:
            return None
        page = Page(connection, (), {}, self.listing.records(connection), {})
        if any(isinstance(part, Edges) for part in self.parts):
            page.cursors = self.listing.cursors(connection)
        waiting = []
        for at, nodes in self._nodes():
            if has_resolved(nodes.serializers):
                page.rows[at] = _rows(page.records)
                waiting.append(resolve(page.rows[at], nodes.serializers, run, _keys(keys, at)))
        for part in self.parts:
            if isinstance(part, Resolved):
                page.resolved[part.key] = _value(part.of, connection, run, [*keys, part.key])
            elif isinstance(part, Executed):
                page.resolved[part.key] = _value(part.executed.of, connection, run, [*keys, part.key])
        names = [key for key, value in page.resolved.items() if isawaitable(value)]
        if not waiting and not names:
            return page
        found = await asyncio.gather(*waiting, *[page.resolved[key] for key in names], return_exceptions=True)
        for error in found[: len(waiting)]:
            if error is not None:
                raise error
        page.resolved.update(zip(names, found[len(waiting) :], strict=True))
        return page

    def text(self, page: Page, run: Run, keys: Keys) -> bytes:
        """Return the JSON. Raises `LimitExceeded`, and `NotCompiled` for what graphql-core refuses."""
        return _object([(part.key, self._part(part, page, run, [*keys, part.key])) for part in self.parts], run)

    def _is_of_parts(self) -> bool:
        """Return whether of records no more is read than parts, as `Listing.joined` says and records before have shown.

        A source may have had none yet: if its first one takes more, the page is found again, once.
        """
        joined = self.listing.joined
        if joined is None:
            return False
        serializers = [one for _, nodes in self._nodes() for one in nodes.serializers.values()]
        return any(one.reads.names for one in serializers) and all(
            one.reads.is_without(joined) and not one.tells_age and not one.resolved for one in serializers
        )

    def _nodes(self) -> Iterator[tuple[tuple[str, ...], Nodes]]:
        for part in self.parts:
            if isinstance(part, Nodes):
                yield (part.key,), part
            elif isinstance(part, Edges):
                yield from [((part.key, one.key), one) for one in part.parts if isinstance(one, Nodes)]

    def _part(self, part: Part, page: Page, run: Run, keys: Keys) -> bytes:
        match part:
            case Constant():
                return part.text
            case Nodes():
                texts = page.texts(part, run.size.ahead())
                run.size.add(1 + (len(texts) or 1))
                return _list(_in_place(texts, part, page.rows.get((part.key,)), run, keys))
            case Edges():
                run.size.add(1 + (len(page.cursors) or 1))
                ahead = run.size.ahead()
                written = {one.key: page.texts(one, ahead) for one in part.parts if isinstance(one, Nodes)}
                places = range(len(page.cursors))
                return b"[%b]" % b",".join([self._edge(part, page, written, at, run, [*keys, at]) for at in places])
            case Resolved() | Executed():
                return _resolved(part, page.resolved[part.key], run, keys)
        raise NotCompiled(Reason.SELECTION)

    def _edge(
        self, edges: Edges, page: Page, written: Mapping[str, Sequence[Text]], place: int, run: Run, keys: Keys
    ) -> bytes:
        texts = []
        for part in edges.parts:
            match part:
                case Constant():
                    text = part.text
                case Nodes():
                    rows = page.rows.get((edges.key, part.key))
                    text = _node(written[part.key][place], part, rows[place] if rows else None, run, [*keys, part.key])
                case _:
                    text = msgspec.json.encode(page.cursors[place])
                    run.size.add(len(text))
            texts.append((part.key, text))
        return _object(texts, run)


def _in_place(texts: Sequence[Text], part: Nodes, rows: Sequence[Row] | None, run: Run, keys: Keys) -> Sequence[bytes]:
    if rows is None:
        with suppress(TypeError):  # one has no text
            run.size.add(sum(map(len, texts)))  # type: ignore[arg-type] # mostly all have
            return texts  # type: ignore[return-value] # as all have
    return [_node(text, part, rows[at] if rows else None, run, [*keys, at]) for at, text in enumerate(texts)]


def _node(text: Text, part: Nodes, row: Row | None, run: Run, keys: Keys) -> bytes:
    fields = part.serializers[row.source].resolved if row else ()
    return text_in_place(text, fields, row.outcomes if row else None, run, part.positions, keys)


def _rows(records: PageRecords | None) -> list[Row]:
    if records is None:
        return []
    return [Row(source, records.record(place)) for place, source in enumerate(records.sources)]


def _keys(keys: Keys, at: tuple[str, ...]) -> Any:
    return lambda index: [*keys, at[0], index, *at[1:]]


def _value(read: Any, *arguments: Any) -> Any:
    try:
        return read(*arguments)
    except Exception as error:
        return error


def _resolved(part: Resolved | Executed, value: Any, run: Run, keys: Keys) -> bytes:
    if isinstance(value, Exception):
        raise_if_not_compiled(value)
        run.failures.append(Failure(value, keys, part.positions))
        value = None
    if isinstance(part, Executed):
        text = part.executed.text(value, run, keys)
    else:
        text = msgspec.json.encode(part.serializer.complete(value, run.size, None))
    run.size.add(len(text))
    return text


def _object(texts: list[tuple[str, bytes]], run: Run) -> bytes:
    run.size.add(sum([len(key) + 4 for key, _ in texts]) + 1)
    pieces: list[bytes] = []
    before = b"{"
    for key, text in texts:
        pieces += (b'%b"%b":' % (before, key.encode()), text)
        before = b","
    return b"".join([*pieces, b"}"]) if pieces else b"{}"  # what may be long is copied once


def _list(texts: Sequence[bytes]) -> bytes:
    if len(texts) < 2:
        return b"[%b]" % b"".join(texts)
    return b",".join([b"[" + texts[0], *texts[1:-1], texts[-1] + b"]"])
