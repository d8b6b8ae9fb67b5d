"""`startup.greeting`: what is printed at the start."""

import socket

import pytest

from configuration import AllSettings
from startup.greeting import greeting, summary

KEY = {"CHARTMOGUL_API_KEY": "secret"}


def test_the_summary_names_what_is_configured_and_no_secret() -> None:
    said = summary(AllSettings(KEY))
    assert "ChartMogul yes" in said
    assert "Nexudus not configured" in said
    assert "secret" not in said
    assert summary(AllSettings({}, demo=True)) == "Settings are valid. Sources: simulated."


@pytest.mark.parametrize("demo", [False, True])
def test_the_last_line_is_an_address_that_a_browser_opens(demo: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        lines = greeting(AllSettings({} if demo else KEY, demo=demo), listener, "/graphql").splitlines()
    assert lines[-1].endswith(f"{url}/graphql")
    assert any(f"{url}/board" in line for line in lines) is demo
