"""`startup.demo`: simulated sources that fail as told, and the queries that are open in GraphiQL's tabs."""

import pytest

from resolvers.registry import SOURCES
from resolvers.settings import BadSettings
from startup.demo import check_faults, samples, simulated_sources


def test_each_sample_has_the_name_of_its_operation_and_the_ten_questions_come_first() -> None:
    found = samples()
    assert [sample.name for sample in found[:2]] == ["OpenDeals", "WhatChanged"]
    assert len(found) > 10
    assert all(f"query {sample.name}" in sample.query for sample in found)


async def test_the_simulated_sources_are_configured_and_on_this_machine() -> None:
    async with simulated_sources([]) as found:
        assert set(found) >= {source.name for source in SOURCES}
        assert all(settings.is_configured for settings in found.values())
        assert {settings.url.split(":")[1] for settings in found.values()} == {"//127.0.0.1"}


@pytest.mark.parametrize(
    ("faults", "demo", "said"),
    [
        (["nexudus=500"], False, "add --demo"),
        (["nexudus=501x"], True, "--fault: "),
        (["nobody=500"], True, "--fault: "),
    ],
)
def test_a_fault_that_nobody_has_is_refused(faults: list[str], demo: bool, said: str) -> None:
    check_faults([], demo=False)
    check_faults(["nexudus=500"], demo=True)
    with pytest.raises(BadSettings) as refused:
        check_faults(faults, demo=demo)
    (problem,) = refused.value.problems
    assert said in problem
