"""`resolvers.fetching.record_store`: copies in place of errors."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from resolvers.errors import UpstreamError, UpstreamForbidden, UpstreamUnavailable
from resolvers.fetching.record_store import LOOKUP_TIMEOUT_SECONDS, instead_of_failures
from resolvers.fetching.upstream_context import Stale, UpstreamContext
from resolvers.source import Outcome
from tests import loops

LOOPS = loops.WITH_ITS_OWN_TIME
DOWN = UpstreamUnavailable("nexudus")


class Copies:
    def __init__(
        self, copies: Mapping[str, tuple[Any, float]], *, seconds: float = 0.0, is_broken: bool = False
    ) -> None:
        self.copies = copies
        self.seconds = seconds
        self.is_broken = is_broken
        self.asked: list[Sequence[str]] = []

    def on_fetched(self, source_id: str, record: Any, *, age_seconds: float, is_alone: bool) -> None: ...

    async def find(self, ids: Sequence[str]) -> Mapping[str, tuple[Any, float]]:
        self.asked.append(ids)
        await asyncio.sleep(self.seconds)
        if self.is_broken:
            raise RuntimeError("a broken store")
        return self.copies


async def replaced(store: Copies, outcomes: Mapping[str, Outcome]) -> tuple[list[Outcome], list[Stale]]:
    operation = UpstreamContext(5.0)
    found = await instead_of_failures(
        store, "nexudus", list(outcomes), list(outcomes.values()), operation, final=(UpstreamForbidden,)
    )
    return found, operation.stale


async def test_a_failure_becomes_the_copy_and_its_age_is_told() -> None:
    found, stale = await replaced(Copies({"2": ("copy", 90.0)}), {"1": "live", "2": DOWN, "3": None})
    assert found == ["live", "copy", None]
    assert stale == [Stale("nexudus", "2", 90.0, "UPSTREAM_UNAVAILABLE")]


async def test_only_failures_are_looked_for_and_nothing_where_there_is_none() -> None:
    store = Copies({})
    assert (await replaced(store, {"1": "live", "2": None}))[0] == ["live", None]
    assert store.asked == []
    assert (await replaced(store, {"1": "live", "2": DOWN}))[0] == ["live", DOWN]
    assert store.asked == [["2"]]


async def test_a_refusal_of_access_stays_one() -> None:
    forbidden: UpstreamError = UpstreamForbidden("nexudus")
    assert (await replaced(Copies({"1": ("copy", 1.0)}), {"1": forbidden}))[0] == [forbidden]


async def test_a_store_that_fails_or_hangs_leaves_the_sources_error() -> None:
    assert (await replaced(Copies({"1": ("copy", 1.0)}, is_broken=True), {"1": DOWN}))[0] == [DOWN]
    late = Copies({"1": ("copy", 1.0)}, seconds=2 * LOOKUP_TIMEOUT_SECONDS)
    assert (await replaced(late, {"1": DOWN}))[0] == [DOWN]
