"""Every fault of the simulator, in each source, while the same operation asks the other source for a healthy record.

Always: HTTP 200 and JSON, the healthy source whole, within the deadline, at most three attempts, nothing leaked.
"""

import ast
import asyncio
import gc
import json
import ssl
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

import resolvers.breaker
import resolvers.retry
from benchmarks.running import running_server, running_simulator
from benchmarks.soak import UNRATIONED
from simulator import CHARTMOGUL_EXAMPLE_ID, FAULTS, NEXUDUS_EXAMPLE_ID, Simulator, faults
from tests.harness import Graph, open_graph

ID = {"nexudus": str(NEXUDUS_EXAMPLE_ID), "chartmogul": CHARTMOGUL_EXAMPLE_ID}
FIELD = {"nexudus": "nexudusOpportunity", "chartmogul": "chartMogulOpportunity"}
OTHER = {"nexudus": "chartmogul", "chartmogul": "nexudus"}
QUERY = (
    f'{{ nexudusOpportunity(sourceId: "{ID["nexudus"]}") {{ sourceId stageName statusCode }} '
    f'chartMogulOpportunity(sourceId: "{ID["chartmogul"]}") {{ sourceId stageName forecastCategory }} }}'
)
SOURCES = tuple(ID)
DATA = "data"
MISSING = "missing"
ALWAYS = None
IN_TIME = 2.0
"""Seconds that no answer here may take, though most faults would last longer."""

HASTY = {"ATTEMPT_TIMEOUT_SECONDS": "0.3", "OPERATION_DEADLINE_SECONDS": "0.6"}
"""Long enough for a healthy source on a busy machine."""

SECRETS = (
    "127.0.0.1", "localhost", "/api/", "/v1/", "Bearer", "Basic", "simulated-", "gateway@example.com", "Ooops", "html",
    "Gateway", "Service Unavailable", "teapot", "Retry-After", "soon, I promise", "Error(", "Traceback", "aiohttp",
    "wishful", "Bad request", "Forbidden", "SSH",
)  # fmt: skip
"""Of an address, a credential, a body, a header or an exception's text nothing may show in an error."""


@pytest.fixture(autouse=True)
def _short_jitter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolvers.retry, "FIRST_WAIT_SECONDS", 0.01)


@dataclass(frozen=True)
class Row:
    """What a fault does to the answer. `attempts`: how many reads the source gets for the record."""

    fault: str
    times: int | None
    outcome: str
    attempts: int
    settings: dict[str, str]

    def __str__(self) -> str:
        return f"{self.fault}-{'always' if self.times is None else 'once'}"


def rows(names: str, times: int | None, outcome: str, attempts: int, **settings: str) -> list[Row]:
    return [Row(name, times, outcome, attempts, settings) for name in names.split()]


UNUSABLE = """204 400 418 html invalid-json null list empty latin-1 deep-json huge-integer nan truncated not-http
many-headers bad-gzip gzip-bomb huge redirect another-record not-successful"""

TABLE = [
    *rows("500 502 503 504 520 524 reset close ooops ooops-400", 1, DATA, 2),
    *rows("409-garbage-retry-after 429-garbage-retry-after", 1, DATA, 2),
    *rows("500 502 503 504 520 524 reset close ooops ooops-400", ALWAYS, "UPSTREAM_UNAVAILABLE", 3),
    *rows("409-garbage-retry-after 429-garbage-retry-after", ALWAYS, "UPSTREAM_RATE_LIMITED", 3),
    *rows("409-retry-after-60 409-retry-after-2099", ALWAYS, "UPSTREAM_RATE_LIMITED", 1),
    *rows("429-retry-after-60 429-retry-after-2099", ALWAYS, "UPSTREAM_RATE_LIMITED", 1),
    *rows("409-retry-after-1 429-retry-after-1 429-wait-text", ALWAYS, "UPSTREAM_RATE_LIMITED", 1, **HASTY),
    *rows("hang late-head trickle", ALWAYS, "UPSTREAM_TIMEOUT", 2, **HASTY),
    *rows("hang late-head trickle", 1, DATA, 2, ATTEMPT_TIMEOUT_SECONDS="0.3"),
    *rows("delay", ALWAYS, DATA, 1),
    *rows("403", ALWAYS, "UPSTREAM_FORBIDDEN", 1),
    *rows("404", ALWAYS, MISSING, 1),
    *rows(UNUSABLE, ALWAYS, "UPSTREAM_BAD_RESPONSE", 1),
    *rows("null-fields absent-fields unknown-enums new-fields", ALWAYS, DATA, 1),
]
OF_ITS_OWN = {"401", "409-retry-after-1", "429-retry-after-1", "429-wait-text"}
"""Faults with a test of their own, beside or instead of a row."""


def reads(graph: Graph, source: str) -> list[str]:
    calls = getattr(graph.simulator, source).calls
    return [call.kind for call in calls if call.kind in ("get", "list-by-ids")]


def check(answer: Any, sick: str, outcome: str) -> None:
    """Assert the outcome in the sick source, and that the healthy one is whole."""
    healthy = answer["data"][FIELD[OTHER[sick]]]
    assert healthy["sourceId"] == ID[OTHER[sick]]
    assert healthy["stageName"]
    record = answer["data"][FIELD[sick]]
    if outcome == DATA:
        assert record["sourceId"] == ID[sick]
        assert "errors" not in answer
    elif outcome == MISSING:
        assert record is None
        assert "errors" not in answer
    else:
        assert record is None
        (error,) = answer["errors"]
        assert error["path"] == [FIELD[sick]]
        assert error["extensions"]["code"] == outcome
        assert error["extensions"]["source"] == sick
        told = json.dumps(answer["errors"])
        assert [secret for secret in SECRETS if secret in told] == []


async def ask(graph: Graph) -> Any:
    """Ask for a record of each source; the answer is JSON with status 200, and in time."""
    async with asyncio.timeout(IN_TIME):
        return await graph.ask(QUERY)


def test_every_fault_of_the_simulator_has_an_expected_outcome() -> None:
    assert {row.fault for row in TABLE} | OF_ITS_OWN == set(FAULTS)


@pytest.mark.parametrize("sick", SOURCES)
@pytest.mark.parametrize("row", TABLE, ids=str)
async def test_a_fault_has_its_outcome_and_the_other_source_is_whole(row: Row, sick: str) -> None:
    async with open_graph(**row.settings) as graph:
        await signed_in(graph)
        getattr(graph.simulator, sick).faults.add(FAULTS[row.fault], times=row.times)
        check(await ask(graph), sick, row.outcome)

        assert len(reads(graph, sick)) == row.attempts
        assert len(reads(graph, OTHER[sick])) == 1
        await nothing_in_flight(graph)


async def signed_in(graph: Graph) -> None:
    """Have a token, so that the sick reply is that to a read."""
    await graph.ask('{ nexudusOpportunity(sourceId: "1427000599") { id } }')
    graph.simulator.nexudus.calls.clear()


async def nothing_in_flight(graph: Graph) -> None:
    """Assert that what was given up was ended upstream too."""
    async with asyncio.timeout(1):
        while any(upstream.in_flight for upstream in graph.simulator.upstreams):  # noqa: ASYNC110 - it is looked at
            await asyncio.sleep(0.01)


async def test_a_throttle_that_passes_in_time_is_waited_for() -> None:
    """Side by side, for each takes a second."""

    async def one(fault: str, sick: str) -> float:
        async with open_graph() as graph:
            await signed_in(graph)
            getattr(graph.simulator, sick).faults.add(FAULTS[fault], times=1)
            check(await ask(graph), sick, DATA)
            first, second = [call.at for call in getattr(graph.simulator, sick).calls if call.kind == "get"]
            return second - first

    names = ("409-retry-after-1", "429-retry-after-1", "429-wait-text")
    waits = await asyncio.gather(*(one(fault, sick) for fault in names for sick in SOURCES))
    # Not twice, and else as late as a busy machine may be.
    assert all(1.0 <= wait < 2.0 for wait in waits), waits


async def test_a_401_of_nexudus_costs_one_renewal_and_one_more_read() -> None:
    async with open_graph() as graph:
        await signed_in(graph)
        graph.simulator.nexudus.faults.add(FAULTS["401"], times=1)
        check(await ask(graph), "nexudus", DATA)
        assert [call.kind for call in graph.simulator.nexudus.calls] == ["get", "token-refresh", "get"]


@pytest.mark.parametrize(("sick", "attempts"), [("nexudus", 2), ("chartmogul", 1)])
async def test_a_401_for_ever_is_reported_and_not_stormed_against(sick: str, attempts: int) -> None:
    async with open_graph() as graph:
        await signed_in(graph)
        getattr(graph.simulator, sick).faults.add(FAULTS["401"], times=ALWAYS, kinds={"get"})
        check(await ask(graph), sick, "UPSTREAM_UNAUTHORIZED")
        assert len(reads(graph, sick)) == attempts


@pytest.mark.parametrize("fault", ["404"])
async def test_a_record_that_is_missing_is_not_asked_for_again_for_a_while(fault: str) -> None:
    async with open_graph(NEXUDUS_CACHE_MISSING_SECONDS="5") as graph:
        graph.simulator.nexudus.faults.add(FAULTS[fault], times=ALWAYS, kinds={"get"})
        for _ in range(3):
            check(await ask(graph), "nexudus", MISSING)
        assert len(reads(graph, "nexudus")) == 1


@pytest.mark.parametrize("sick", SOURCES)
@pytest.mark.parametrize("fault", ["huge", "gzip-bomb"])
async def test_memory_stays_flat_under_bodies_without_end(fault: str, sick: str) -> None:
    async with open_graph() as graph:
        await signed_in(graph)
        getattr(graph.simulator, sick).faults.add(FAULTS[fault], times=ALWAYS)
        check(await ask(graph), sick, "UPSTREAM_BAD_RESPONSE")
        gc.collect()
        tracemalloc.start()
        try:
            for _ in range(3):
                check(await ask(graph), sick, "UPSTREAM_BAD_RESPONSE")
            gc.collect()
            left, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    # At most MAX_REPLY_BYTES is ever held, in a buffer that grows by copying; the simulator's side is included.
    assert peak < 20_000_000
    assert left < 1_000_000


async def test_the_process_stays_small_under_bodies_without_end() -> None:
    """The same from outside: what zlib and the parser take is not Python's, and the simulator is another process."""
    async with (
        running_simulator("--no-throttle") as (_, settings, control),
        running_server(**settings, **UNRATIONED, LOG_LEVEL="error") as (server, url),
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session,
    ):
        async with session.post(f"{url}/graphql", json={"query": QUERY}) as response:
            assert "errors" not in await response.json()
        megabytes = server.resident_megabytes()
        for fault in ("huge", "gzip-bomb"):
            async with session.delete(f"{control}/faults"):
                pass
            for source in SOURCES:
                rule = {"upstream": source, "fault": fault, "times": None, "kinds": ["get"]}
                async with session.post(f"{control}/faults", json=rule) as response:
                    assert response.status == 200
            fresh = {"Cache-Control": "no-cache"}
            for _ in range(4):
                async with session.post(f"{url}/graphql", json={"query": QUERY}, headers=fresh) as response:
                    errors = (await response.json())["errors"]
                assert [error["extensions"]["code"] for error in errors] == ["UPSTREAM_BAD_RESPONSE"] * 2
        # Two bodies of MAX_REPLY_BYTES at once, each in a buffer that grows by copying, and what the allocator keeps.
        assert server.peak_megabytes() < megabytes + 40


# Whole sources


@pytest.mark.parametrize("fault", ["503", "reset", "hang", "html", "409-retry-after-60"])
async def test_with_both_sources_down_the_answer_is_null_and_two_errors_with_status_200(fault: str) -> None:
    async with open_graph(**HASTY) as graph:
        for upstream in graph.simulator.upstreams:
            upstream.faults.add(FAULTS[fault], times=ALWAYS)
        answer = await ask(graph)
    assert answer["data"] == dict.fromkeys(FIELD.values())
    assert sorted(error["extensions"]["source"] for error in answer["errors"]) == sorted(SOURCES)


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("500", "UPSTREAM_UNAVAILABLE"),
        ("503", "UPSTREAM_UNAVAILABLE"),
        ("reset", "UPSTREAM_UNAVAILABLE"),
        ("hang", "UPSTREAM_TIMEOUT"),
        ("trickle", "UPSTREAM_TIMEOUT"),
        ("409-retry-after-60", "UPSTREAM_RATE_LIMITED"),
        ("html", "UPSTREAM_BAD_RESPONSE"),
        ("huge", "UPSTREAM_BAD_RESPONSE"),
    ],
)
async def test_a_sign_in_that_fails_costs_nexudus_alone(fault: str, code: str) -> None:
    async with open_graph(**HASTY) as graph:
        graph.simulator.nexudus.faults.add(FAULTS[fault], times=ALWAYS, kinds={"token-password"})
        check(await ask(graph), "nexudus", code)
        assert reads(graph, "nexudus") == []


async def test_a_sign_in_that_recovers_is_tried_again() -> None:
    async with open_graph() as graph:
        graph.simulator.nexudus.faults.add(FAULTS["500"], times=3, kinds={"token-password"})
        check(await ask(graph), "nexudus", "UPSTREAM_UNAVAILABLE")
        check(await ask(graph), "nexudus", DATA)


async def test_a_slow_sign_in_is_waited_for() -> None:
    async with open_graph() as graph:
        graph.simulator.nexudus.faults.add(faults.delay(0.2), times=ALWAYS, kinds={"token-password"})
        check(await ask(graph), "nexudus", DATA)


@pytest.mark.parametrize(
    "token", ["", "two\r\nX-Lines: 1", "caf\N{LATIN SMALL LETTER E WITH ACUTE}", "with space"], ids=ascii
)
async def test_a_token_that_cannot_be_one_is_a_bad_response(token: str) -> None:
    async with open_graph() as graph:
        body = json.dumps({"access_token": token, "expires_in": 1200}).encode()
        graph.simulator.nexudus.faults.add(faults.body(body), times=ALWAYS, kinds={"token-password"})
        check(await ask(graph), "nexudus", "UPSTREAM_BAD_RESPONSE")
        assert reads(graph, "nexudus") == []


@pytest.mark.parametrize("seconds", [0, -1, 0.001])
async def test_a_token_that_is_said_to_end_at_once_is_used_until_it_is_refused(seconds: float) -> None:
    async with open_graph() as graph:
        graph.simulator.nexudus.faults.add(faults.mutate(lambda token: {**token, "expires_in": seconds}))
        for _ in range(3):
            check(await ask(graph), "nexudus", DATA)
        assert [call.kind for call in graph.simulator.nexudus.calls] == ["token-password", "get", "get", "get"]


async def test_50_operations_at_the_expiry_of_a_token_cost_one_renewal() -> None:
    async with open_graph() as graph:
        await signed_in(graph)
        graph.simulator.nexudus.expire_tokens()
        for answer in await asyncio.gather(*(ask(graph) for _ in range(50))):
            check(answer, "nexudus", DATA)
        assert [call.kind for call in graph.simulator.nexudus.calls].count("token-refresh") == 1


@pytest.mark.parametrize("sick", SOURCES)
async def test_the_breaker_opens_asks_nobody_and_closes_after_a_good_probe(
    sick: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resolvers.breaker, "OPEN_SECONDS", 0.2)
    async with open_graph() as graph:
        await signed_in(graph)
        upstream = getattr(graph.simulator, sick)
        upstream.faults.add(FAULTS["503"], times=ALWAYS)
        while len(reads(graph, sick)) < 20:
            check(await ask(graph), sick, "UPSTREAM_UNAVAILABLE")
        upstream.calls.clear()
        for _ in range(5):
            answer = await ask(graph)
            check(answer, sick, "UPSTREAM_UNAVAILABLE")
            assert answer["errors"][0]["extensions"]["retryAfterSeconds"] >= 0.1
        assert reads(graph, sick) == []

        await asyncio.sleep(0.21)
        check(await ask(graph), sick, "UPSTREAM_UNAVAILABLE")  # the probe, which fails
        check(await ask(graph), sick, "UPSTREAM_UNAVAILABLE")
        assert len(reads(graph, sick)) == 1

        upstream.faults.clear()
        await asyncio.sleep(0.21)
        for _ in range(3):
            check(await ask(graph), sick, DATA)


async def test_503_of_chartmogul_lowers_how_many_requests_run_at_once() -> None:
    """Above 20 connections ChartMogul answers 503: a storm of them must not go on as it began."""
    async with open_graph() as graph:
        chartmogul = graph.simulator.chartmogul
        chartmogul.max_parallel = 4
        chartmogul.latency_seconds = (0.01, 0.01)
        ids = list(chartmogul.records)
        for start in range(0, 120, 40):
            aliases = " ".join(
                f'a{n}: chartMogulOpportunity(sourceId: "{id_}") {{ id }}'
                for n, id_ in enumerate(ids[start : start + 40])
            )
            answer = await graph.ask(f"{{ {aliases} }}")
        refused = sum(call.status == 503 for call in chartmogul.calls)
        assert sum(value is not None for value in answer["data"].values()) >= 36
        assert refused < 40
        assert chartmogul.max_in_flight <= 10


async def test_an_outage_is_not_multiplied_by_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten retries are saved up; beyond them there is one for ten requests. Without the breaker, which would end it."""
    monkeypatch.setattr(resolvers.breaker, "FEWEST_VERDICTS", 10**9)
    async with open_graph() as graph:
        graph.simulator.chartmogul.faults.add(FAULTS["500"], times=ALWAYS)
        ids = list(graph.simulator.chartmogul.records)[:100]
        for source_id in ids:
            await graph.ask(f'{{ chartMogulOpportunity(sourceId: "{source_id}") {{ id }} }}')
        assert 100 + 15 <= len(reads(graph, "chartmogul")) <= 100 + 10 + 10


@pytest.mark.parametrize(
    ("sick", "fault", "code"),
    [
        ("nexudus", "401", "UPSTREAM_UNAUTHORIZED"),
        ("chartmogul", "401", "UPSTREAM_UNAUTHORIZED"),
        ("nexudus", "403", "UPSTREAM_FORBIDDEN"),
        ("chartmogul", "403", "UPSTREAM_FORBIDDEN"),
    ],
)
async def test_a_refusal_that_an_operator_has_to_mend_is_warned_of(
    sick: str, fault: str, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_graph() as graph:
        await signed_in(graph)
        getattr(graph.simulator, sick).faults.add(FAULTS[fault], times=ALWAYS, kinds={"get"})
        caplog.clear()
        check(await ask(graph), sick, code)
    warned = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert warned[0].startswith(f"{sick} get failed: {code} (status {fault}, ")


# The way to a source


async def test_a_host_without_an_address_is_unavailability() -> None:
    async with open_graph(CHARTMOGUL_URL="http://nx.invalid", **HASTY) as graph:
        answer = await ask(graph)
    (error,) = answer["errors"]
    # A resolver that does not answer at all makes it a timeout.
    assert error["extensions"]["code"] in ("UPSTREAM_UNAVAILABLE", "UPSTREAM_TIMEOUT")
    assert "nx.invalid" not in json.dumps(answer)
    assert answer["data"]["nexudusOpportunity"]["sourceId"] == ID["nexudus"]


async def test_a_port_where_nobody_listens_is_unavailability() -> None:
    async with open_graph(CHARTMOGUL_URL="http://127.0.0.1:9") as graph:
        check(await ask(graph), "chartmogul", "UPSTREAM_UNAVAILABLE")


TLS = {
    "good": DATA,
    "expired": "UPSTREAM_UNAVAILABLE",
    "another host": "UPSTREAM_UNAVAILABLE",
    "untrusted": "UPSTREAM_UNAVAILABLE",
}


@pytest.mark.parametrize("certificate", TLS)
async def test_a_certificate_that_does_not_prove_the_host_is_not_talked_to(
    certificate: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trusted = make_certificates(certificate, tmp_path)
    # aiohttp makes its context when it is imported; this is the same with an authority of our own.
    monkeypatch.setattr(aiohttp.connector, "_SSL_CONTEXT_VERIFIED", ssl.create_default_context(cafile=str(trusted)))
    simulator = Simulator()
    async with (
        simulator.serve() as urls,
        behind_tls(urls.chartmogul, tmp_path) as port,
        open_graph(CHARTMOGUL_URL=f"https://localhost:{port}/chartmogul") as graph,
    ):
        check(await ask(graph), "chartmogul", TLS[certificate])
    assert bool(simulator.chartmogul.calls) == (certificate == "good")


def make_certificates(kind: str, folder: Path) -> Path:
    """Write the server's certificate and key; return the file of the authority that the client trusts."""
    x509 = pytest.importorskip("cryptography.x509")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    now = datetime.now(UTC)

    def name(text: str) -> Any:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    def authority(text: str) -> tuple[Any, Any]:
        key = ec.generate_private_key(ec.SECP256R1())
        made = (
            x509.CertificateBuilder()
            .subject_name(name(text))
            .issuer_name(name(text))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=3))
            .not_valid_after(now + timedelta(days=3))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        return made, key

    ours, our_key = authority("ours")
    signer, signing_key = authority("somebody else's") if kind == "untrusted" else (ours, our_key)
    key = ec.generate_private_key(ec.SECP256R1())
    host = "elsewhere.example" if kind == "another host" else "localhost"
    made = (
        x509.CertificateBuilder()
        .subject_name(name(host))
        .issuer_name(signer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=2))
        .not_valid_after(now + timedelta(days=-1 if kind == "expired" else 1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signing_key.public_key()), critical=False)
        .sign(signing_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "server.pem").write_bytes(made.public_bytes(pem) + private)
    (folder / "authority.pem").write_bytes(ours.public_bytes(pem))
    return folder / "authority.pem"


@asynccontextmanager
async def behind_tls(url: str, folder: Path) -> AsyncIterator[int]:
    """Serve what stands at the URL with the certificate in the folder; yield the port."""
    host, _, port = url.split("/")[2].partition(":")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            writer.write(data)
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(host, int(port))
        await asyncio.gather(pipe(reader, back), pipe(there, writer), return_exceptions=True)

    asyncio.get_running_loop().set_exception_handler(lambda *_: None)  # handshakes that fail are what is tried
    server = await asyncio.start_server(serve, "localhost", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def test_no_deadline_hangs_on_a_clock_that_can_be_set() -> None:
    """A clock that jumps must not end or prolong any wait. Only a `Retry-After` date is read off the calendar."""
    users = []
    for file in sorted(Path(resolvers.breaker.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module == "time":
                users += [f"{file.name} {alias.name}" for alias in node.names if alias.name == "time"]
            if isinstance(node, ast.Attribute) and ast.unparse(node) in ("time.time", "datetime.now", "datetime.today"):
                users.append(f"{file.name} {ast.unparse(node)}")
    assert users == ["reply.py datetime.now"]


@pytest.mark.parametrize("source", ["nexudus", "chartmogul"])
@pytest.mark.parametrize(
    "fault", ["invalid-json", "html", "another-record", "null", "list", "empty", "latin-1", "nan", "418", "truncated"]
)
async def test_the_log_has_one_line_for_an_answer_that_cannot_be_used(
    source: str, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    query = {
        "nexudus": '{ nexudusOpportunity(sourceId: "1427000501") { id } }',
        "chartmogul": '{ chartMogulOpportunity(sourceId: "4ee13ca4-e7fe-11ee-fa7f-f303abf41acc") { id } }',
    }[source]
    async with open_graph() as graph:
        getattr(graph.simulator, source).faults.add(FAULTS[fault], times=None, kinds={"get"})
        answer = await graph.ask(query)
    assert answer["errors"][0]["extensions"]["code"] == "UPSTREAM_BAD_RESPONSE"
    (line,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert line.startswith(source)
    assert "UPSTREAM_BAD_RESPONSE (" in line
