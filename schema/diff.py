"""Compares the printed schema with that of another revision: `python -m schema.diff REVISION`.

Breaking is what makes a query, or a composition with other subgraphs, fail that worked before; dangerous is what may
surprise a client that works on. Status 0: nothing breaking; 1: something is; 2: there is nothing to compare with.
"""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from graphql import (
    BreakingChange,
    DangerousChange,
    DirectiveNode,
    GraphQLSchema,
    build_schema,
    find_schema_changes,
    print_ast,
)

from schema.export import FILE


@dataclass(frozen=True, slots=True)
class Changes:
    """What changed for those who use the graph, a sentence for each."""

    breaking: list[str]
    dangerous: list[str]


def changes(old: str, new: str) -> Changes:
    """Return the changes from one schema to another, both as printed."""
    before, after = build_schema(old, assume_valid=True), build_schema(new, assume_valid=True)
    found = find_schema_changes(before, after)
    return Changes(
        breaking=[
            *(change.description for change in found if isinstance(change, BreakingChange)),
            *_lost_promises(before, after),
        ],
        dangerous=[
            *(change.description for change in found if isinstance(change, DangerousChange)),
            *_new_imports(before, after),
        ],
    )


def _lost_promises(before: GraphQLSchema, after: GraphQLSchema) -> Iterator[str]:
    # To graphql-core a directive on a type means nothing. To other subgraphs a key is the way in, and `@shareable` the
    # leave to define the same type.
    for name, type_ in before.type_map.items():
        if name in after.type_map:
            kept = set(_promises(after, name))
            for promise in _promises(before, name):
                if promise not in kept:
                    yield f"{type_} has no {promise} any more."


def _promises(schema: GraphQLSchema, name: str) -> Iterator[str]:
    node = schema.type_map[name].ast_node
    for directive in node.directives or () if node else ():
        if directive.name.value in ("key", "shareable"):
            yield print_ast(directive)


def _new_imports(before: GraphQLSchema, after: GraphQLSchema) -> Iterator[str]:
    old, new = (set(map(print_ast, _links(schema))) for schema in (before, after))
    for link in sorted(new - old):
        yield f"The schema has a new {link}: every composer in use must know this version."


def _links(schema: GraphQLSchema) -> Iterator[DirectiveNode]:
    for node in (schema.ast_node, *schema.extension_ast_nodes):
        yield from (one for one in (node.directives or () if node else ()) if one.name.value == "link")


class NothingToCompareWith(Exception):
    """The revision is unknown, or has no printed schema; the text says which."""


def printed_at(revision: str) -> str:
    """Return `schema.graphql` as it was; raises `NothingToCompareWith`."""
    if _git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}") is None:
        raise NothingToCompareWith(f"{revision!r} is not a revision of this repository.")
    text = _git("show", f"{revision}:./{FILE.name}")
    if text is None:
        raise NothingToCompareWith(f"There is no {FILE.name} in revision {revision!r}.")
    return text


def _git(*arguments: str) -> str | None:
    done = subprocess.run(  # noqa: S603 - no shell; the revision cannot be taken for an option
        ["git", *arguments],  # noqa: S607 - the developer's own git
        cwd=FILE.parent,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    return done.stdout if done.returncode == 0 else None


def main(arguments: list[str]) -> int:
    """Print the changes since a revision; return the exit status."""
    if len(arguments) != 1 or not arguments[0]:
        print("Name the revision to compare with: make schema-diff BASE=main", file=sys.stderr)
        return 2
    (revision,) = arguments
    try:
        found = changes(printed_at(revision), FILE.read_text(encoding="utf-8"))
    except NothingToCompareWith as problem:
        print(problem, file=sys.stderr)
        return 2
    for kind, sentences in (("Breaking", found.breaking), ("Dangerous", found.dangerous)):
        for sentence in sentences:
            print(f"{kind}: {sentence}")
    if not found.breaking and not found.dangerous:
        print(f"No breaking and no dangerous change since {revision}.")
    return 1 if found.breaking else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
