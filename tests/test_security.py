"""`security.settings` and `security.parts`, the settings of the door: what refuses to start, saying what to set.

`security.checks` is made of them.
"""

import json
from pathlib import Path
from typing import Any

import pytest

import server
from configuration import AllSettings
from resolvers.registry import SOURCES
from resolvers.settings import BadSettings, variables
from tests.credentials import line
from tracing.settings import ENDPOINTS

SOURCE = {"CHARTMOGUL_API_KEY": "key"}
JWT = {"JWT_ISSUER": "https://i.example.com", "JWT_AUDIENCE": "graph", "JWT_JWKS_URL": "https://i.example.com/keys"}
KEYS = line("name", "key")
EVERYWHERE = ".".join("0000")


def problems(*, demo: bool = False, **variables: str) -> list[str]:
    try:
        AllSettings(SOURCE | variables, demo=demo)
    except BadSettings as error:
        return list(error.problems)
    return []


@pytest.mark.parametrize("host", [EVERYWHERE, "::", "10.0.0.1", "example.com", "localhost.example.com"])
def test_a_server_that_others_can_reach_does_not_start_without_saying_who_may_call(host: str) -> None:
    (error,) = problems(HOST=host)
    assert error.startswith("HOST: other machines can reach this address")
    for name in ("JWT_ISSUER", "API_KEYS", "GATEWAY_KEYS", "AUTHENTICATION=proxy"):
        assert name in error
    for mode in (JWT, {"API_KEYS": KEYS}, {"GATEWAY_KEYS": KEYS}, {"AUTHENTICATION": "proxy"}):
        assert problems(HOST=host, **mode) == []


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_on_this_machine_alone_it_starts(host: str) -> None:
    assert problems(HOST=host) == []


def test_in_production_it_never_starts_without_saying_who_may_call() -> None:
    assert problems(PRODUCTION="true")[0].startswith("PRODUCTION: say who may call")
    assert problems(PRODUCTION="true", API_KEYS=KEYS) == []


def test_the_demo_listens_on_this_machine_only(capsys: pytest.CaptureFixture[str]) -> None:
    assert problems(demo=True, HOST=EVERYWHERE, API_KEYS=KEYS)[0].startswith(
        "HOST: --demo listens on this machine only"
    )
    assert problems(demo=True) == []
    assert server.main(["--demo", "--host", EVERYWHERE, "--port", "0"]) == 2
    assert "--demo listens on this machine only" in capsys.readouterr().err


def test_the_demo_may_be_reached_by_others_where_that_is_said() -> None:
    assert problems(demo=True, HOST=EVERYWHERE, ALLOW_REMOTE_DEMO="true") == []
    assert problems(HOST=EVERYWHERE, ALLOW_REMOTE_DEMO="true")[0].startswith("HOST: other machines can reach")


REMOTE = [
    "http://internal.example.com",
    "HTTP://10.0.0.1:8080/base",
    "http://localhost.example.com",
    "http://[fe80::1]",
]


@pytest.mark.parametrize("url", REMOTE)
@pytest.mark.parametrize("name", ["NEXUDUS_URL", "CHARTMOGUL_URL", "JWT_JWKS_URL"])
def test_credentials_and_keys_travel_encrypted_unless_the_operator_says_otherwise(name: str, url: str) -> None:
    (error,) = problems(**{**JWT, name: url})
    assert error.startswith(f"{name}: must be https")
    assert "ALLOW_INSECURE_SOURCES=true" in error
    assert url not in error
    assert problems(**{**JWT, name: url, "ALLOW_INSECURE_SOURCES": "true"}) == []


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8765/base", "http://[::1]", "http://localhost:1", "https://a.example"]
)
@pytest.mark.parametrize("name", ["NEXUDUS_URL", "CHARTMOGUL_URL", "JWT_JWKS_URL"])
def test_what_stays_on_this_machine_need_not_be_encrypted(name: str, url: str) -> None:
    assert problems(**{**JWT, name: url}) == []


def test_each_url_of_each_source_is_looked_at() -> None:
    names = [name for source in SOURCES for name in variables(source.settings) if "URL" in name]
    urls = {name: "http://h.example" + ("/{sourceId}" if name.endswith("RECORD_URL") else "") for name in names}
    assert sorted(error.split(":")[0] for error in problems(**urls)) == sorted(urls)
    assert len(urls) >= len(SOURCES)


@pytest.mark.parametrize("name", ENDPOINTS)
def test_credentials_for_a_collector_of_traces_travel_encrypted(name: str) -> None:
    credentials = {"OTEL_EXPORTER_OTLP_HEADERS": "authorization=hunter2"}
    (error,) = problems(**{name: "http://collector.example"}, **credentials)
    assert error.startswith(f"{name}: must be https")
    assert "hunter2" not in error
    assert problems(**{name: "http://collector.example"}) == [], "a trace without credentials has nothing to hide"
    assert problems(**{name: "http://localhost:4318"}, **credentials) == []
    assert problems(**{name: "https://collector.example"}, **credentials) == []
    assert problems(**{name: "http://collector.example", "ALLOW_INSECURE_SOURCES": "true"}, **credentials) == []


def test_an_insecure_url_ends_the_start_with_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "variables", lambda: SOURCE | {"CHARTMOGUL_URL": "http://hunter2.example"})
    assert server.main(["--check-config"]) == 2
    shown = capsys.readouterr()
    assert (shown.out, len(shown.err.splitlines()), "hunter2" in shown.err) == ("", 1, False)


def test_the_refusal_reaches_who_starts_it(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "variables", lambda: dict(SOURCE))
    assert server.main(["--host", EVERYWHERE]) == 2
    assert "say who may call" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"JWT_ISSUER": "x"}, ["JWT_AUDIENCE", "JWT_JWKS_URL"]),
        ({**JWT, "JWT_JWKS_URL": "http://i.example.com/keys"}, ["JWT_JWKS_URL"]),
        ({**JWT, "JWT_JWKS_URL": "https://user:pass@i.example.com/keys"}, ["JWT_JWKS_URL"]),
        ({**JWT, "JWT_ALGORITHMS": "HS256"}, ["JWT_ALGORITHMS"]),
        ({**JWT, "JWT_ALGORITHMS": "RS256 none"}, ["JWT_ALGORITHMS"]),
        ({**JWT, "JWT_ALGORITHMS": " "}, ["JWT_ALGORITHMS"]),
        ({**JWT, "JWT_AUDIENSE": "x"}, ["JWT_AUDIENSE"]),
        ({"API_KEYS": "name key opportunities:read"}, ["API_KEYS"]),
        ({"GATEWAY_KEYS": "x"}, ["GATEWAY_KEYS"]),
        ({"API_KEYS": KEYS, "AUTHENTICATION": "proxy"}, ["AUTHENTICATION"]),
        ({**JWT, "AUTHENTICATION": "proxy"}, ["AUTHENTICATION"]),
        ({"AUTHENTICATION": "none"}, ["AUTHENTICATION"]),
        ({"CORS_ORIGINS": "*"}, ["CORS_ORIGINS"]),
        ({"CORS_ORIGINS": "https://a.example.com https://b.example.com/"}, ["CORS_ORIGINS"]),
        ({"PERSISTED_QUERIES": "listed-only"}, ["PERSISTED_MANIFEST"]),
        ({"PERSISTED_MANIFEST": "no-such-file.json"}, ["PERSISTED_MANIFEST"]),
        ({"QUERY_MAX_DEPTH": "0"}, ["QUERY_MAX_DEPTH"]),
        ({"QUERY_MAX_DEPHT": "9"}, ["QUERY_MAX_DEPHT"]),
        ({"PRODUCTION": "perhaps"}, ["PRODUCTION"]),
    ],
)
def test_settings_that_cannot_be_meant_are_refused_by_name(variables: dict[str, str], named: list[str]) -> None:
    found = problems(**variables)
    assert [error.split(":")[0] for error in found] == named
    assert "pass@" not in "".join(found)


def test_gateways_may_have_keys_behind_a_proxy() -> None:
    assert problems(AUTHENTICATION="proxy", GATEWAY_KEYS=KEYS) == []


def test_keys_may_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(KEYS + "\n" + line("other", "other") + "\n")
    settings = AllSettings({**SOURCE, "API_KEYS_FILE": str(file)})
    assert settings.security.requires_credentials
    assert KEYS.split()[1] not in repr(settings.security)


def test_limits_are_settings() -> None:
    limits: Any = AllSettings({**SOURCE, "QUERY_MAX_RECORDS": "7", "QUERY_MAX_TOKENS": "99"}).security.query_limits()
    assert (limits.max_records, limits.max_tokens) == (7, 99)


def test_a_manifest_that_is_none_is_refused_at_the_start(tmp_path: Path) -> None:
    file = tmp_path / "manifest.json"
    file.write_text(json.dumps({"q": 7}))
    (error,) = problems(PERSISTED_MANIFEST=str(file))
    assert error.startswith("PERSISTED_MANIFEST: must be a JSON object")
