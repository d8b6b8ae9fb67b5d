"""Aliases as parameters of a document: what a compiled operation has in their place, and how the answer gets them back.

A client that makes aliases of ids sends a new text for each set of them. A response key only has to be the same where
fields are to be merged, and another where they are not (GraphQL specification, 5.3.2). So the operation is compiled
with numbers as aliases, equal ones for equal aliases, and each text's own ones are written into its answer.

A numbered alias begins with a character that no GraphQL name has. JSON that was not written here must not hold one as
a key, or it would be taken for it: `checked` sees to that.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from graphql import DocumentNode, FieldNode, InlineFragmentNode, Location, NameNode, SelectionSetNode, Visitor, visit
from orjson import Fragment

from engine.answer import AnswerSize
from engine.fallbacks import NotCompiled, Reason

MARK = "\x7f"
SHORTEST = 4
"""Characters of an alias that may be a parameter: those of the longest number, so that no answer gets shorter by the
real ones, and none is refused for being too long that is not."""
MOST = 1_000
"""Different aliases of one text that may be parameters."""

_KEY = re.compile(rb'"\x7f([0-9]+)":')
"""A quotation mark within a string is escaped, so nothing but a key has one on either side and a colon behind it."""


def numbered(number: int) -> str:
    """Return what stands for the alias with this number."""
    return f"{MARK}{number}"


def is_numbered(key: str) -> bool:
    """Return whether a response key stands for an alias."""
    return key.startswith(MARK)


def alias_nodes(tree: DocumentNode) -> list[NameNode]:
    """Return the aliases of a document that are long enough to be parameters, in the text's order."""
    found = [one.alias for one in _fields(tree) if one.alias and len(one.alias.value) >= SHORTEST]
    return sorted(found, key=lambda node: node.loc.start if node.loc else 0)


def fixed_names(tree: DocumentNode) -> frozenset[str]:
    """Return the response keys of a document that are no parameters: no alias may become one of them."""
    keys = [(one.alias or one.name).value for one in _fields(tree) if not one.alias or len(one.alias.value) < SHORTEST]
    return frozenset(keys)


def with_numbers(tree: DocumentNode) -> DocumentNode:
    """Return a document with numbers in the places of its aliases."""
    numbers: dict[str, int] = {}
    nodes = [replace(node, value=numbered(numbers.setdefault(node.value, len(numbers)))) for node in alias_nodes(tree)]
    return visit(tree, _Numbering({node.loc: node for node in nodes}))  # type: ignore[no-any-return] # what is visited is a document, and so is what comes of it


class _Numbering(Visitor):
    """Puts aliases by their places into a document."""

    def __init__(self, by_place: Mapping[Location | None, NameNode]) -> None:
        super().__init__()
        self._by_place = by_place

    def leave_field(self, node: FieldNode, *_: Any) -> FieldNode | None:
        """Return a field with the alias that it is to have; None to leave it."""
        alias = self._by_place.get(node.alias.loc) if node.alias else None
        return replace(node, alias=alias) if alias else None


def checked(text: bytes) -> bytes:
    """Return JSON of values that a source or a resolver has made; raises `NotCompiled` if it could be misread."""
    if _KEY.search(text) is not None:
        raise NotCompiled(Reason.VALUE)
    return text


class Aliases:
    """The aliases of one text by their numbers."""

    def __init__(self, aliases: Sequence[str]) -> None:
        """`aliases` are in the text's order, each as often as it is there."""
        self._by_number = list(dict.fromkeys(aliases))
        self._keys = [b'"%b":' % alias.encode() for alias in self._by_number]

    def key(self, key: str) -> str:
        """Return a response key as the text has it."""
        return self._by_number[int(key[1:])] if is_numbered(key) else key

    def path(self, path: Sequence[str | int]) -> list[str | int]:
        """Return a place in the answer as the text has it."""
        return [self.key(one) if isinstance(one, str) else one for one in path]

    def data(self, completed: Mapping[str, Any], size: AnswerSize) -> dict[str, Any]:
        """Return a response's data of completed root fields: their JSON, or what is encoded as it is.

        Raises `LimitExceeded`.
        """
        data = {}
        for key, one in completed.items():
            real = self.key(key)
            size.add(len(real) - len(key))
            data[real] = Fragment(self._json(one, size)) if type(one) is bytes else one
        return data

    def _json(self, text: bytes, size: AnswerSize) -> bytes:
        pieces = _KEY.split(text)  # between the keys, and the number of each
        pieces[1::2] = [self._keys[int(number)] for number in pieces[1::2]]
        size.add(sum(map(len, pieces)) - len(text))  # before the text is made: aliases may be as long as documents
        return b"".join(pieces)


NO_ALIASES = Aliases(())


def _fields(tree: DocumentNode) -> Iterator[FieldNode]:
    waiting: list[SelectionSetNode] = [
        one.selection_set for one in tree.definitions if hasattr(one, "selection_set") and one.selection_set
    ]
    while waiting:
        for node in waiting.pop().selections:
            if isinstance(node, FieldNode):
                yield node
            if isinstance(node, FieldNode | InlineFragmentNode) and node.selection_set:
                waiting.append(node.selection_set)
