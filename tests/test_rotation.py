"""`rotation`, and `resolvers.secret_files`: secrets that are changed while the server runs."""

import asyncio
import logging
import os
import signal
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from configuration import AllSettings
from resolvers.secret_files import SecretFiles
from resolvers.settings import BadSettings
from rotation import CHECK_SECONDS, Rotation, rotating
from schema.deals.exchange_rates import read_rates
from server_settings import StoreSettings
from simulator import FAULTS, Simulator
from tests import logged, loops
from tests.credentials import SCOPES, line
from tests.harness import Graph, open_graph
from tests.repeated import NAMES, asked
from tests.sync_world import open_world, world_sync

LOOPS = loops.WITH_ITS_OWN_TIME

NEXUDUS = '{ nexudusOpportunity(sourceId: "1427000501") { name } }'
CHARTMOGUL = '{ chartMogulOpportunity(sourceId: "4ee13ca4-e7fe-11ee-fa7f-f303abf41acc") { sourceId } }'
ALL = " ".join(SCOPES)
OLD, NEW = line("old", "old-key", ALL), line("new", "new-key", ALL)


def code(answer: Any) -> str | None:
    (error,) = answer.get("errors") or [None]
    return error and error["extensions"]["code"]


def kinds(graph: Graph) -> list[str]:
    return [call.kind for call in graph.simulator.nexudus.calls]


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return logged.lines(caplog, "opportunity_graph.rotation")


@pytest.fixture(autouse=True)
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO)
    return caplog


async def hang_up() -> None:
    """Send this process SIGHUP, and let the loop see it."""
    os.kill(os.getpid(), signal.SIGHUP)
    for _ in range(3):
        await asyncio.sleep(0.01)


async def some_looks() -> None:
    await asyncio.sleep(2.5 * CHECK_SECONDS)


# The server


async def test_a_key_that_is_taken_out_of_its_file_is_refused_at_once_and_stored_responses_with_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "keys"
    file.write_text(f"{OLD}\n")
    async with asked(API_KEYS_FILE=str(file), changes={}) as ask:
        for _ in range(3):
            assert (await ask(NAMES, x_api_key="old-key")).status == 200
        assert ask.executed == 2, "the third one was stored"
        file.write_text(f"{OLD}\n{NEW}\n")
        await some_looks()
        assert [(await ask(NAMES, x_api_key=key)).status for key in ("old-key", "new-key")] == [200, 200]
        file.write_text(f"{NEW}\n")
        await some_looks()
        assert [(await ask(NAMES, x_api_key=key)).status for key in ("old-key", "new-key")] == [401, 200]
    assert said(caplog) == ["read anew, and in force from now on: API_KEYS"] * 2


async def test_a_gateway_key_is_changed_in_the_same_way(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(OLD)
    async with asked(GATEWAY_KEYS_FILE=str(file), changes={}) as ask:
        assert (await ask(NAMES, x_gateway_key="old-key")).status == 200
        file.write_text(NEW)
        await some_looks()
        assert [(await ask(NAMES, x_gateway_key=key)).status for key in ("old-key", "new-key")] == [401, 200]


async def test_a_malformed_list_keeps_the_keys_before_in_force_and_no_other_secret_from_changing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    keys, gateways = tmp_path / "keys", tmp_path / "gateways"
    keys.write_text(OLD)
    gateways.write_text(OLD)
    async with asked(API_KEYS_FILE=str(keys), GATEWAY_KEYS_FILE=str(gateways), changes={}) as ask:
        for text in ("hunter2 hunter2 hunter2", "", None):
            if text is None:
                keys.unlink()
            else:
                keys.write_text(text)
            await some_looks()
            assert (await ask(NAMES, x_api_key="old-key")).status == 200
        gateways.write_text(NEW)
        await some_looks()
        assert (await ask(NAMES, x_gateway_key="new-key")).status == 200
    assert [text.rpartition("API_KEYS: ")[2][:24] for text in said(caplog)] == [
        "key 1: each key needs a ",
        "the file named by API_KE",
        "the file named by API_KE",
        "read anew, and in force ",
    ]
    assert "hunter2" not in caplog.text


async def test_a_new_password_ends_the_pause_after_a_refused_sign_in(caplog: pytest.LogCaptureFixture) -> None:
    changes: dict[str, str] = {}
    async with open_graph(changes=changes) as graph:
        nexudus = graph.simulator.nexudus
        nexudus.password = "another"
        for _ in range(3):
            assert code(await graph.ask(NEXUDUS)) == "UPSTREAM_UNAUTHORIZED"
        assert kinds(graph) == ["token-password"], "the others are refused without asking"
        changes["NEXUDUS_PASSWORD"] = "another"
        await hang_up()
        assert code(await graph.ask(NEXUDUS)) is None
        assert kinds(graph) == ["token-password", "token-password", "get"]
    assert said(caplog) == ["read anew, and in force from now on: NEXUDUS_PASSWORD"]
    assert "another" not in caplog.text


async def test_a_new_password_is_signed_in_with_at_once_though_the_token_is_good() -> None:
    """Whoever changes it sees now, and not in some days, whether it is right."""
    changes: dict[str, str] = {}
    async with open_graph(changes=changes) as graph:
        assert code(await graph.ask(NEXUDUS)) is None
        changes["NEXUDUS_PASSWORD"] = graph.simulator.nexudus.password = "another"
        await hang_up()
        graph.simulator.nexudus.calls.clear()
        assert code(await graph.ask(NEXUDUS)) is None
        assert kinds(graph) == ["token-password", "get"]


async def test_a_new_account_token_is_used_where_the_one_before_was_refused() -> None:
    changes: dict[str, str] = {}
    simulator = Simulator()
    given = {"NEXUDUS_USERNAME": "", "NEXUDUS_PASSWORD": "", "NEXUDUS_ACCESS_TOKEN": "old"}
    async with open_graph(simulator, changes=changes, **given) as graph:
        assert code(await graph.ask(NEXUDUS)) == "UPSTREAM_UNAUTHORIZED"
        changes["NEXUDUS_ACCESS_TOKEN"] = simulator.nexudus.tokens.grant("client", 600, 600).access
        await hang_up()
        assert code(await graph.ask(NEXUDUS)) is None


async def test_a_new_key_of_chartmogul_is_used_by_the_next_request() -> None:
    changes: dict[str, str] = {}
    async with open_graph(changes=changes) as graph:
        assert code(await graph.ask(CHARTMOGUL)) is None
        graph.simulator.chartmogul.api_key = changes["CHARTMOGUL_API_KEY"] = "simulated-another"
        assert code(await graph.ask(CHARTMOGUL)) == "UPSTREAM_UNAUTHORIZED"
        await hang_up()
        assert code(await graph.ask(CHARTMOGUL)) is None


async def test_a_new_key_of_chartmogul_is_used_for_customers_too() -> None:
    changes: dict[str, str] = {}
    async with open_graph(changes=changes) as graph:
        graph.simulator.chartmogul.api_key = changes["CHARTMOGUL_API_KEY"] = "simulated-another"
        await hang_up()
        assert code(await graph.ask(CHARTMOGUL.replace("sourceId }", "customer { name } }"))) is None
        assert [call.status for call in graph.simulator.chartmogul.calls] == [200, 200]


async def test_sync_tries_at_once_what_was_refused() -> None:
    async with open_world(is_open=False) as world:
        world.simulator.nexudus.audit_role_missing = True
        world.simulator.chartmogul.faults.add(FAULTS["401"], times=None)
        async with world_sync(world) as sync:
            await asyncio.sleep(600)  # pauses are minutes long by now, and an hour for the audit trail
            world.simulator.nexudus.audit_role_missing = False
            world.simulator.chartmogul.faults.clear()
            world.simulator.nexudus.calls.clear()
            world.simulator.chartmogul.calls.clear()
            for name, scheduler in world.schedulers.items():
                scheduler.begin_anew()
                sync.begin_anew(name)
            await asyncio.sleep(3)
            assert {call.status for call in world.calls("nexudus", "audit-trail")} == {200}
            assert {call.status for call in world.calls("chartmogul", "list")} == {200}


async def test_sighup_says_what_takes_a_restart_and_that_nothing_has_changed(caplog: pytest.LogCaptureFixture) -> None:
    changes: dict[str, str] = {}
    async with open_graph(changes=changes):
        await hang_up()
        changes.update(PORT="1", LOG_LEVEL="debug", API_KEYS=OLD, CHARTMOGUL_API_KEY="", METRCS="true")
        await hang_up()
    assert said(caplog) == [
        "secrets were read anew: none has changed",
        "not read anew, what was set before stays in force: API_KEYS: was added, which takes a restart",
        "not read anew, what was set before stays in force: CHARTMOGUL_API_KEY: was removed, which takes a restart",
        "changed, but read at the start alone: LOG_LEVEL PORT",
        "the next start would be refused: METRCS: no such setting; did you mean METRICS?",
    ]


# The settings


def rotation(settings: AllSettings, **changes: str) -> Rotation:
    return Rotation(settings.all, lambda: {**GIVEN, **changes}, ())


GIVEN = {"CHARTMOGUL_API_KEY": "key-1", "STORE_URL": "postgresql+psycopg://graph:hunter2@db.example/graph"}


def test_what_changed_between_the_start_and_the_first_look_is_taken() -> None:
    """A process that is started again is given settings that may be days old."""
    settings = AllSettings(GIVEN)
    rotation(settings, CHARTMOGUL_API_KEY="key-2").begin()
    key = settings.sources["chartmogul"].api_key  # type: ignore[attr-defined] # ChartMogul's own
    assert key.reveal() == "key-2"


@pytest.mark.parametrize(
    ("url", "is_taken"),
    [
        ("postgresql+psycopg://graph:another@db.example/graph", True),
        ("postgresql+psycopg://other@db.example/graph", True),
        ("postgresql+psycopg://graph:hunter2@elsewhere.example/graph", False),
        ("postgresql+psycopg://graph:hunter2@db.example/other", False),
        ("postgresql+psycopg://graph:hunter2@db.example:1/graph", False),
        ("deals.db", False),
        ("hunter2://x", False),
    ],
)
def test_only_the_user_and_the_password_of_a_store_change(
    url: str, is_taken: bool, caplog: pytest.LogCaptureFixture
) -> None:
    settings = AllSettings(GIVEN)
    rotation(settings, STORE_URL=url).begin()
    assert (settings.store.address == url) is is_taken
    assert all(text.count("STORE_URL") == 1 for text in said(caplog))
    assert said(caplog)
    assert "hunter2" not in caplog.text


def test_a_file_of_settings_that_cannot_be_read_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    answers: list[dict[str, str]] = [GIVEN]

    def read() -> dict[str, str]:
        if not answers:
            raise BadSettings([".env: line 3 is not NAME=value"])
        return answers.pop()

    found = Rotation(AllSettings(GIVEN).all, read, ())
    found.begin()
    found.read_anew()
    assert said(caplog) == ["not read anew, what was set before stays in force: .env: line 3 is not NAME=value"]


def test_a_process_that_is_started_again_keeps_what_it_was_given_where_nothing_can_be_read() -> None:
    def read() -> dict[str, str]:
        raise BadSettings([".env: line 3 is not NAME=value"])

    settings = AllSettings(GIVEN)
    Rotation(settings.all, read, ()).begin()
    assert settings.store.address == GIVEN["STORE_URL"]


def test_those_are_told_whose_settings_have_changed_and_no_others() -> None:
    settings, told = AllSettings(GIVEN), []
    reactions = [
        (settings.sources["chartmogul"], lambda: told.append("chartmogul")),
        (settings.sources["nexudus"], lambda: told.append("nexudus")),
        (settings.store, lambda: told.append("store")),
    ]
    Rotation(settings.all, lambda: GIVEN | {"CHARTMOGUL_API_KEY": "key-2"}, reactions).begin()
    assert told == ["chartmogul"]
    assert isinstance(settings.store, StoreSettings)


# Files


def test_a_file_counts_as_changed_once_it_has_stayed_the_same_for_a_look(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("one")
    files = SecretFiles([str(file)])
    assert files.changed() == set()
    for text in ("t", "tw", "two"):
        file.write_text(text)
        assert files.changed() == set(), "somebody may still be writing"
    assert files.changed() == {str(file)}
    assert files.changed() == set()


def test_a_link_that_leads_elsewhere_is_a_change_as_kubernetes_makes_it(tmp_path: Path) -> None:
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "secret").write_text("same length"[: len("same length")])
    (tmp_path / "..data").symlink_to("first")
    (tmp_path / "secret").symlink_to("..data/secret")
    files = SecretFiles([str(tmp_path / "secret")])
    (tmp_path / "..data_tmp").symlink_to("second")
    (tmp_path / "..data_tmp").rename(tmp_path / "..data")
    files.changed()
    assert files.changed() == {str(tmp_path / "secret")}


def test_a_file_that_is_removed_and_comes_back_is_a_change_each_time(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("one")
    files = SecretFiles([str(file)])
    file.unlink()
    assert [files.changed(), files.changed()] == [set(), {str(file)}]
    file.write_text("one")
    assert [files.changed(), files.changed()] == [set(), {str(file)}]


# The operator's tables


async def test_a_hang_up_has_the_exchange_rates_read_anew_and_a_malformed_file_leaves_those_before(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "rates.json"
    file.write_text('{"date": "2026-11-01", "base": "EUR", "rates": {"USD": "2"}}')
    rates = read_rates(file)
    changed = Rotation((), dict, (), {"EXCHANGE_RATES_FILE": partial(rates.read_anew, file)})
    async with rotating(changed):
        file.write_text('{"date": "2026-11-02", "base": "EUR", "rates": {"USD": "3"}}')
        await hang_up()
        assert (rates.rates["USD"], rates.date.day, rates.version) == (3, 2, 1)
        await hang_up()
        file.write_text('{"date": "2026-11-03", "base": "EUR", "rates": {"USD": "0"}}')
        await hang_up()
        assert (rates.rates["USD"], rates.date.day, rates.version) == (3, 2, 1)
    assert [text for text in said(caplog) if "RATES" in text] == [
        "read anew, and in force from now on: EXCHANGE_RATES_FILE",
        "not read anew, what was set before stays in force: EXCHANGE_RATES_FILE: the rate of USD must be above 0",
    ]


async def test_the_server_reads_the_exchange_rates_anew(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "rates.json"
    file.write_text('{"date": "2026-11-01", "base": "EUR", "rates": {"USD": "2"}}')
    async with open_graph(EXCHANGE_RATES_FILE=str(file), changes={}):
        file.write_text('{"date": "2026-11-02", "base": "EUR", "rates": {"USD": "3"}}')
        await hang_up()
    assert "read anew, and in force from now on: EXCHANGE_RATES_FILE" in said(caplog)
