"""Files of a table, one row after the other: CSV for spreadsheets, newline-delimited JSON for programs.

CSV is that of RFC 4180 in UTF-8, with the byte order mark without which Excel takes it for another encoding. Null is an
empty cell. A spreadsheet calculates what looks like a formula, whoever wrote it; a text that begins like one, but for
spaces, gets an apostrophe before it (OWASP, CSV injection), also behind a semicolon, tab or line break within it: where
decimals have a comma, spreadsheets take these for the end of a cell. Plain numbers stay as they are. Control characters
are no text in RFC 4180, and readers stop at them or take no such file: U+FFFD stands in their place.

What is no text is as JSON has it in both: `true`, `2.5`, and in a cell of CSV the JSON of a list or an object, where
what looks like a formula behind a semicolon is escaped.
"""

import csv
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from io import StringIO
from typing import Any, Final

from httpserver.response import dumps
from web.line_ends import one_line

Value = str | int | float | bool | list[Any] | dict[str, Any] | None
Rows = Iterable[Sequence[Value]]

BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"

_SPACES: Final = r"[^\S\t\r\n]*"
"""Which some spreadsheets leave out: LibreOffice where it is told to trim."""
_FORMULA: Final = re.compile(
    rf"^(?={_SPACES}[=+\-@＝＋－＠]|[\t\r\n])|(?<=[;\t\r\n])(?={_SPACES}[=+\-@＝＋－＠])"  # noqa: RUF001 - full width
)
_CONTROLS: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_FORMULA_IN_JSON: Final = re.compile(rf"(?<=;)({_SPACES})([=+\-@＝＋－＠])")  # noqa: RUF001 - as above
_NUMBER: Final = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class FileFormat:
    """A format: `header` makes the beginning of a file of its columns' names, `rows` what follows, piece by piece."""

    ending: str
    media_type: str
    content_type: str
    header: Callable[[Sequence[str]], bytes]
    rows: Callable[[Sequence[str], Rows], bytes]


def _csv_header(names: Sequence[str]) -> bytes:
    return BYTE_ORDER_MARK + _csv_rows(names, [names])


def _csv_rows(_names: Sequence[str], rows: Rows) -> bytes:
    text = StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows([[_cell(value) for value in row] for row in rows])
    return _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", text.getvalue()).encode("utf-8", "replace")


def _cell(value: Value) -> str | int | None:
    if isinstance(value, str):
        return value if _NUMBER.fullmatch(value) else _FORMULA.sub("'", value)
    if value is None or type(value) is int:
        return value
    return _FORMULA_IN_JSON.sub(_escaped, dumps(value).decode())


def _escaped(found: re.Match[str]) -> str:
    """Return a sign as JSON may have it, too; it has semicolons in texts alone, and escapes the other separators."""
    return f"{found[1]}\\u{ord(found[2]):04x}"


def _json_rows(names: Sequence[str], rows: Rows) -> bytes:
    lines = [dumps(dict(zip(names, row, strict=True))) for row in rows]
    return one_line(b"".join([line + b"\n" for line in lines]))


CSV: Final = FileFormat("csv", "text/csv", "text/csv; charset=utf-8; header=present", _csv_header, _csv_rows)

NDJSON: Final = FileFormat(
    "ndjson", "application/x-ndjson", "application/x-ndjson; charset=utf-8", lambda _: b"", _json_rows
)
"""An object a line, with all columns by their names."""
