"""`httpserver.workers`: processes that serve one listener, as `server.py --workers` starts them."""

import asyncio
import errno
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from benchmarks.processes import ending_with_us
from httpserver.workers import Workers
from tests import postgres
from tests.credentials import line
from tests.fleet import Fleet, a_fleet, until, until_ready
from tests.processes import MINIMAL, ROOT, SERVER
from tests.waiting import PATIENCE_SECONDS

QUERY = '{ nexudusOpportunity(sourceId: "1427000501") { sourceId } }'
KEY = {"CHARTMOGUL_API_KEY": "key-of-nobody"}
WHY = "WORKERS, REPLICAS: several processes would each use the whole of the sources' rations"


@pytest.fixture(autouse=True)
def database() -> postgres.Server:
    """The server behind all databases here."""
    return postgres.server()


def state(process_id: int) -> str:
    """Return the letter of a process's state, `Z` of one that has ended."""
    try:
        return Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return "Z"


async def until_all_are(wanted: str, *process_ids: int) -> None:
    async def they_are() -> bool:
        return {state(one) for one in process_ids} == {wanted}

    await until(they_are)


async def until_gone(*process_ids: int) -> None:
    await until_all_are("Z", *process_ids)


async def answers(fleet: Fleet, times: int) -> None:
    found = await asyncio.gather(*[fleet.ask(QUERY) for _ in range(times)])
    assert [one for one in found if "errors" in one] == []


def folders(where: Path) -> list[Path]:
    """Return those that metrics of several workers are added up in."""
    return list(where.glob("opportunity-graph-*/"))


async def test_workers_serve_together_are_replaced_and_stop_without_losing_a_request(tmp_path: Path) -> None:
    async with a_fleet(tmp_path, 0) as fleet:
        server = await fleet.start("--workers", "2", METRICS="true", TMPDIR=str(tmp_path), LOG_FORMAT="json")
        first = server.pids()
        assert len(first) == 2
        await answers(fleet, 20)
        (folder,) = folders(tmp_path)
        os.kill(first[0], signal.SIGKILL)
        await until_gone(first[0])
        await answers(fleet, 20)

        async def are_two() -> bool:
            return len(server.pids()) == 2 and first[0] not in server.pids()

        await until(are_two)
        second = server.pids()
        assert first[1] in second
        await answers(fleet, 20)
        server.process.send_signal(signal.SIGTERM)
        assert await server.process.wait() == 0
        await until_gone(*second)
        assert folder not in folders(tmp_path)
        log = [json.loads(line) for line in fleet.log.read_text().splitlines() if line[0] == "{"]
        assert {one["process"] for one in log if one["message"].startswith("started: ")} >= {*first}
        (ended,) = [one for one in log if one["message"].startswith(f"worker {first[0]} has ended, another one")]
        assert (ended["level"], ended["process"]) == ("warning", server.process.pid)
        assert "Traceback" not in fleet.log.read_text()


async def test_every_worker_reads_secrets_anew_when_the_parent_is_told_to(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"API_KEYS={line('old', 'old-key')}\n")
    async with a_fleet(tmp_path, 0) as fleet:
        server = await fleet.start("--workers", "2", where=tmp_path)

        async def statuses(key: str) -> set[int]:
            found = set()
            for _ in range(12):  # each on a connection of its own, which any worker may take
                async with fleet.session.post(server.url, json={"query": QUERY}, headers={"X-API-Key": key}) as answer:
                    found.add(answer.status)
            return found

        assert await statuses("old-key") == {200}
        (tmp_path / ".env").write_text(f"API_KEYS={line('new', 'new-key')}\n")
        server.process.send_signal(signal.SIGHUP)

        async def all_have() -> bool:
            return fleet.log.read_text().count("in force from now on: API_KEYS") == 2

        await until(all_have)
        assert (await statuses("old-key"), await statuses("new-key")) == ({401}, {200})
        os.kill(server.pids()[0], signal.SIGKILL)  # its successor is forked from a parent that knows the old ones
        await asyncio.sleep(0.1)
        await until_ready(fleet.session, server.url)
        assert (await statuses("old-key"), await statuses("new-key")) == ({401}, {200})


async def test_while_a_worker_stands_still_the_others_serve(tmp_path: Path) -> None:
    async with a_fleet(tmp_path, 0, SYNC_ENABLED="false") as fleet:
        server = await fleet.start("--workers", "2")
        stopped = server.pids()[0]
        os.kill(stopped, signal.SIGSTOP)
        try:
            await until_all_are("T", stopped)
            await answers(fleet, 20)
        finally:
            os.kill(stopped, signal.SIGCONT)
        await answers(fleet, 20)


async def test_while_the_last_requests_are_answered_new_clients_are_refused_at_once(tmp_path: Path) -> None:
    """They try elsewhere, while they would wait in the queue of a listener that the parent alone has still."""
    async with a_fleet(tmp_path, 0, SYNC_ENABLED="false") as fleet:
        server = await fleet.start("--workers", "2")
        await answers(fleet, 1)  # which signs in
        fleet.simulator.nexudus.latency_seconds = (2.0, 2.0)
        known = len(fleet.calls("get"))
        asking = asyncio.create_task(fleet.ask('{ nexudusOpportunity(sourceId: "1427000502") { sourceId } }'))

        async def is_under_way() -> bool:
            return len(fleet.calls("get")) > known

        async def is_refused() -> bool:
            try:
                async with fleet.session.get(server.url):
                    return False
            except aiohttp.ClientConnectorError:
                return True

        await until(is_under_way)
        server.process.send_signal(signal.SIGTERM)
        await until(is_refused)
        assert not asking.done()
        assert "errors" not in await asking
        assert await server.process.wait() == 0


async def test_workers_end_with_a_parent_that_was_killed(tmp_path: Path) -> None:
    async with a_fleet(tmp_path, 0) as fleet:
        server = await fleet.start("--workers", "2")
        workers = server.pids()
        await server.kill()
        await until_gone(*workers)


def test_no_worker_is_started_that_was_not_told_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """The signal comes when a start has been decided on: nobody would tell the new one."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        workers = Workers(2, listener, lambda _: 0, end_seconds=0)
        handlers: dict[int, Any] = {}
        started: list[int] = []

        def block(how: int, _: object) -> set[int]:
            if how == signal.SIG_BLOCK:
                handlers[signal.SIGTERM](signal.SIGTERM, None)
            return set()

        def fork() -> int:
            started.append(1)
            return os.getpid() + 100_000_000

        monkeypatch.setattr(signal, "signal", handlers.__setitem__)
        monkeypatch.setattr(signal, "pthread_sigmask", block)
        monkeypatch.setattr(os, "fork", fork)
        monkeypatch.setattr(os, "waitpid", lambda *_: (os.getpid() + 100_000_000, 0))
        assert workers.run() == 0
        assert started == []


class Clock:
    """A time that passes by sleep alone."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_a_worker_that_cannot_be_started_now_is_started_later(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    clock, nobody = Clock(), os.getpid() + 100_000_000
    with socket.create_server(("127.0.0.1", 0)) as listener:
        workers = Workers(1, listener, lambda _: 0, end_seconds=5)
        handlers: dict[int, Any] = {}
        tried: list[float] = []

        def fork() -> int:
            tried.append(clock.now)
            if len(tried) < 3:
                raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")
            handlers[signal.SIGTERM](signal.SIGTERM, None)
            return nobody

        monkeypatch.setattr("httpserver.workers.time", clock)
        monkeypatch.setattr(signal, "signal", handlers.__setitem__)
        monkeypatch.setattr(os, "fork", fork)
        monkeypatch.setattr(os, "waitpid", lambda *_: (nobody, 0))
        monkeypatch.setattr(os, "kill", lambda *_: None)
        assert workers.run() == 0
    assert tried == [0.0, pytest.approx(0.5, abs=0.11), pytest.approx(1.5, abs=0.21)]
    assert caplog.messages == ["no worker can be started now: Resource temporarily unavailable"] * 2


FAILING = """
import socket
from httpserver.workers import Workers

def serve(_):
    raise ZeroDivisionError("this is why")

Workers(1, socket.create_server(("127.0.0.1", 0)), serve, end_seconds=0).run()
"""


def test_what_a_worker_fails_with_is_told() -> None:
    command = ending_with_us([sys.executable, "-c", FAILING])
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        lines = []
        for line in process.stderr:
            lines.append(line)
            if "has ended" in line:
                break
        process.terminate()
        assert process.wait(PATIENCE_SECONDS) == 0
    assert lines[-2] == "ZeroDivisionError: this is why\n"


def refused(command: list[str], **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=ROOT, env=MINIMAL | KEY | environ, capture_output=True, text=True, timeout=PATIENCE_SECONDS
    )


def test_several_workers_without_a_shared_store_are_refused_in_one_line(tmp_path: Path) -> None:
    for environ in ({}, {"STORE_URL": str(tmp_path / "deals.db")}):
        found = refused([*SERVER, "--workers", "2"], **environ)
        assert (found.returncode, found.stdout) == (2, "")
        assert found.stderr.startswith(WHY)
        assert found.stderr.count("\n") == 1


def test_several_replicas_without_a_shared_store_are_refused_as_well() -> None:
    assert refused(SERVER, REPLICAS="3").stderr.startswith(WHY)


def test_a_demo_runs_in_one_process() -> None:
    found = refused([*SERVER, "--demo", "--workers", "2"])
    assert (found.returncode, found.stderr) == (
        2,
        "WORKERS, REPLICAS: the demo runs in one process: each would have simulated sources of its own\n",
    )


@pytest.mark.parametrize("environ", [{}, {"WEB_CONCURRENCY": "2"}])
def test_so_are_those_of_uvicorns_own_command(environ: dict[str, str]) -> None:
    workers = [] if environ else ["--workers", "2"]
    command = [sys.executable, "-m", "uvicorn", "--factory", "server:create_app", "--port", "0", *workers]
    found = refused(command, **environ)
    assert "uvicorn --workers: several processes would each use the whole" in found.stderr
    assert "failed to start, stopping the parent process" in found.stderr
