"""`resolvers.fetching.diagnostics`: what an operator is told of outcomes, once each."""

from dataclasses import dataclass

from resolvers.errors import UpstreamBadResponse, UpstreamRateLimited
from resolvers.fetching.diagnostics import SUSPICIOUSLY_MANY, Diagnostics
from resolvers.telemetry import Event, FetchFailed, NothingFound, UnknownCode


@dataclass(frozen=True)
class Coded:
    """A record with codes that nobody documents."""

    codes: tuple[tuple[str, str], ...] = ()

    def unknown_codes(self) -> list[tuple[str, str]]:
        return list(self.codes)


def diagnostics() -> tuple[Diagnostics, list[Event]]:
    events: list[Event] = []
    return Diagnostics("toy", events.append), events


def test_a_source_that_never_has_a_record_is_reported_once() -> None:
    those, events = diagnostics()
    for _ in range(2 * SUSPICIOUSLY_MANY):
        those.on_record(None)
    assert events == [NothingFound("toy", SUSPICIOUSLY_MANY)]


def test_a_source_that_has_had_one_may_lack_others() -> None:
    those, events = diagnostics()
    those.on_record(Coded())
    for _ in range(SUSPICIOUSLY_MANY):
        those.on_record(None)
    assert events == []


def test_each_unknown_code_is_reported_once() -> None:
    those, events = diagnostics()
    for _ in range(2):
        those.on_record(Coded((("type", "biennial"), ("status", "4"))))
    assert events == [UnknownCode("toy", "type", "biennial"), UnknownCode("toy", "status", "4")]


def test_an_unusable_reply_is_reported_unless_its_exchange_was_and_a_ration_never_is() -> None:
    those, events = diagnostics()
    error = UpstreamBadResponse("toy", detail="not a record")
    those.on_error(error)
    those.on_error(error)
    those.on_error(UpstreamRateLimited("toy"))
    assert events == [FetchFailed("toy", "UPSTREAM_BAD_RESPONSE", "not a record")]
