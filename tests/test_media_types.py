import pytest

from web.media_types import RESPONSE_JSON, media_type, wants_page
from web.parameters import JSON
from web.problems import HTTPProblem


@pytest.mark.parametrize(
    ("accepted", "expected"),
    [
        ("*/*", JSON),
        ("application/*", JSON),
        (f"{RESPONSE_JSON}, {JSON};q=0.9", RESPONSE_JSON),
        (f"{RESPONSE_JSON}, {JSON}", RESPONSE_JSON),
        (f"{JSON}, {RESPONSE_JSON};q=0.5", JSON),
        (f"{RESPONSE_JSON}; charset=utf-8", RESPONSE_JSON),
    ],
)
def test_the_better_of_what_the_client_takes(accepted: str, expected: str) -> None:
    assert media_type(accepted) == expected


@pytest.mark.parametrize(
    "accepted", ["text/plain", "", f"{JSON};q=0", f"{JSON};q=x", f"{JSON};q=nan", "\x00", "," * 99]
)
def test_what_cannot_be_served_is_406(accepted: str) -> None:
    with pytest.raises(HTTPProblem) as problem:
        media_type(accepted)
    assert problem.value.status == 406


def test_a_browser_is_told_from_a_program() -> None:
    assert wants_page("text/html,application/xhtml+xml,*/*;q=0.8")
    assert not wants_page("application/json, text/html")
    assert not wants_page("*/*")
