"""The benchmarks start and print their rows. What they measure is nobody's claim here.

Those that need a load of seconds run with `make test-bench`, which `.ci/run` calls.
"""

import json
import os
import shutil
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, tuple_

from benchmarks import during_sweep, inside, layers, list_report, list_stores, lists, report, run, sweeps, workloads
from benchmarks.beside import beside
from benchmarks.callers import CALLERS, EVERYTHING, PLAIN, issuer
from benchmarks.candidates import OURS, PEERS, ROOT, Candidate
from benchmarks.layers import LAYERS, WHOLE, without
from benchmarks.list_candidates import OURS as OURS_OVER
from benchmarks.list_candidates import POSTGRAPHILE, STRAWBERRY
from benchmarks.list_stores import FILE, MEMORY, POSTGRESQL
from benchmarks.peer_stores import TABLE, peer_stores
from benchmarks.peers.deal_model import DealModel
from benchmarks.phase import Cell, Phase, has_tools
from benchmarks.processes import free_port
from simulator import Simulator
from store.tables import METADATA
from tests import postgres

COLD = Cell(False, "W1", 0, 2)
BY_FRONTEND = Cell(False, "W1", 0, 2, EVERYTHING)
needs_tools = pytest.mark.skipif(not has_tools(), reason="needs wrk and a C compiler")


def servers_of_lists() -> list[str]:
    """Those that this machine has, in the order of the table, but for this server over the stores that are like one
    that is there."""
    found = [OURS_OVER[MEMORY]]
    has_postgresql = postgres.programs() is not None and shutil.which("setpriv") is not None
    if has_postgresql and shutil.which("node") and (PEERS / "lists" / "node_modules").exists():
        found.append(POSTGRAPHILE)
    return [*found, STRAWBERRY[FILE], *([STRAWBERRY[POSTGRESQL]] if has_postgresql else [])]


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Future[str]]]:
    """What they print; all at once, for each waits for wrk most of the time."""

    def of_layers(folder: Path) -> str:
        chosen = ["fast path"]
        return layers.tables(chosen, *layers.measure(chosen, [BY_FRONTEND], folder, rounds=1, seconds=1))

    def of_run(folder: Path) -> str:
        return report.tables(run.run([COLD, BY_FRONTEND], folder, rounds=1, seconds=1, only=[OURS]))

    def of_beside(folder: Path) -> str:
        return beside(ROOT, [BY_FRONTEND], folder, rounds=1, seconds=1)

    def of_lists(folder: Path) -> str:
        only = servers_of_lists()
        found = lists.run({"400": (200, 200)}, (4,), {MEMORY}, folder, rounds=1, seconds=1, only=only)
        return list_report.tables(found) + list_report.page(found)

    with pytest.MonkeyPatch.context() as patched, ThreadPoolExecutor() as pool:
        patched.setenv("MOST_REQUESTS", "20")
        patched.setattr(sweeps, "SLICE_SECONDS", 1)
        patched.setattr(sweeps, "FEWEST_SLICES", 1)
        patched.setattr(during_sweep, "FEWEST_TURNS", 1)
        yield {
            work.__name__: pool.submit(work, tmp_path_factory.mktemp("bench"))
            for work in (of_layers, of_run, of_beside, of_lists)
        }


@pytest.mark.wrk
@needs_tools
def test_the_benchmark_has_a_row_for_callers_with_a_token_and_an_origin(printed: dict[str, Future[str]]) -> None:
    text = printed["of_run"].result()
    assert "| cold 0 ms W1 c2 | token and Origin | " in text
    assert "bad" not in text


@pytest.mark.wrk
@needs_tools
def test_lists_are_measured_beside_a_peer_and_in_a_sweep_without_a_request_to_a_source(
    printed: dict[str, Future[str]],
) -> None:
    text = printed["of_lists"].result()
    for row in (
        "page, c1 |",
        "page, c32 |",
        "page from anywhere, c32 |",
        "page 4, c1 |",
        "summary, c1 |",
        "summary by month, c1 |",
    ):
        assert f"\n| 400 deals, {row} " in text
    assert "\n| 400 deals, page from anywhere, 32 connections | " in text
    assert text.count("\nRequests to the sources in all of it: 0.") == 2
    ratio = f"\n| this server, in memory, to {POSTGRAPHILE} | "
    assert (ratio in text) == (POSTGRAPHILE in servers_of_lists())  # no row for a peer that is not there
    assert "\n| in memory | 400 | " in text
    assert "\n| in memory, with rations | 400 | - | - | - | 1 | " in text
    assert "bad" not in text
    assert "differently" not in text


@pytest.mark.wrk
@needs_tools
def test_every_peer_that_is_installed_answers_lists(printed: dict[str, Future[str]]) -> None:
    header = f"| | {' | '.join(servers_of_lists())} |"
    text = printed["of_lists"].result()
    assert text.split("\n", 2)[1] == header, text


@pytest.mark.wrk
@needs_tools
def test_files_searches_and_changes_are_measured_beside_a_sweep(printed: dict[str, Future[str]]) -> None:
    text = printed["of_lists"].result()
    for row in ("a file of all deals, s", "search, p99, ms"):
        assert f"\n| in memory, {row} | " in text
    assert " changes in a stream, p50, s | " in text


def test_peers_have_the_same_deals_and_indexes_for_their_order(tmp_path: Path) -> None:
    filtered = DealModel.status == "open", DealModel.currency == "USD", DealModel.value >= 10**7
    behind = (tuple_(DealModel.updated_at, DealModel.id) < tuple_(2 * 10**15, 10**6),)
    found: dict[str, list[Any]] = {}
    with list_stores.postgresql() as server, list_stores.stores(server, tmp_path, list_stores.deals(500, 500)) as made:
        for kind, url in peer_stores(made, tmp_path).urls.items():
            engine = list_stores.engine(url)
            with engine.connect() as connection:
                found[kind] = list(connection.execute(select(TABLE).order_by(TABLE.c.id)))
                for conditions in ((), filtered, behind):
                    page = select(TABLE).where(TABLE.c.deleted_at.is_(None), *conditions)
                    page = page.order_by(TABLE.c.updated_at.desc(), TABLE.c.id.desc()).limit(51)
                    text = str(page.compile(engine, compile_kwargs={"literal_binds": True}))
                    explain = "EXPLAIN" if kind == POSTGRESQL else "EXPLAIN QUERY PLAN"
                    plan = str(connection.exec_driver_sql(f"{explain} {text}").all())
                    assert "deals_by_updated_at" in plan, plan
                    assert "sort" not in plan.lower(), plan
                    assert "Filter" not in plan, plan  # of PostgreSQL: the index serves all conditions
            engine.dispose()
        first = found[FILE]
        assert len(first) == 1_000
        assert all(rows == first for rows in found.values())
        assert {"Office Tour", "Negotiation"} <= {row.stage_name for row in first}
        assert [row.id for row in first] == list(range(1, 1_001))


def test_each_store_of_the_benchmark_of_lists_is_whole(tmp_path: Path) -> None:
    counted = {}
    with list_stores.postgresql() as server, list_stores.stores(server, tmp_path, list_stores.deals(200, 200)) as made:
        for kind, url in made.urls.items():
            engine = list_stores.engine(url)
            with engine.connect() as connection:
                counts = {
                    table.name: connection.scalar(select(func.count()).select_from(table))
                    for table in METADATA.sorted_tables
                }
            engine.dispose()
            counted[kind] = counts
    assert all(counts == counted[FILE] for counts in counted.values())
    assert counted[FILE]["names"] > 5


def test_a_server_that_does_not_start_is_named(tmp_path: Path) -> None:
    ends = Candidate("it", [sys.executable, "-c", ""], os.environ, free_port())
    with Phase([ends], None, workloads.write(tmp_path), tmp_path) as phase:  # type: ignore[arg-type] # of no mock
        assert not phase.candidates
    assert phase.left_out == ["it is left out: it does not start or fails at once."]


@pytest.mark.wrk
@needs_tools
def test_two_checkouts_are_measured_beside_each_other(printed: dict[str, Future[str]]) -> None:
    text = printed["of_beside"].result()
    assert "| cold 0 ms W1 c2, token and Origin | " in text
    assert "| cold | base, with tokens | " in text
    assert " | 0 / 0 |" in text


@pytest.mark.wrk
@needs_tools
def test_a_layer_is_measured_beside_the_whole(printed: dict[str, Future[str]]) -> None:
    text = printed["of_layers"].result()
    assert text.count("\n| without fast path | ") == len(layers.TITLES)
    assert "bad" not in text


@pytest.mark.parametrize("layer", [WHOLE, *LAYERS])
async def test_a_server_without_a_layer_answers_as_the_sources_say(layer: str) -> None:
    simulator = Simulator()
    nexudus, chartmogul = (next(iter(source.records.items())) for source in (simulator.nexudus, simulator.chartmogul))
    query = (
        f'{{ a: nexudusOpportunity(sourceId: "{nexudus[0]}") {{ stageName }}'
        f' b: chartMogulOpportunity(sourceId: "{chartmogul[0]}") {{ stageName }} }}'
    )
    body = json.dumps({"query": query}).encode()
    async with simulator.serve() as urls:
        with issuer() as issued, without(layer):
            async with inside.inside({**simulator.environment(urls), **issued.settings}) as served:
                for pieces in inside.requests([body], 3, issued.headers):
                    message = await served.ask([b"".join(pieces)])
                    assert json.loads(message[message.index(b"{") :])["data"] == {
                        "a": {"stageName": nexudus[1]["CrmBoardColumnName"]},
                        "b": {"stageName": chartmogul[1]["pipeline_stage"]},
                    }


async def test_what_is_measured_inside_has_a_row_for_each_caller(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if not has_tools():
        pytest.skip("needs wrk and a C compiler")
    monkeypatch.setattr(inside, "ROUND_REQUESTS", 3)
    files = workloads.write(tmp_path)
    with issuer() as issued, inside.Mock(tmp_path, files.records) as mock:
        await inside.table(mock, issued, files, inside.rows(["W1"], ()), rounds=1)
    rows = capsys.readouterr().out.splitlines()[2:]
    assert [row.split(" | ")[0] for row in rows] == ["| W1", *(f"| W1, {c.name}" for c in CALLERS if c != PLAIN)]
