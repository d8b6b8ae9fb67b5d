"""`resolvers.rows`: a long page is split a piece at a time, to the same rows as at once, whatever is in it."""

import json
import random
from itertools import product
from typing import Any

import pytest

from resolvers import rows
from resolvers.errors import UpstreamBadResponse
from resolvers.rows import split, split_in_slices

ROWS = [{"Id": n, "Notes": 'a},{b [é] \\ " ', "Deep": [{"x": 1}, {"y": [2, {}]}, []]} for n in range(40)]
PAGE = {"Total": 40, "Records": ROWS, "More": False}
TEXT = json.dumps(PAGE, ensure_ascii=False).encode()
BESIDE = ("Total", "More", "Left")


def alike(text: bytes) -> list[bytes]:
    """Texts much like this one."""
    chance = random.Random(5)
    found = []
    for _ in range(300):
        at, kind = chance.randrange(len(text)), chance.randrange(3)
        piece = chance.choice([b"[", b"]", b"{", b"}", b",", b'"', b"},{", b'"Records":[', b"\xff", b"\\ud83d", b" "])
        found.append(text[:at] + (b"" if kind == 0 else piece) + text[at + (kind == 1) :])
    return found


WHOLE = [
    TEXT,
    json.dumps(PAGE, indent=3).encode(),
    b"\xef\xbb\xbf" + TEXT,
    json.dumps({"x": {"Records": ROWS}, "Records": ROWS[:3]}).encode(),
    json.dumps({"Records": ROWS, "Others": ROWS}).encode(),
    json.dumps({'x"Records': ROWS, "Records": ROWS[5:]}).encode(),
    b'{"R\\u0065cords":[],"y":' + TEXT + b"}",
    b'{"R\\u0065cords":[%s],"y":' % rows._OTHER + TEXT + b"}",
    b'{"Records":[1,2],' + TEXT[1:],
    json.dumps({"Records": [], "Total": 1}).encode(),
    json.dumps({"Records": [1, [2, {}], "}, {"]}).encode(),
]
BROKEN = [TEXT.replace(b"[{", b"[,{", 1), TEXT.replace(b'},{"Id": 7', b'},,{"Id": 7'), b"[1]", b"", b'{"Records":null}']


async def outcome(text: bytes, *, in_slices: bool) -> Any:
    try:
        if in_slices:
            return await split_in_slices("nexudus", text, "Records", BESIDE)
        return split("nexudus", text, "Records", BESIDE)
    except UpstreamBadResponse as error:
        return str(error)


@pytest.mark.parametrize("piece_bytes", [1, 50, 1_000])
async def test_a_page_in_pieces_has_the_rows_that_it_has_as_a_whole(
    piece_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "PIECE_BYTES", piece_bytes)
    for text in [*WHOLE, *BROKEN, *alike(TEXT)]:
        assert await outcome(text, in_slices=True) == await outcome(text, in_slices=False), text


async def test_no_piece_of_a_usual_page_is_long(monkeypatch: pytest.MonkeyPatch) -> None:
    longest: list[int] = []
    decode = rows.decode

    def noted(source: str, how: Any, text: bytes) -> Any:
        longest.append(len(text))
        return decode(source, how, text)

    monkeypatch.setattr(rows, "decode", noted)
    monkeypatch.setattr(rows, "PIECE_BYTES", 1_000)
    for separator, indent in product([",", ", "], [None, 1]):
        longest.clear()
        text = json.dumps(PAGE, separators=(separator, ":"), indent=indent).encode()
        _, found = await split_in_slices("nexudus", text, "Records", BESIDE)
        assert [json.loads(row) for row in found] == ROWS
        assert max(longest) < 1_000 + 2 * len(text) / len(ROWS)
