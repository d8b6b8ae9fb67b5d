"""`startup.online_check`: what credentials may do.

Each source has its part, `resolvers.nexudus.access_check` and `resolvers.chartmogul.access_check`. `resolvers.finding`
is the line that comes of each thing that is tried; `security.issuer` is tried where tokens are taken.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import aiohttp
import pytest

import configuration
import server
from configuration import AllSettings
from resolvers.chartmogul import CHARTMOGUL
from resolvers.nexudus import NEXUDUS
from security.issuer import TokenIssuer
from simulator import FAULTS, Simulator, faults
from startup import online_check
from startup.online_check import check_online
from tests.harness import DEFAULTS
from tests.issuer import AUDIENCE, ISSUER, key_set


@pytest.fixture(autouse=True)
def two_sources() -> Iterator[None]:
    """Look at the two that are asked about here, whichever others there are."""
    with patch.object(online_check, "SOURCES", (NEXUDUS, CHARTMOGUL)):
        yield


JWT = {"JWT_ISSUER": ISSUER, "JWT_AUDIENCE": AUDIENCE, "JWT_JWKS_URL": "https://issuer.example.com/keys"}
WELL = [
    "ok Nexudus: sign-in: accepted",
    "ok Nexudus: records by id (role CrmOpportunity-Read): allowed",
    "ok Nexudus: lists (role CrmOpportunity-List): allowed",
    "ok Nexudus: audit trail: allowed",
    "ok Nexudus: stages (role CrmBoardColumn-List): allowed",
    "ok ChartMogul: API key: accepted",
    "ok ChartMogul: opportunities (CRM seat): allowed",
    "ok ChartMogul: customers: allowed",
]


async def found(simulator: Simulator, **settings: str) -> list[str]:
    async with simulator.serve() as urls:
        given = AllSettings({**DEFAULTS, **simulator.environment(urls), **settings})
        return [f"{'ok' if one.is_usable else 'NO'} {one.text}" async for one in check_online(given)]


async def test_credentials_that_may_do_everything_are_tried_once_each() -> None:
    simulator = Simulator()
    assert await found(simulator) == WELL
    assert [call.kind for call in simulator.calls] == [
        *("token-password", "list", "get", "audit-trail", "stages"),
        *("ping", "list", "customer"),
    ]
    assert {call.method for call in simulator.calls if call.kind != "token-password"} == {"GET"}


@pytest.mark.parametrize(
    ("knob", "refused"),
    [
        ("list_role_missing", [2]),
        ("audit_role_missing", [3]),
        ("columns_role_missing", [4]),
        ("role_missing", [1, 2, 4]),
    ],
)
async def test_a_role_that_is_missing_is_told_by_its_name(knob: str, refused: list[int]) -> None:
    simulator = Simulator()
    setattr(simulator.nexudus, knob, True)
    lines = await found(simulator)
    assert [index for index, text in enumerate(lines) if text.startswith("NO")] == refused
    assert all(lines[index].endswith("refused (status 401)") for index in refused)
    assert [call.kind for call in simulator.nexudus.calls].count("token-password") == 1, "no renewal after a 401"


async def test_a_wrong_password_is_sent_once(caplog: pytest.LogCaptureFixture) -> None:
    simulator = Simulator()
    lines = await found(simulator, NEXUDUS_PASSWORD="hunter2")
    assert lines == ["NO Nexudus: sign-in: refused (status 400)", *WELL[5:]]
    assert [call.kind for call in simulator.nexudus.calls] == ["token-password"]
    assert "hunter2" not in caplog.text + "".join(lines)


async def test_a_server_that_is_not_chartmogul_has_not_accepted_the_key() -> None:
    simulator = Simulator()
    simulator.chartmogul.faults.add(FAULTS["404"], times=None)
    assert await found(simulator, NEXUDUS_USERNAME="", NEXUDUS_PASSWORD="") == [
        "NO ChartMogul: API key: something else came than was asked for: is the URL right? (status 404)"
    ]


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("503", "cannot be reached, or has a fault of its own (status 503)"),
        ("reset", "cannot be reached, or has a fault of its own (Connection reset by peer)"),
        ("hang", "no answer in time"),
        ("html", "something else came than was asked for: is the URL right?"),
        ("redirect", "something else came than was asked for: is the URL right? (status 302)"),
        ("429", "the ration of requests is used up, try again later (status 429)"),
    ],
)
async def test_what_fails_is_tried_once_and_told_in_plain_words(fault: str, told: str) -> None:
    simulator = Simulator()
    simulator.nexudus.faults.add(faults.status(429) if fault == "429" else FAULTS[fault], times=None)
    limit = {"ATTEMPT_TIMEOUT_SECONDS": "0.1"} if fault == "hang" else {}
    lines = await found(simulator, CHARTMOGUL_API_KEY="", **limit)
    assert lines == [f"NO Nexudus: sign-in: {told}"]
    assert len(simulator.nexudus.calls) == 1


async def test_an_access_token_alone_needs_no_sign_in() -> None:
    simulator = Simulator()
    given = {"NEXUDUS_USERNAME": "", "NEXUDUS_PASSWORD": "", "CHARTMOGUL_API_KEY": ""}
    token = simulator.nexudus.tokens.grant("client", 600, 600).access
    assert await found(simulator, NEXUDUS_ACCESS_TOKEN=token, **given) == WELL[1:5]


@pytest.mark.parametrize("status", [402, 403])
async def test_a_key_without_a_seat_is_told_from_a_wrong_one(status: int) -> None:
    simulator = Simulator()
    simulator.chartmogul.faults.add(faults.status(status), kinds={"list"}, times=None)
    lines = (await found(simulator))[5:]
    assert lines == [WELL[5], f"NO ChartMogul: opportunities (CRM seat): refused (status {status})"]
    assert (await found(simulator, CHARTMOGUL_API_KEY="hunter2"))[5:] == [
        "NO ChartMogul: API key: refused (status 401)"
    ]


async def test_customers_are_tried_where_an_opportunity_names_one() -> None:
    simulator = Simulator()
    simulator.chartmogul.faults.add(FAULTS["403"], kinds={"customer"}, times=None)
    assert (await found(simulator))[-1].startswith("NO ChartMogul: customers (")
    simulator.chartmogul.records.clear()
    assert (await found(simulator))[-1].startswith("ok ChartMogul: customers: not tried")


async def test_a_source_that_says_nothing_of_its_credentials_has_its_list_tried() -> None:
    plain = SimpleNamespace(**{name: getattr(CHARTMOGUL, name) for name in CHARTMOGUL.__slots__} | {"check": None})
    with patch.object(online_check, "SOURCES", (plain,)):
        assert await found(Simulator()) == ["ok ChartMogul: records: allowed"]
        assert await found(Simulator(), CHARTMOGUL_API_KEY="k") == ["NO ChartMogul: records: refused (status 401)"]


@pytest.mark.parametrize(
    ("came", "told"),
    [
        (key_set("rsa-1", "ec-1"), "ok JWT_JWKS_URL: 2 keys that can be used with JWT_ALGORITHMS"),
        (key_set("rsa-1"), "ok JWT_JWKS_URL: 1 key that can be used with JWT_ALGORITHMS"),
        (b'{"keys": []}', "NO JWT_JWKS_URL: 0 keys that can be used with JWT_ALGORITHMS"),
        (b"hunter2", "NO JWT_JWKS_URL: something else came than a key set"),
        (aiohttp.ClientError("hunter2"), "NO JWT_JWKS_URL: cannot be reached, or does not answer"),
        (TimeoutError(), "NO JWT_JWKS_URL: cannot be reached, or does not answer"),
    ],
)
async def test_the_token_issuer_is_asked_for_its_keys(came: bytes | Exception, told: str) -> None:
    async def fetch(*_: object) -> bytes:
        if isinstance(came, Exception):
            raise came
        return came

    with patch.object(TokenIssuer, "_fetch", fetch):
        assert (await found(Simulator(), NEXUDUS_USERNAME="", NEXUDUS_PASSWORD="", **JWT))[-1] == told


async def test_a_store_is_looked_at_and_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "deals.db"
    assert (await found(Simulator(), STORE_URL=str(file)))[-1] == "ok STORE_URL: will be made"
    assert not file.exists()
    file.write_text("hunter2 " * 100)
    (last,) = (await found(Simulator(), STORE_URL=str(file)))[8:]
    assert last.startswith("NO STORE_URL: ")
    assert "hunter2" not in last


# The command


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    def check(*arguments: str, **environ: str) -> tuple[int, str, str]:
        monkeypatch.setattr(configuration, "environ", environ)
        monkeypatch.chdir(tmp_path)
        status = server.main(["--check-config", "--online", *arguments])
        shown = capsys.readouterr()
        return status, shown.out, shown.err

    return check


@pytest.fixture
async def simulated() -> AsyncIterator[tuple[Simulator, dict[str, str]]]:
    simulator = Simulator()
    async with simulator.serve() as urls:
        yield simulator, simulator.environment(urls)


async def test_the_status_says_whether_all_is_well_and_no_secret_is_printed(
    run: Any, simulated: tuple[Simulator, dict[str, str]]
) -> None:
    simulator, given = simulated
    status, out, err = await asyncio.to_thread(run, **given)
    assert (status, err) == (0, "")
    assert out.count("ok     ") == len(WELL)
    status, out, err = await asyncio.to_thread(run, **given | {"CHARTMOGUL_API_KEY": "hunter2"})
    assert (status, err) == (1, "")
    assert "FAILED ChartMogul: API key: refused (status 401)" in out
    assert simulator.nexudus.password not in out
    assert "hunter2" not in out


@pytest.mark.parametrize(("arguments", "environ"), [(("--demo",), {}), ((), {"PORT": "eighty"})])
def test_bad_settings_are_status_2(run: Any, arguments: tuple[str, ...], environ: dict[str, str]) -> None:
    status, out, err = run(*arguments, CHARTMOGUL_API_KEY="hunter2", **environ)
    assert (status, out, len(err.splitlines())) == (2, "", 1)
