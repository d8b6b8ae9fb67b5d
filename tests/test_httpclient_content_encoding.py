"""`httpclient.content_encoding`: what was compressed comes out as it was, and never more of it than allowed."""

import gzip
import zlib

import pytest

from httpclient.content_encoding import BodyTooLarge, decompressed
from httpclient.response import Headers

BODY = b'{"uuid":"1"}' * 100


def listed(encoding: str) -> list[str]:
    return Headers([(b"content-encoding", encoding.encode())]).listed("Content-Encoding")


def bare_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(body) + packer.flush()


@pytest.mark.parametrize(
    ("encoding", "sent"),
    [
        ("gzip", gzip.compress(BODY)),
        ("x-gzip", gzip.compress(BODY)),
        ("gzip", gzip.compress(BODY[:500]) + gzip.compress(b"") + gzip.compress(BODY[500:])),
        ("deflate", zlib.compress(BODY)),
        ("deflate", bare_deflate(BODY)),
        ("", BODY),
    ],
    ids=["gzip", "x-gzip", "gzip in members", "deflate", "bare deflate", "none"],
)
def test_a_body_comes_out_as_it_was(encoding: str, sent: bytes) -> None:
    assert decompressed(sent, listed(encoding), len(BODY)) == (BODY, True)


@pytest.mark.parametrize(
    ("encoding", "sent"),
    [
        ("gzip", gzip.compress(BODY) + bytes(1)),
        ("gzip", gzip.compress(BODY[:500]) + gzip.compress(BODY[500:]) + bytes(512)),
        ("deflate", zlib.compress(BODY) + bytes(4)),
        ("identity", BODY),
        ("none", BODY),
        ("utf-8", BODY),
        ("iso-8859-1", BODY),
        ("gzip, identity", gzip.compress(BODY)),
        ("utf-8, gzip", gzip.compress(BODY)),
    ],
    ids=[
        "a zero",
        "zeros behind members",
        "zeros behind deflate",
        *"identity none utf-8 latin-1 one-of-two and".split(),
    ],
)
def test_a_body_that_is_oddly_encoded_comes_out_and_is_told_as_such(encoding: str, sent: bytes) -> None:
    """`gzip -d` and curl skip zeros behind the last member; aiohttp and curl read bodies with names of no coding."""
    assert decompressed(sent, listed(encoding), len(BODY)) == (BODY, False)


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_an_empty_body_is_empty_whatever_it_is_called(encoding: str) -> None:
    assert decompressed(b"", [encoding], 10)[0] == b""


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress, bare_deflate])
def test_no_more_than_allowed_is_made_of_it(pack: object) -> None:
    assert callable(pack)
    encoding = "gzip" if pack is gzip.compress else "deflate"
    with pytest.raises(BodyTooLarge):
        decompressed(pack(BODY), [encoding], len(BODY) - 1)


def test_members_together_make_no_more_than_allowed() -> None:
    members = gzip.compress(BODY[:500]) + gzip.compress(BODY[500:])
    with pytest.raises(BodyTooLarge):
        decompressed(members, ["gzip"], len(BODY) - 1)


@pytest.mark.parametrize(
    ("encoding", "sent"),
    [
        ("gzip", b"not compressed"),
        ("gzip", gzip.compress(BODY)[:-1]),
        ("gzip", gzip.compress(BODY) + b"more"),
        ("gzip", gzip.compress(BODY) + bytes(8) + b"more"),
        ("zstd", BODY),
        ("identity, br", BODY),
        ("gzip", gzip.compress(BODY) + gzip.compress(BODY)[:-1]),
        ("gzip", gzip.compress(BODY) + gzip.compress(b"") * 64),
        ("deflate", zlib.compress(BODY) + zlib.compress(BODY)),
        ("deflate", b"\xff\xff\xff"),
        ("br", BODY),
        ("gzip, gzip", gzip.compress(gzip.compress(BODY))),
    ],
    ids=[
        "no gzip",
        "a part",
        "more",
        "more behind zeros",
        "zstd",
        "one of two",
        "a part of a member",
        "empty members",
        "deflate in members",
        "no deflate",
        "another encoding",
        "twice",
    ],
)
def test_what_cannot_be_decompressed_as_a_whole_is_refused_without_its_content(encoding: str, sent: bytes) -> None:
    with pytest.raises(ValueError, match="encod") as refused:
        decompressed(sent, listed(encoding), 10_000)
    assert "uuid" not in str(refused.value)
    assert "not compressed" not in str(refused.value)
