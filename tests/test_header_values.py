"""Lists in headers, with the examples of RFC 9110 where it has some."""

import pytest

from httpserver.request import Headers
from web.header_values import cache_directives, members, names_etag, takes_coding, with_parameters


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        # RFC 9110, 5.6.1.2
        ("foo,bar", ["foo", "bar"]),
        ("foo ,bar,", ["foo", "bar"]),
        ("foo , ,bar,charlie", ["foo", "bar", "charlie"]),
        ("", []),
        (",", []),
        (",   ,", []),
        # RFC 9110, 5.5: a quoted string
        ('"a, b", c', ['"a, b"', "c"]),
        ('"a \\", b", c', ['"a \\", b"', "c"]),
        ('x="\\\\", c', ['x="\\\\"', "c"]),
        ('a, "never closed, c', ["a", '"never closed, c']),
        ("\tA ,\tB\t", ["a", "b"]),
    ],
)
def test_members_of_a_list(value: str, expected: list[str]) -> None:
    assert members(value) == expected


@pytest.mark.parametrize(
    ("member", "expected"),
    [
        # RFC 9110, 8.3.1
        ("text/html;charset=utf-8", ("text/html", {"charset": "utf-8"})),
        ('text/html; charset="utf-8"', ("text/html", {"charset": "utf-8"})),
        ("text/html ; a=1 ;; b = 2;", ("text/html", {"a": "1", "b ": " 2"})),
        ('x;a="b;c=d\\"e";f', ("x", {"a": 'b;c=d"e', "f": ""})),
        ("", ("", {})),
    ],
)
def test_parameters_of_a_member(member: str, expected: tuple[str, dict[str, str]]) -> None:
    assert with_parameters(member) == expected


@pytest.mark.parametrize("value", ['"' * 50_000, "\\" * 50_000, '"\\' * 25_000, '",' * 25_000, ";" * 50_000])
def test_no_value_takes_long_to_read(value: str) -> None:
    """Quadratic work on as many characters would take minutes."""
    for member in members(value):
        with_parameters(member)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], set()),
        (["no-cache"], {"no-cache"}),
        (["Max-Age=0, NO-CACHE"], {"max-age", "no-cache"}),
        (["max-age=0", "no-store"], {"max-age", "no-store"}),
        (['private="no-cache, no-store"'], {"private"}),
        (["x-no-cache, no-cachet"], {"x-no-cache", "no-cachet"}),
    ],
)
def test_directives_of_caches(lines: list[str], expected: set[str]) -> None:
    assert cache_directives(Headers([(b"cache-control", line.encode()) for line in lines])) == expected


@pytest.mark.parametrize(
    ("if_none_match", "known"),
    [('"a"', True), ('W/"a"', True), ('"b", "a"', True), ("*", True), ("", False), ('"b"', False), ("a", False)],
)
def test_an_entity_tag_that_the_client_has(if_none_match: str, known: bool) -> None:
    assert names_etag(if_none_match, '"a"') is known


@pytest.mark.parametrize(
    ("accept_encoding", "takes"),
    [
        ("gzip", True),
        ("br, GZIP;q=0.5", True),
        ("", False),
        ("br", False),
        ("gzip;q=0", False),
        ("gzip; q=0.000, identity", False),
        ("gzip;q=much", False),
        ("not-gzip", False),
    ],
)
def test_a_coding_that_the_client_takes(accept_encoding: str, takes: bool) -> None:
    assert takes_coding(accept_encoding, "gzip") is takes
