"""Fixtures that many tests share; what they are made of is in `tests/harness.py`.

The harness is imported where it is used: `make test` reads this file before it starts the workers, and needs no server.
"""

import gc
import logging
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from _pytest.runner import runtestprotocol
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from tests.harness import Graph
    from tests.loops import Loops

# A busy machine may take a while for any example, and to make it up.
settings.register_profile("tests", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tests")

# The SDK's threads try for seconds to reach a collector that is gone, and would log into other tests.
logging.getLogger("opentelemetry").addHandler(logging.NullHandler())
logging.getLogger("opentelemetry").propagate = False


def _is_without_programs(config: pytest.Config) -> bool:
    """Return whether only tests are wanted that start no programs, as `make test` wants them."""
    return str(config.option.markexpr).endswith(" and not programs")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave files unread none of whose tests is wanted: to find tests takes each worker seconds."""
    return True if collection_path.stem in PROGRAMS and _is_without_programs(config) else None


def pytest_collection(session: pytest.Session) -> None:
    """Let each worker read another part of the tests first, and find the others' compiled.

    pytest writes out every `assert` of a file before it compiles it, which takes longer than anything else here.
    """
    worker, workers = os.environ.get("PYTEST_XDIST_WORKER", ""), os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")
    if not worker:
        return
    gc.disable()  # until all is collected
    given = {Path(one.partition("::")[0]).stem for one in session.config.args}
    files = [
        file
        for file in sorted(Path(__file__).parent.glob("test_*.py"))
        if {"tests", file.stem} & given and not pytest_ignore_collect(file, session.config)
    ]
    first = int(worker.removeprefix("gw")) * len(files) // int(workers)
    for file in files[first:] + files[:first]:
        with suppress(Exception, pytest.skip.Exception):  # pytest will meet it again, and say so
            import_module(f"tests.{file.stem}")


LONG = tuple(
    f"test_{name}"
    for name in (
        "sync_kill httpserver_workers store_locks replicas questions store_pages worker sync_changes store_rations "
        "graphiql_browser board_browser status_browser store_database proxies sync_unseen sync_derivation "
        "sync_customers sync_stages image fuzz sync_hour deals_export_request board_outages_browser store_summaries "
        "store_deal_rows httpserver_envelope_upgrade engine_aliases store_changes faults sync_faults "
        "deals_connections httpserver_last_resort httpserver_protocol_connections store_migrations deals_postgresql "
        "benchmarks store_groups fetched sync_databases store_conditions engine_compiler server nexudus_listing "
        "engine_answer_size deals_change_events deals_changes architecture deals_orders canaries nexudus_client "
        "nexudus_tokens standstill deals_columns httpserver_protocol_life attacks engine_documents_memory "
        "httpserver_shutdown fields engine_documents directives"
    ).split()
)
"""The files that take longest, the longest first. Were one of these begun last, everybody would wait for it."""


PROGRAMS = frozenset(
    f"test_{name}"
    for name in (
        "benchmarks board_browser board_outages_browser graphiql_browser httpserver_envelope_upgrade image proxies "
        "httpserver_shutdown server sync_kill engine_documents_memory sync_hour store_postgresql "
        "deals_postgresql fuzz fuzz_framing fuzz_replies status_browser store_session store_rations store_grants "
        "httpserver_workers replicas sync_faults capacity store_locks store_marks store_prepared_reads "
        "store_prepared_session startup_libraries processes"
    ).split()
)
"""The files that start other programs, look at memory or at hours, or try much at random: `make test-programs`."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest files, and mark those that have a command of their own."""
    ranks = {name: rank for rank, name in enumerate(LONG)}
    items.sort(key=lambda item: ranks.get(item.path.stem, len(LONG)))
    for item in items:
        if item.path.stem in PROGRAMS:
            item.add_marker("programs")


def pytest_collection_finish() -> None:
    """Collect garbage as the server does (`server.py`): rarely, and never again among what was imported."""
    gc.freeze()  # with what little garbage there is: to look for it among all that takes a quarter of a second
    gc.set_threshold(5_000, 10, 10)
    gc.enable()


def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """Let a worker report a test once: of the six messages for each, those on what went well took a tenth of the time.

    Who asks for more than what passed and what failed (`--durations`, `--junit-xml`) is told all.
    """
    option = item.config.option
    if "PYTEST_XDIST_WORKER" not in os.environ or option.durations or option.xmlpath or option.verbose > 0:
        return None
    for report in runtestprotocol(item, log=False, nextitem=nextitem):
        if report.when == "call" or not report.passed:
            item.ihook.pytest_runtest_logreport(report=report)
    return True


def pytest_asyncio_loop_factories(item: pytest.Item) -> "Loops":
    """Run each coroutine on the `LOOPS` of its module."""
    from tests import loops

    return getattr(getattr(item, "module", None), "LOOPS", loops.ONE)


BEHAVIOUR = frozenset(
    f"test_{name}"
    for name in (
        "access attacks attacks_bodies attacks_disclosure attacks_ids callers canaries chartmogul_client csrf "
        "download_ways_in endpoint engine faults federation federation_batching fields httpserver_envelope_headers "
        "httpserver_envelope_ids nexudus_client nexudus_tokens nulls outages persisted_documents query "
        "reaching_sources"
    ).split()
)
"""The files whose tests run once for each way into a graph (`tests/harness.py`)."""


BOTH_STORES = frozenset(
    f"test_{name}"
    for name in (
        *("fetched", "fetched_customers", "service", "status", "worker"),
        *(
            "sync_brake",
            "sync_changes",
            "sync_customers",
            "sync_deletions",
            "sync_derivation",
            "sync_faults",
            "sync_stages",
            "sync_unseen",
        ),
    )
)
"""The files whose tests run once for each kind of store (`tests/sync_world.py`)."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run the tests of behaviour once for each way into a graph, and those of sync for each kind of store."""
    with_programs = not _is_without_programs(metafunc.config)
    if metafunc.module.__name__.rpartition(".")[2] in BOTH_STORES:
        kinds = ["sqlite", pytest.param("postgresql", marks=pytest.mark.programs)][: 1 + with_programs]
        metafunc.parametrize("synced_store", kinds, indirect=True, scope="module")
    if metafunc.module.__name__.rpartition(".")[2] in BEHAVIOUR:
        from tests.harness import ASGI, CONNECTION, UNCACHED

        looks_at_costs = metafunc.definition.get_closest_marker("looks_at_costs")
        # `make test` takes the way that production takes, `make test-programs` the other one.
        ways = [UNCACHED if looks_at_costs else CONNECTION, pytest.param(ASGI, marks=pytest.mark.programs)]
        metafunc.parametrize("way_in", ways[: 1 + with_programs], indirect=True, scope="module")


@pytest.fixture(scope="module", autouse=True)
def way_in(request: pytest.FixtureRequest) -> Iterator[str]:
    """Send requests this way (`tests/harness.py`), until the next."""
    wanted: str = getattr(request, "param", "")
    if not wanted:
        yield ""
        return
    from tests import harness

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(harness, "way_in", wanted)
        yield wanted


@pytest.fixture(scope="module", autouse=True)
def synced_store(request: pytest.FixtureRequest) -> Iterator[str]:
    """Have this kind of store behind sync, until the next."""
    kind: str = getattr(request, "param", "")
    if not kind:
        yield ""
        return
    from tests import postgres, sync_world

    if kind == "postgresql":
        postgres.server()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sync_world, "store_kind", kind)
        yield kind


@pytest.fixture
async def graph() -> AsyncIterator["Graph"]:
    """A graph over both sources, with default settings and its costs shown."""
    from tests.harness import open_graph

    async with open_graph() as found:
        yield found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def module_graph(way_in: str) -> AsyncIterator["Graph"]:
    """The graph behind `shared_graph`, one for each way."""
    from tests.harness import open_graph

    async with open_graph() as found:
        yield found


@pytest.fixture
def shared_graph(module_graph: "Graph") -> "Graph":
    """One graph for the tests of a module, in its event loop; each test finds it well, and nothing asked of it yet."""
    module_graph.forget()
    return module_graph


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.programs)])
def store_kind(request: pytest.FixtureRequest) -> str:
    """Each kind of store in turn; skipped where there is no PostgreSQL."""
    kind: str = request.param
    if kind == "postgresql":
        from tests import postgres

        postgres.server()
    return kind


@pytest.fixture
def connection(store_kind: str) -> Iterator["Connection"]:
    """A connection to an empty store, all of whose changes are undone afterwards."""
    from tests.stores import connected

    with connected(store_kind) as found:
        yield found


@pytest.fixture
def store_url(store_kind: str, tmp_path: Path) -> str:
    """What `store.database.open_database` takes for an empty store."""
    from tests.stores import url_of

    return url_of(store_kind, tmp_path)
