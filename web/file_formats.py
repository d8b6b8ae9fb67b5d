"""Files of a table, one row after the other: CSV for spreadsheets, newline-delimited JSON for programs.

CSV is that of RFC 4180 in UTF-8, with the byte order mark without which Excel takes it for another encoding. Null is an
empty cell. A spreadsheet calculates what looks like a formula, whoever wrote it; a text that begins like one, but for
spaces, gets an apostrophe before it (OWASP, CSV injection), also behind a semicolon, tab or line break within it: where
decimals have a comma, spreadsheets take these for the end of a cell. Plain numbers stay as they are.
"""

import csv
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from io import StringIO
from typing import Final

import orjson

Value = str | int | bool | None
Rows = Iterable[Sequence[Value]]

BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"

_SPACES: Final = r"[^\S\t\r\n]*"
"""Which some spreadsheets leave out: LibreOffice where it is told to trim."""
_FORMULA: Final = re.compile(
    rf"^(?={_SPACES}[=+\-@＝＋－＠]|[\t\r\n])|(?<=[;\t\r\n])(?={_SPACES}[=+\-@＝＋－＠])"  # noqa: RUF001 - full width
)
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
    return text.getvalue().encode("utf-8", "replace")


def _cell(value: Value) -> Value:
    if not isinstance(value, str) or _NUMBER.fullmatch(value):
        return value
    return _FORMULA.sub("'", value)


def _json_rows(names: Sequence[str], rows: Rows) -> bytes:
    lines = (dict(zip(names, row, strict=True)) for row in rows)
    return b"".join([orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE) for line in lines])


CSV: Final = FileFormat("csv", "text/csv", "text/csv; charset=utf-8; header=present", _csv_header, _csv_rows)

NDJSON: Final = FileFormat(
    "ndjson", "application/x-ndjson", "application/x-ndjson; charset=utf-8", lambda _: b"", _json_rows
)
"""An object a line, with all columns by their names."""
