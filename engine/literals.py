"""The parameters of a document's text: its string literals, the name of its operation, and its aliases.

A client that writes `{ opportunity(id: "...") { status } }` sends a new text for each id, and some clients give each
operation a name of its own. Without ids and name the text is the same each time. This template identifies the
document, and the ids are read as if they were variables.

In a text without comments, block strings and escapes the first quotation mark of a line opens a string literal and
the next one closes it (GraphQL specification, 2.9.4). A name follows the keyword `query` at the start of the text.
In a text without literals and comments, a name with a colon behind it is an alias (2.7), unless it stands in
parentheses, where it is the name of an argument or a field of an object. `engine/slots.py` compares what is found here
with the syntax tree of the first text.
"""

import re
from typing import NamedTuple

from engine.aliases import MOST, SHORTEST, numbered

_ALIAS = re.compile(rf"\([^()]*+\)|(?<![$\w])([A-Za-z_]\w{{{SHORTEST - 1},}}+)(?=[\s,]*+:)", re.ASCII)
_NAME = re.compile(r"[ \t\r\n,]*query[ \t\r\n,]+([A-Za-z_][A-Za-z_0-9]*)")


class Parameterised(NamedTuple):
    """A text without its parameters, and these: the string literals in order, the aliases, the operation's name.

    `name` is None where it is no parameter. `key` is what texts have in common that differ in their parameters alone:
    the template, which is never parsed, the number of parameters, and whether the name is one. The template tells which
    aliases are equal, and `aliases` has each as often as the text.
    """

    key: tuple[str, int, bool]
    parameters: list[str]
    name: str | None = None
    aliases: tuple[str, ...] = ()


def parameterisations(text: str, *, with_aliases: bool = False) -> list[Parameterised]:
    """Return the ways to take parameters out of a text, the one with most parameters first.

    Either all of them have aliases among the parameters, or none has.
    """
    parts = _without_literals(text) if '"' in text else None
    if with_aliases:
        parts = _without_aliases(text, parts)
    if (named := _NAME.match(text)) is None:
        return [] if parts is None else [parts]
    name = named[1]
    start, end = named.span(1)
    found = []
    if parts is not None:
        template, parameters = parts.key[0], [*parts.parameters, name]
        template = template[:start] + template[end:]  # no other parameter stands before the name
        found = [Parameterised((template, len(parameters), True), parameters, name, parts.aliases), parts]
    if not with_aliases:
        found.append(Parameterised((text[:start] + text[end:], 1, True), [name], name))
    return found


def _without_literals(text: str) -> Parameterised | None:
    """Return a text without its string literals; None if it has none, or any that ids do not look like."""
    parts = text.split('"')
    if len(parts) < 3 or len(parts) % 2 == 0 or "#" in text or "\\" in text or '"""' in text:
        return None
    literals = parts[1::2]
    together = "".join(literals)
    if not together.isascii() or (together and not together.isprintable()):  # line breaks end a literal
        return None
    return Parameterised(('""'.join(parts[::2]), len(literals), False), literals)


def _without_aliases(text: str, literals: Parameterised | None) -> Parameterised | None:
    """Return the text without its aliases, too; None if it has none, or it is not clear what is one."""
    if literals is None and ('"' in text or "#" in text):
        return None
    template, parameters = (text, []) if literals is None else (literals.key[0], literals.parameters)
    numbers: dict[str, int] = {}
    aliases: list[str] = []

    def number(found: re.Match[str]) -> str:
        alias = found[1]
        if alias is None:  # what is in parentheses
            return found[0]
        aliases.append(alias)
        return numbered(numbers.setdefault(alias, len(numbers)))

    template = _ALIAS.sub(number, template)
    if not aliases or len(numbers) > MOST:
        return None
    both = [*parameters, *aliases]
    return Parameterised((template, len(both), False), both, None, tuple(aliases))
