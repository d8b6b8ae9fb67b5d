"""`httpserver.request`: the head of a request, and what the request asks."""

from httpserver.request import EXTENSION, Headers

HEAD = Headers([(b"host", b"first"), (b"accept", b""), (b"host", b"second")])


def test_of_several_headers_with_one_name_the_first_counts_and_all_can_be_seen() -> None:
    assert HEAD.get(b"host") == b"first"
    assert HEAD.all(b"host") == [b"first", b"second"]
    assert HEAD.fields[-1] == (b"host", b"second")


def test_an_empty_header_is_there_and_one_that_is_missing_is_not() -> None:
    assert b"accept" in HEAD
    assert HEAD.get(b"accept", b"other") == b""
    assert b"cookie" not in HEAD
    assert HEAD.get(b"cookie", b"other") == b"other"
    assert HEAD.all(b"cookie") == []


def test_what_is_made_of_a_head_is_made_once_but_tried_again_where_it_failed() -> None:
    calls = []

    def work(head: Headers) -> bytes:
        calls.append(head)
        if len(calls) == 1:
            raise ZeroDivisionError
        return head.get(b"host")

    head = Headers([(b"host", b"first")])
    for _ in range(3):
        try:
            assert head.memoized(work) == b"first"
        except ZeroDivisionError:
            assert len(calls) == 1
    assert calls == [head, head]
    assert Headers([(b"host", b"other")]).memoized(work) == b"other"


def test_a_list_in_several_lines_is_one_and_one_that_is_missing_is_empty() -> None:
    """RFC 9110, 5.3."""
    assert HEAD.combined(b"host") == b"first, second"
    assert HEAD.combined(b"accept") == b""
    assert HEAD.combined(b"cookie") == b""


def test_headers_that_a_middleware_changed_are_those_of_the_request() -> None:
    scope = {
        "headers": [*HEAD.fields, (b"x-added", b"1")],
        "extensions": {EXTENSION: {"headers": HEAD, "is_whole": True}},
    }
    assert Headers.from_scope({**scope, "headers": list(HEAD.fields)}) is HEAD
    assert Headers.from_scope(scope).get(b"x-added") == b"1"
