"""The whole: real processes, real sockets, a real HTTP client (`startup.serving`); and the command line."""

import base64
import http.client
import json
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

import configuration
import server
from resolvers.registry import SOURCES
from resolvers.settings import read, variables
from simulator import CHARTMOGUL_EXAMPLE_ID, NEXUDUS_EXAMPLE_ID
from store.errors import StoreUnavailable
from store.sole_use import sole_use
from tests.processes import MINIMAL, ROOT, SERVER, SIMULATOR, running
from tests.waiting import PATIENCE_SECONDS

UVICORN = [sys.executable, "-m", "uvicorn", "--app-dir", str(ROOT), "--factory", "server:create_app"]

BOTH = f"""{{
  nexudusOpportunity(sourceId: "{NEXUDUS_EXAMPLE_ID}") {{ name value {{ amount }} }}
  chartMogulOpportunity(sourceId: "{CHARTMOGUL_EXAMPLE_ID}") {{ amountInCents }}
}}"""
BOTH_DATA = {
    "nexudusOpportunity": {"name": "Example Widgets - 12 desk office", "value": {"amount": "4800.00000"}},
    "chartMogulOpportunity": {"amountInCents": "125000"},
}


def request(url: str, body: Any = None, **headers: str) -> tuple[int, dict[str, str], bytes]:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=PATIENCE_SECONDS)
    try:
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        data = None if body is None else json.dumps(body)
        kind = {} if body is None else {"Content-Type": "application/json"}
        connection.request("GET" if body is None else "POST", path, data, kind | headers)
        response = connection.getresponse()
        return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
    finally:
        connection.close()


def ask(url: str, query: str) -> Any:
    status, _, body = request(url, {"query": query})
    assert status == 200, body
    return json.loads(body)


def test_the_demo_answers_over_http_and_ends_cleanly_with_ctrl_c(tmp_path: Path) -> None:
    with running([*SERVER, "--demo", "--port", "0"], tmp_path, REQUEST_BODY_TIMEOUT_SECONDS="0.3") as demo:
        url = demo.read_until(r"http://127\.0\.0\.1:\d+/graphql")[0]
        with socket.create_connection(("127.0.0.1", urlsplit(url).port or 0), PATIENCE_SECONDS) as slow:
            slow.sendall(b"GET /graphql HTT")
            answer = ask(url, BOTH)
            assert slow.recv(100).startswith(b"HTTP/1.1 408 "), "a head that never ends is not given up"
        status, headers, page = request(url, Accept="text/html")
        ready, *_ = request(url.replace("/graphql", "/health/ready"))
        exit_status, stderr = demo.interrupt(), demo.stderr

    assert answer["data"] == BOTH_DATA
    assert answer["extensions"]["upstream"]["nexudus"]["requests"] == 1
    assert (status, ready) == (200, 200)
    assert headers["content-type"].startswith("text/html")
    assert "content-security-policy" in headers
    assert b"<html" in page
    assert "server" not in headers
    assert exit_status == 0
    assert "Traceback" not in stderr + demo.printed
    assert server.samples()[0].query in demo.printed
    assert [sample.name for sample in server.samples() if sample.name not in demo.printed] == []
    assert len(server.samples()) >= 13
    assert "Next:" in demo.printed
    assert demo.printed.removesuffix("\nStopped.\n").splitlines()[-1] == url


def test_the_demo_shows_where_records_are_seen_and_reads_files_anew_at_a_hang_up(tmp_path: Path) -> None:
    query = f'{{ nexudusOpportunity(sourceId: "{NEXUDUS_EXAMPLE_ID}") {{ url owner {{ email }} }} }}'
    owners = tmp_path / "owners.json"
    owners.write_text('[{"name": "Testy McAdminface", "email": "first@example.com"}]', "utf-8")
    pattern = "https://crm.example.com/deals/{sourceId}"
    settings = {"NEXUDUS_RECORD_URL": pattern, "OWNERS_FILE": str(owners), "NEXUDUS_PASSWORD": "of nobody here"}
    with running([*SERVER, "--demo", "--port", "0"], tmp_path, **settings) as demo:
        url = demo.read_until(r"http://127\.0\.0\.1:\d+/graphql")[0]
        answer = ask(url, query)["data"]["nexudusOpportunity"]
        assert answer == {
            "url": f"https://crm.example.com/deals/{NEXUDUS_EXAMPLE_ID}",
            "owner": {"email": "first@example.com"},
        }
        owners.write_text('[{"name": "Testy McAdminface", "email": "second@example.com"}]', "utf-8")
        demo.popen.send_signal(signal.SIGHUP)
        while ask(url, query)["data"]["nexudusOpportunity"]["owner"]["email"] != "second@example.com":
            assert demo.popen.poll() is None, "it has ended"  # and it is killed if it takes for ever
        assert demo.interrupt() == 0
        assert "read anew, and in force from now on: OWNERS_FILE" in demo.stderr
        assert "not read anew" not in demo.stderr


def test_a_malformed_address_of_records_ends_the_demo_with_a_line(tmp_path: Path) -> None:
    environ = MINIMAL | {"NEXUDUS_RECORD_URL": "https://hunter2.example/"}
    done = subprocess.run([*SERVER, "--demo"], cwd=tmp_path, env=environ, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("NEXUDUS_RECORD_URL: must be a URL like")
    assert "hunter2" not in done.stderr


def test_the_simulator_alone_prints_what_a_server_in_another_process_needs(tmp_path: Path) -> None:
    with running([*SIMULATOR, "--port", "0"], tmp_path) as simulator:
        control = simulator.read_until(r"# control: (http://\S+)/\{")[1]
        settings = dict(line.split("=", 1) for line in simulator.printed.splitlines() if "=" in line)
        for source in SOURCES:
            assert read(source.settings, settings).is_configured, source.name
            assert f"{source.name.upper()}_URL" in settings
        assert settings.keys() <= {name for source in SOURCES for name in variables(source.settings)}
        key = base64.b64encode(f"{settings['CHARTMOGUL_API_KEY']}:".encode()).decode()
        pong = request(f"{settings['CHARTMOGUL_URL']}/v1/ping", Authorization=f"Basic {key}")
        assert (pong[0], json.loads(pong[2])) == (200, {"data": "pong!"})

        # What it printed, as it stands, is an `.env`.
        (tmp_path / ".env").write_text(simulator.printed, "utf-8")
        with running([*SERVER, "--port", "0"], tmp_path, SYNC_ENABLED="false") as serving:
            url = serving.read_until(r"Serving (http://127\.0\.0\.1:\d+/graphql)")[1]
            answer = ask(url, BOTH)
            calls = json.loads(request(f"{control}/calls")[2])
            server_status, server_stderr = serving.interrupt(), serving.stderr
        simulator_status, simulator_stderr = simulator.interrupt(), simulator.stderr

    assert answer == {"data": BOTH_DATA}
    assert sorted(call["kind"] for call in calls) == ["get", "get", "ping", "token-password"]
    assert (server_status, simulator_status) == (0, 0)
    assert "Traceback" not in server_stderr
    assert simulator_stderr == ""


def test_malformed_settings_end_the_process_with_a_line_each_and_no_secret(tmp_path: Path) -> None:
    environ = {"PORT": "eighty", "CHARTMOGUL_API_KEY": "hunter2 hunter2", "NEXUDUS_PASWORD": "hunter2"}
    done = subprocess.run(
        SERVER, cwd=tmp_path, env=MINIMAL | environ, capture_output=True, text=True, timeout=PATIENCE_SECONDS
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert sorted(line.split(":")[0] for line in done.stderr.splitlines()) == [
        "CHARTMOGUL_API_KEY",
        "NEXUDUS_PASWORD",
        "PORT",
    ]
    assert "hunter2" not in done.stderr


def test_under_uvicorns_own_command_malformed_settings_are_lines_too(tmp_path: Path) -> None:
    command = [*UVICORN, "--port", "0"]
    environ = {"CHARTMOGUL_API_KEY": "key", "CHARTMOGUL_URL": "http://hunter2.example", "LOG_LEVEL": "hunter2"}
    done = subprocess.run(
        command, cwd=tmp_path, env=MINIMAL | environ, capture_output=True, text=True, timeout=PATIENCE_SECONDS
    )
    assert done.returncode == 2
    assert [line.split(":")[0] for line in done.stderr.splitlines()] == ["LOG_LEVEL", "CHARTMOGUL_URL"]


# The command line, in this process


@pytest.fixture
def no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """An environment without any setting, in a folder without `.env`."""
    monkeypatch.setattr(configuration, "environ", {})
    monkeypatch.chdir(tmp_path)
    return monkeypatch


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    status = server.main(arguments)
    shown = capsys.readouterr()
    return status, shown.out, shown.err


def test_ctrl_c_while_modules_are_loaded_ends_it_without_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "uvicorn.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n")
    path = {**MINIMAL, "PYTHONPATH": str(tmp_path)}
    ended = subprocess.run([*SERVER, "--demo"], env=path, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (-signal.SIGINT, "", "")


@pytest.mark.usefixtures("no_settings")
@pytest.mark.parametrize("arguments", [(), ("--check-config",)])
def test_without_a_source_it_refuses_to_start_and_points_to_the_demo(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    status, out, err = run(capsys, *arguments)
    assert (status, out) == (2, "")
    assert len(err.splitlines()) == 1
    for word in ("NEXUDUS_USERNAME", "NEXUDUS_PASSWORD", "CHARTMOGUL_API_KEY", "python server.py --demo"):
        assert word in err


@pytest.mark.parametrize(
    ("environ", "told"),
    [
        ({"CHARTMOGUL_API_KEY": "key-hunter2"}, ("Nexudus not configured", "ChartMogul yes")),
        ({"NEXUDUS_USERNAME": "ada", "NEXUDUS_PASSWORD": "hunter2"}, ("Nexudus yes", "ChartMogul not configured")),
        ({"NEXUDUS_ACCESS_TOKEN": "token-hunter2"}, ("Nexudus yes",)),
    ],
)
def test_check_config_says_what_is_configured_and_shows_no_secret(
    no_settings: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], environ: dict[str, str], told: tuple[str, ...]
) -> None:
    no_settings.setattr(configuration, "environ", environ)
    status, out, err = run(capsys, "--check-config")
    assert (status, err) == (0, "")
    assert all(text in out for text in told)
    assert "hunter2" not in out


def test_a_file_that_another_process_serves_from_is_refused_and_can_be_looked_at(
    no_settings: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    no_settings.setattr(configuration, "environ", {"CHARTMOGUL_API_KEY": "key", "STORE_URL": "deals.db"})
    with sole_use(tmp_path / "deals.db"):
        status, out, err = run(capsys)
        assert (status, out) == (2, "")
        assert err.startswith("STORE_URL: another process serves from deals.db: ")
        assert len(err.splitlines()) == 1
        with pytest.raises(SystemExit) as ended:
            server.create_app()
        assert ended.value.code == 2
        assert not (tmp_path / "deals.db").exists()
        assert run(capsys, "--check-config")[0] == 0


async def test_the_application_of_uvicorns_own_command_keeps_its_store_until_it_ends(
    no_settings: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    environ = {"CHARTMOGUL_API_KEY": "key", "STORE_URL": "deals.db", "SYNC_ENABLED": "false"}
    no_settings.setattr(configuration, "environ", environ)
    app = server.create_app()
    async with app.router.lifespan_context(app):
        with pytest.raises(StoreUnavailable), sole_use(tmp_path / "deals.db"):
            pass
    with sole_use(tmp_path / "deals.db"):
        pass


@pytest.mark.usefixtures("no_settings")
def test_check_config_of_the_demo_needs_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "--demo", "--check-config")[0] == 0


@pytest.mark.parametrize(
    ("environ", "arguments", "names"),
    [
        ({}, ("--port", "eighty"), ["PORT"]),
        ({}, ("--port", "65536"), ["PORT"]),
        ({"PORT": "eighty"}, (), ["PORT"]),
        ({"NEXUDUS_URL": "nowhere"}, (), ["NEXUDUS_URL"]),
        ({"CHARTMOGUL_URL": "https://u:hunter2@host"}, (), ["CHARTMOGUL_URL"]),
        ({"CHARTMOGUL_MINOR_UNITS": "hunter2"}, (), ["CHARTMOGUL_MINOR_UNITS"]),
        ({"LOG_LEVEL": "hunter2", "ATTEMPT_TIMEOUT_SECONDS": "hunter2"}, (), ["ATTEMPT_TIMEOUT_SECONDS", "LOG_LEVEL"]),
        ({"CHARTMOGUL_API_KEY_FILE": "/nowhere/hunter2"}, (), ["CHARTMOGUL_API_KEY"]),
        ({"NEXUDUS_URL": "http://hunter2.example"}, (), ["NEXUDUS_URL"]),
        ({"API_KEY": "hunter2"}, (), ["API_KEY"]),
        ({}, ("--port", "-1"), ["PORT"]),
        ({}, ("--host", "10.0.0.1"), ["HOST"]),
        ({"HOST": "hunter2 hunter2"}, (), ["HOST"]),
        ({"LOG_FORMAT": "hunter2"}, (), ["LOG_FORMAT"]),
        ({"METRICS": "hunter2"}, (), ["METRICS"]),
        ({"SHUTDOWN_DELAY_SECONDS": "nan"}, (), ["SHUTDOWN_DELAY_SECONDS"]),
        ({"ERROR_DOCS_URL": "hunter2"}, (), ["ERROR_DOCS_URL"]),
        ({"API_KEYS": "hunter2"}, (), ["API_KEYS"]),
        ({"API_KEYS": "a hunter2 opportunities:read"}, (), ["API_KEYS"]),
        ({"GATEWAY_KEYS_FILE": "."}, (), ["GATEWAY_KEYS"]),
        ({"API_KEYS_FILE": "hunter2", "API_KEYS": "hunter2"}, (), ["API_KEYS"]),
        ({"JWT_ISSUER": "hunter2"}, (), ["JWT_AUDIENCE", "JWT_JWKS_URL"]),
        ({"JWT_ISSUER": "a", "JWT_AUDIENCE": "b", "JWT_JWKS_URL": "http://hunter2.example"}, (), ["JWT_JWKS_URL"]),
        ({"JWT_ISSUER": "a", "JWT_AUDIENCE": "b", "JWT_JWKS_URL": "http://[hunter2"}, (), ["JWT_JWKS_URL"]),
        ({"JWT_ALGORITHMS": "none"}, (), ["JWT_ALGORITHMS"]),
        ({"JWT_ALGORITHMS": "HS256 hunter2"}, (), ["JWT_ALGORITHMS"]),
        ({"CORS_ORIGINS": "hunter2"}, (), ["CORS_ORIGINS"]),
        ({"PRODUCTION": "true"}, (), ["PRODUCTION"]),
        ({"AUTHENTICATION": "hunter2"}, (), ["AUTHENTICATION"]),
        ({"PERSISTED_QUERIES": "listed-only"}, (), ["PERSISTED_MANIFEST"]),
        ({"PERSISTED_MANIFEST": "hunter2.json"}, (), ["PERSISTED_MANIFEST"]),
        ({"QUERY_MAX_DEPTH": "0"}, (), ["QUERY_MAX_DEPTH"]),
        ({"NEXUDUS_USERNAME": "hunter2"}, (), ["NEXUDUS_ACCESS_TOKEN"]),
        ({"NEXUDUS_ACCESS_TOKEN": "hunter2 \u2013"}, (), ["NEXUDUS_ACCESS_TOKEN"]),
        ({"NEXUDUS_RECORD_URL": "https://host/hunter2"}, (), ["NEXUDUS_RECORD_URL"]),
        ({"NEXUDUS_RECORD_URL": "http://hunter2.example/{sourceId}"}, (), ["NEXUDUS_RECORD_URL"]),
        ({"NEXUDUS_CONCURRENCY": "0"}, (), ["NEXUDUS_CONCURRENCY"]),
        ({"CHARTMOGUL_CONCURRENCY": "21"}, (), ["CHARTMOGUL_CONCURRENCY"]),
        ({"OPERATION_DEADLINE_SECONDS": "1"}, (), ["OPERATION_DEADLINE_SECONDS"]),
        ({"STORE_URL": "postgresql://u:hunter2@host/db"}, (), ["STORE_URL"]),
        ({"STORE_URL": "postgresql+psycopg://u:hunter2@host"}, (), ["STORE_URL"]),
        ({"STORE_URL": "postgresql+psycopg://u:hunter2@host/db?hunter2=1"}, (), ["STORE_URL"]),
        ({"STORE_URL": "nowhere/deals.db"}, (), ["STORE_URL"]),
        ({"STORE_TOMBSTONE_DAYS": "-1"}, (), ["STORE_TOMBSTONE_DAYS"]),
        ({"STORE_CHANGES_DAYS": "-1"}, (), ["STORE_CHANGES_DAYS"]),
        ({"EXCHANGE_RATES_FILE": "hunter2"}, (), ["EXCHANGE_RATES_FILE"]),
        ({"OWNERS_FILE": "hunter2"}, (), ["OWNERS_FILE"]),
        ({"SYNC_INCREMENT_SECONDS": "hunter2"}, (), ["SYNC_INCREMENT_SECONDS"]),
        ({"SYNC_SHARE_OF_HOUR": "2"}, (), ["SYNC_SHARE_OF_HOUR"]),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://[hunter2"}, (), ["OTEL_EXPORTER_OTLP_ENDPOINT"]),
        ({"OTEL_TRACES_EXPORTER": "hunter2"}, (), ["OTEL_TRACES_EXPORTER"]),
        ({}, ("--online",), ["--online"]),
        ({}, ("--fault", "hunter2"), ["--fault"]),
    ],
)
def test_each_malformed_setting_is_one_line_that_names_it(
    no_settings: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    environ: dict[str, str],
    arguments: tuple[str, ...],
    names: list[str],
) -> None:
    no_settings.setattr(configuration, "environ", {"NEXUDUS_ACCESS_TOKEN": "hunter2"} | environ)
    status, out, err = run(capsys, *arguments)
    assert (status, out) == (2, "")
    assert sorted(line.split(":")[0] for line in err.splitlines()) == names
    assert "hunter2" not in err


def test_a_database_that_cannot_be_reached_is_one_line_and_worth_another_start(
    no_settings: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    url = "postgresql+psycopg://u:hunter2@127.0.0.1:1/db"
    no_settings.setattr(configuration, "environ", {"NEXUDUS_ACCESS_TOKEN": "hunter2", "STORE_URL": url})
    assert run(capsys) == (3, "", "STORE_URL: PostgreSQL at 127.0.0.1:1 cannot be reached\n")


def test_a_flag_wins_over_the_environment(no_settings: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    no_settings.setattr(configuration, "environ", {"PORT": "eighty", "NEXUDUS_ACCESS_TOKEN": "x"})
    assert run(capsys, "--port", "0", "--check-config")[0] == 0


def test_the_environment_wins_over_the_dotenv_file_and_dollars_stay_what_they_are(
    no_settings: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("PORT=1\nHOST=::1\nNEXUDUS_PASSWORD=a${HOME}b\n", "utf-8")
    no_settings.setattr(configuration, "environ", {"PORT": "2", "HOST": ""})
    found = server.variables()
    assert (found["PORT"], found["HOST"], found["NEXUDUS_PASSWORD"]) == ("2", "", "a${HOME}b")


@pytest.mark.parametrize(
    ("content", "reason"), [(None, "cannot be read: Is a directory"), (b"\xff\xfeP\x00", "is not UTF-8 text")]
)
@pytest.mark.usefixtures("no_settings")
def test_a_dotenv_file_that_cannot_be_read_is_one_line_with_the_reason(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, content: bytes | None, reason: str
) -> None:
    (tmp_path / ".env").mkdir() if content is None else (tmp_path / ".env").write_bytes(content)
    assert run(capsys, "--check-config") == (2, "", f".env: the file {reason}\n")


@pytest.mark.usefixtures("no_settings")
def test_a_port_that_is_taken_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        status, out, err = run(capsys, "--demo", "--port", port)
    assert (status, out) == (2, "")
    assert len(err.splitlines()) == 1
    assert "PORT" in err
    assert port in err


@pytest.mark.usefixtures("no_settings")
@pytest.mark.parametrize("host", ["not a host", "host.invalid", "192.0.2.1"])
def test_a_host_that_cannot_be_listened_on_is_one_line(capsys: pytest.CaptureFixture[str], host: str) -> None:
    status, out, err = run(capsys, "--demo", "--host", host, "--port", "0")
    assert (status, out) == (2, "")
    assert len(err.splitlines()) == 1
    assert "HOST" in err


NOT_NEEDED = (
    *("simulator", "jwt", "cryptography", "h11", "alembic", "mako", "psycopg", "sqlalchemy.dialects.postgresql"),
    *("sqlalchemy.orm", "prometheus_client", "metrics", "opentelemetry", "tracing.exporter", "rich", "jinja2"),
    *("starlette.testclient", "strawberry.asgi", "multiprocessing.pool", "startup.online_check", "store.leases"),
    *("frozenlist._frozenlist", "dateutil.tz.tz", "html.entities", "logging.handlers"),
)
"""What a server loads only where a setting asks for it: megabytes in all."""


def test_nothing_is_loaded_that_a_server_of_real_sources_without_tokens_has_no_use_for(tmp_path: Path) -> None:
    """With a store in memory; without one, nothing that keeps it current either."""
    program = (
        "from startup.libraries import load_lean; load_lean()\n"
        "import server, asyncio, gc, sys\n"
        "def loaded():\n"
        f"    return sorted(name for name in {NOT_NEEDED} if name in sys.modules)\n"
        "def app(**more):\n"
        "    return server.create_app(server.AllSettings({'CHARTMOGUL_API_KEY': 'x', **more}))\n"
        "async def main():\n"
        "    async with app(SYNC_ENABLED='false').router.lifespan_context(None):\n"
        "        print(loaded(), 'sync.service' in sys.modules, gc.isenabled(), gc.get_freeze_count() > 10_000)\n"
        "    async with app(CHARTMOGUL_URL='http://127.0.0.1:9').router.lifespan_context(None):\n"
        "        print(loaded(), 'sync.service' in sys.modules)\n"
        "asyncio.run(main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=MINIMAL, capture_output=True, text=True, timeout=20
    )
    assert (done.stdout, done.stderr) == ("[] False True True\n[] True\n", "")


@pytest.mark.parametrize("way", [SERVER, UVICORN], ids=["server.py", "uvicorn"])
def test_a_store_that_cannot_be_opened_is_one_line(way: list[str], tmp_path: Path) -> None:
    (tmp_path / "deals.db").write_text("this is no database" * 100)
    environ = MINIMAL | {"STORE_URL": "deals.db", "CHARTMOGUL_API_KEY": "key"}
    done = subprocess.run([*way, "--port", "0"], cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=20)
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(r"STORE_URL: .*deals\.db .*\n", done.stderr)
