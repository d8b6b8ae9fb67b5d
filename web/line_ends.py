"""Where programs that read a stream line by line find the end of a line: more of them than the formats say.

Events and newline-delimited JSON end their lines by a line feed, and JSON escapes that and every other control
character of ASCII. But Python's `str.splitlines`, and with it HTTP clients that give a response line by line, end one
at three more characters, in the middle of a text in which they stand as they are.
"""

from typing import Final

_ESCAPED: Final = {
    character.encode(): f"\\u{ord(character):04x}".encode()
    for character in ("\N{NEXT LINE}", "\N{LINE SEPARATOR}", "\N{PARAGRAPH SEPARATOR}")
}


def one_line(json: bytes) -> bytes:
    """Return the same JSON, in UTF-8, with these characters escaped: outside of a text it has none."""
    for character, escaped in _ESCAPED.items():
        json = json.replace(character, escaped)
    return json
