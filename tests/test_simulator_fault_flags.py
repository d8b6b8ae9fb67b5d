"""`simulator.fault_flags`: faults on the command line of the demo, and what they do to it."""

import pytest

import server
from simulator import CHARTMOGUL_EXAMPLE_ID, FAULTS, NEXUDUS_EXAMPLE_ID, Simulator, parse_faults
from tests.harness import open_graph


def test_each_flag_names_a_vendor_and_a_fault() -> None:
    found = parse_faults(["nexudus=500", "chartmogul=429-retry-after-1"])
    assert found == [("nexudus", FAULTS["500"]), ("chartmogul", FAULTS["429-retry-after-1"])]


@pytest.mark.parametrize("flag", ["nexudus", "nexudus=", "nexudus=5", "hubspot=500", "=500", "500"])
def test_a_typo_is_told_with_what_would_be_right(flag: str) -> None:
    with pytest.raises(ValueError, match=r"such as nexudus=500; vendors: nexudus, chartmogul; faults: 204, ") as told:
        parse_faults(["chartmogul=503", flag])
    assert len(str(told.value).splitlines()) == 1


async def test_a_vendor_fails_from_the_start_and_the_other_does_not() -> None:
    simulator = Simulator()
    simulator.fail(parse_faults(["nexudus=500"]))
    async with open_graph(simulator) as graph:
        found = await graph.ask(
            f"""{{
              nexudusOpportunity(sourceId: "{NEXUDUS_EXAMPLE_ID}") {{ status }}
              chartMogulOpportunity(sourceId: "{CHARTMOGUL_EXAMPLE_ID}") {{ status }}
            }}"""
        )
    assert [error["extensions"]["code"] for error in found["errors"]] == ["UPSTREAM_UNAVAILABLE"]
    assert found["data"]["chartMogulOpportunity"] is not None


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--demo", "--fault", "nexudus=5OO"), "--fault: must be a vendor and a fault"),
        (("--fault", "nexudus=500"), "--fault: only simulated sources fail on demand; add --demo"),
    ],
)
def test_the_server_ends_with_one_line_where_a_flag_is_wrong(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], told: str
) -> None:
    assert server.main(arguments) == 2
    shown = capsys.readouterr()
    assert (shown.out, len(shown.err.splitlines())) == ("", 1)
    assert shown.err.startswith(told)
