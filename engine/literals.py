"""The parameters of a document's text: its string literals, and the name of its operation.

A client that writes `{ opportunity(id: "...") { status } }` sends a new text for each id, and some clients give each
operation a name of its own. Without ids and name the text is the same each time. This template identifies the
document, and the ids are read as if they were variables.

In a text without comments, block strings and escapes the first quotation mark of a line opens a string literal and
the next one closes it (GraphQL specification, 2.9.4). A name follows the keyword `query` at the start of the text.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

_NAME = re.compile(r"[ \t\r\n,]*query[ \t\r\n,]+([A-Za-z_][A-Za-z_0-9]*)")


class Parameterised(NamedTuple):
    """A text without its parameters, and these: the string literals in order, then the operation's name.

    `name` is None where it is no parameter. The template is part of a key, and never parsed.
    """

    template: str
    parameters: list[str]
    name: str | None = None

    @property
    def key(self) -> tuple[str, int, bool]:
        """What texts have in common that differ in their parameters alone."""
        return self.template, len(self.parameters), self.name is not None


def parameterisations(text: str) -> Iterator[Parameterised]:
    """Yield the ways to take parameters out of a text, the one with most parameters first."""
    literals = _without_literals(text)
    if (named := _NAME.match(text)) is not None:
        name = named[1]
        start, end = named.span(1)
        if literals is not None:
            template = literals.template[:start] + literals.template[end:]  # no literal stands before the name
            yield Parameterised(template, [*literals.parameters, name], name)
            yield literals
        yield Parameterised(text[:start] + text[end:], [name], name)
    elif literals is not None:
        yield literals


def _without_literals(text: str) -> Parameterised | None:
    """Return a text without its string literals; None if it has none, or any that ids do not look like."""
    parts = text.split('"')
    if len(parts) < 3 or len(parts) % 2 == 0 or "#" in text or "\\" in text or '"""' in text:
        return None
    literals = parts[1::2]
    together = "".join(literals)
    if not together.isascii() or (together and not together.isprintable()):  # line breaks end a literal
        return None
    return Parameterised('""'.join(parts[::2]), literals)
