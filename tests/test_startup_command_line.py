"""`startup.command_line`: what the flags are when none, some, or wrong ones are given."""

import pytest

from startup.command_line import parse


def test_without_flags_nothing_is_asked_for() -> None:
    found = parse([])
    assert (found.host, found.port, found.workers, found.fault) == (None, None, None, [])
    assert [found.demo, found.check_config, found.online] == [False, False, False]


def test_a_fault_may_be_given_several_times() -> None:
    assert parse(["--demo", "--fault", "nexudus=500", "--fault", "chartmogul=hang"]).fault == [
        "nexudus=500",
        "chartmogul=hang",
    ]


def test_an_unknown_flag_ends_the_process_with_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        parse(["--no-such-flag"])
    assert end.value.code == 2
    assert "--no-such-flag" in capsys.readouterr().err
