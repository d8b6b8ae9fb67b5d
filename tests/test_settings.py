"""`resolvers.settings` and every setting of the server, `configuration`: one line for each fault, and no value in it.

`server_settings` has the server's own, and `resolvers.setting_names` finds what was misspelt.
"""

import os
import re
from pathlib import Path

import msgspec
import pytest
from yarl import URL

from configuration import NOTHING_CONFIGURED, AllSettings
from resolvers.chartmogul import ChartMogulSettings
from resolvers.nexudus import NexudusSettings
from resolvers.resilience.transport import TransportSettings
from resolvers.setting_names import misspelt
from resolvers.settings import BadSettings, Secret, Settings, check_url, read, variables
from security.settings import SECURITY
from server_settings import ServerSettings, StoreSettings

NEXUDUS = {"NEXUDUS_USERNAME": "gateway@example.com", "NEXUDUS_PASSWORD": "correct horse"}
CHARTMOGUL = {"CHARTMOGUL_API_KEY": "key-5d1e"}
STRUCTS = (ServerSettings, StoreSettings, TransportSettings, NexudusSettings, ChartMogulSettings)


def problems(**environ: str) -> tuple[str, ...]:
    with pytest.raises(BadSettings) as caught:
        AllSettings({**NEXUDUS, **CHARTMOGUL, **environ})
    return caught.value.problems


def test_without_settings_the_defaults_hold() -> None:
    settings = AllSettings({**NEXUDUS, **CHARTMOGUL})

    assert (settings.server.host, settings.server.port) == ("127.0.0.1", 8000)
    assert settings.transport.attempt_timeout_seconds == 3.0
    assert settings.transport.operation_deadline_seconds == 5.0
    assert settings.transport.max_reply_bytes == 5_000_000
    assert settings.sources["nexudus"].url == "https://spaces.nexudus.com"
    assert settings.sources["chartmogul"].url == "https://api.chartmogul.com"
    assert not settings.server.upstream_cost


@pytest.mark.parametrize("struct", STRUCTS)
def test_every_default_can_be_set_explicitly(struct: type[Settings]) -> None:
    defaults = {
        name: str(field.default).lower() if isinstance(field.default, bool) else str(field.default)
        for name, field in variables(struct).items()
        if field.default is not None
    }
    assert read(struct, defaults) == read(struct, {})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "eighty"),
        ("PORT", "-12"),
        ("PORT", "65536"),
        ("PORT", "80.5"),
        ("HOST", "127.0.0.1:8000"),
        ("HOST", "[::1]"),
        ("HOST", "127.0.0.256"),
        ("HOST", "two words"),
        ("GRAPHIQL", "perhaps"),
        ("UPSTREAM_COST", "22"),
        ("LOG_LEVEL", "loud"),
        ("MAX_REQUEST_BYTES", "17"),
        ("MAX_REQUEST_BYTES", "99999999999"),
        ("MAX_REPLY_BYTES", "12"),
        ("MAX_REPLY_BYTES", "-5000000"),
        ("ATTEMPT_TIMEOUT_SECONDS", "0.00"),
        ("ATTEMPT_TIMEOUT_SECONDS", "-2"),
        ("ATTEMPT_TIMEOUT_SECONDS", "nan"),
        ("ATTEMPT_TIMEOUT_SECONDS", "inf"),
        ("ATTEMPT_TIMEOUT_SECONDS", "three"),
        ("OPERATION_DEADLINE_SECONDS", "1e99"),
        ("OPERATION_DEADLINE_SECONDS", "0.0123"),
        ("NEXUDUS_URL", "spaces.nexudus.example"),
        ("NEXUDUS_URL", "ftp://spaces.nexudus.example"),
        ("NEXUDUS_URL", "https://spaces.nexudus.example?x=7531"),
        ("NEXUDUS_URL", "https:///"),
        ("NEXUDUS_URL", "https://somebody:hunter2@spaces.nexudus.example"),
        ("NEXUDUS_URL", "https://spaces.nexudus.example:99999"),
        ("NEXUDUS_CLIENT_ID", "with space"),
        ("NEXUDUS_CLIENT_ID", "line\r\nX-Injected: yes"),
        ("NEXUDUS_CONFIRM_MISSING", "sometimes"),
        ("CHARTMOGUL_URL", "https://api.chartmogul.example/\r\nx"),
        ("CHARTMOGUL_API_KEY", "key with spaces"),
        ("CHARTMOGUL_API_KEY", "clé-secrète"),
        ("CHARTMOGUL_MINOR_UNITS", "dozens"),
        ("NEXUDUS_PASSWORD_FILE", "/dev/null"),
        ("CUSTOMER_LINK_ATTRIBUTE", "   "),
        ("NEXUDUS_USERNAME", "\t\t"),
        ("STORE_URL", "   "),
        ("STORE_URL", "deals.db "),
        ("NEXUDUS_RECORD_URL", "https://spaces.nexudus.example:99999/deals/{sourceId}"),
    ],
)
def test_a_malformed_setting_gives_one_line_that_names_it_and_not_its_value(name: str, value: str) -> None:
    (line,) = problems(**{name: value})

    assert name.removesuffix("_FILE") in line.split(":")[0].split(", ")
    assert "\n" not in line
    assert value not in line
    assert not [word for word in ("hunter2", "7531", "nexudus.example", "secr") if word in line]


def test_chartmogul_is_never_asked_for_more_at_once_than_it_allows() -> None:
    (line,) = problems(CHARTMOGUL_CONCURRENCY="21")
    assert line.startswith("CHARTMOGUL_CONCURRENCY: must be at most 20")
    for allowed in ({"CHARTMOGUL_CONCURRENCY": "20"}, {"CHARTMOGUL_CONCURRENCY": "64", "CHARTMOGUL_RATIONED": "false"}):
        AllSettings({**CHARTMOGUL, **allowed})


@pytest.mark.parametrize("name", ["NEXUDUS_CONCURRENCY", "CHARTMOGUL_CONCURRENCY"])
@pytest.mark.parametrize("value", ["0", "-1", "1001"])
def test_a_number_without_a_default_has_bounds_too(name: str, value: str) -> None:
    (line,) = problems(**{name: value})
    assert line.startswith(f"{name}: must be a whole number ")


def test_a_choice_names_what_can_be_chosen() -> None:
    assert problems(CHARTMOGUL_MINOR_UNITS="dozens") == ("CHARTMOGUL_MINOR_UNITS: must be one of hundred, iso4217",)


def test_all_faults_are_reported_at_once() -> None:
    lines = problems(PORT="eighty", NEXUDUS_URL="nowhere", CHARTMOGUL_MINOR_UNITS="dozens")
    assert [line.split(":")[0] for line in lines] == ["PORT", "NEXUDUS_URL", "CHARTMOGUL_MINOR_UNITS"]


def test_what_is_malformed_hides_no_other_fault(tmp_path: Path) -> None:
    rates, owners = tmp_path / "rates.json", tmp_path / "owners.json"
    rates.write_text("[]")
    owners.write_text("{}")
    lines = problems(
        STORE_TOMBSTONE_DAYS="some",
        EXCHANGE_RATES_FILE=str(rates),
        OWNERS_FILE=str(owners),
        SYNC_BRAKE_SHARE="2",
        SYNC_INCREMENT_SECONDS="600",
        ALLOW_REMOTE_DEMO="perhaps",
        HOST="10.0.0.1",
        WORKERS="2",
        CHARTMOGUL_URL="http://api.chartmogul.example",
    )
    assert [line.split(": ")[0] for line in lines] == [
        "STORE_TOMBSTONE_DAYS",
        "SYNC_BRAKE_SHARE",
        "SYNC_INCREMENT_LONGEST_SECONDS",
        "EXCHANGE_RATES_FILE",
        "OWNERS_FILE",
        "ALLOW_REMOTE_DEMO",
        "HOST",
        "CHARTMOGUL_URL",
        "WORKERS, REPLICAS",
    ]


@pytest.mark.parametrize(
    "environ",
    [
        {"NEXUDUS_PASSWORD": "'hunter2'", "NEXUDUS_USERNAME": "gateway@example.com"},
        {"CHARTMOGUL_API_KEY_FILE": "/no/such/file"},
        {"SYNC_INCREMENT_SECONDS": "0", "SYNC_INCREMENT_LONGEST_SECONDS": "30", **CHARTMOGUL},
        {"API_KEYS_FILE": "/no/such/file", "HOST": "10.0.0.1", **CHARTMOGUL},
        {"JWT_ISSUER": "i", "JWT_AUDIENCE": "a", "JWT_JWKS_URL": "https://[::1", "HOST": "10.0.0.1", **CHARTMOGUL},
        {"STORE_URL": "'postgresql+psycopg://user@host/deals'", "WORKERS": "2", **CHARTMOGUL},
    ],
)
def test_what_may_only_follow_from_a_malformed_setting_is_not_told(environ: dict[str, str]) -> None:
    with pytest.raises(BadSettings) as caught:
        AllSettings(environ)
    assert len(caught.value.problems) == 1


def test_a_deadline_that_no_attempt_fits_into_is_refused() -> None:
    (line,) = problems(OPERATION_DEADLINE_SECONDS="1", ATTEMPT_TIMEOUT_SECONDS="2")
    assert line.startswith("OPERATION_DEADLINE_SECONDS: ")


@pytest.mark.parametrize(("given", "missing"), [("USERNAME", "PASSWORD"), ("PASSWORD", "USERNAME")])
def test_half_given_credentials_are_refused(given: str, missing: str) -> None:
    (line,) = problems(**{f"NEXUDUS_{missing}": "", f"NEXUDUS_{given}": "hunter2"})
    assert line == f"NEXUDUS_{missing}: must be set too, since NEXUDUS_{given} is"


def test_an_access_token_beside_a_password_is_refused() -> None:
    (line,) = problems(NEXUDUS_ACCESS_TOKEN="token-7531")
    assert line.startswith("NEXUDUS_ACCESS_TOKEN: ")
    assert "7531" not in line


def test_an_access_token_alone_configures_nexudus() -> None:
    settings = AllSettings({"NEXUDUS_ACCESS_TOKEN": "token-7531"})
    assert settings.sources["nexudus"].is_configured
    assert not settings.sources["chartmogul"].is_configured


@pytest.mark.parametrize("given", ['"key"', "'key'", '""'])
def test_a_variable_in_quotation_marks_is_refused_by_its_name(given: str) -> None:
    told = "stands in quotation marks, which docker's --env-file leaves there: take them away"
    assert set(problems(CHARTMOGUL_API_KEY=given, LOG_LEVEL=given)) == {
        f"LOG_LEVEL: {told}",
        f"CHARTMOGUL_API_KEY: {told}",
    }


@pytest.mark.parametrize("name", ["STORE_URL", "OWNERS_FILE", "LOG_LEVEL", "CHARTMOGUL_API_KEY"])
def test_a_variable_that_no_path_can_be_is_refused_by_its_name(name: str) -> None:
    """`.env` may hold what no environment can."""
    assert problems(**{name: "deals\0.db"}) == (f"{name}: has a NUL character in it",)


def test_an_empty_variable_counts_as_not_set() -> None:
    unset = dict.fromkeys((name for struct in STRUCTS for name in variables(struct)), "")
    settings = AllSettings(unset | NEXUDUS)

    assert settings.server == ServerSettings()
    assert settings.transport == TransportSettings()
    assert not settings.sources["chartmogul"].is_configured


@pytest.mark.parametrize("environ", [{}, {"NEXUDUS_URL": "https://n.example"}, {"NEXUDUS_USERNAME": ""}])
def test_no_source_configured_says_what_to_set_and_points_to_the_demo(environ: dict[str, str]) -> None:
    with pytest.raises(BadSettings) as caught:
        AllSettings(environ)

    assert caught.value.problems == (NOTHING_CONFIGURED,)
    for word in ("NEXUDUS_USERNAME", "NEXUDUS_PASSWORD", "NEXUDUS_ACCESS_TOKEN", "CHARTMOGUL_API_KEY", "--demo"):
        assert word in NOTHING_CONFIGURED


@pytest.mark.parametrize("wrong", ["SYNC_INCREMENT_SECONDS", "SYNC_ENABLED", "PORT"])
def test_of_several_processes_a_wrong_setting_is_said_by_its_name_too(wrong: str) -> None:
    with pytest.raises(BadSettings) as caught:
        AllSettings({"CHARTMOGUL_API_KEY": "key", "WORKERS": "2", wrong: "nonsense"})

    assert any(problem.startswith(f"{wrong}: ") for problem in caught.value.problems)


def test_the_demo_needs_no_source() -> None:
    assert AllSettings({}, demo=True).demo


def test_a_secret_may_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("correct horse\n")
    settings = read(NexudusSettings, NEXUDUS | {"NEXUDUS_PASSWORD": "", "NEXUDUS_PASSWORD_FILE": str(file)})

    assert settings.password is not None
    assert settings.password.reveal() == "correct horse"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "cannot be read: No such file or directory"),
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"\xef\xbb\xbf\n", "is empty"),
        (b"\xff\xfek\x00", "is not UTF-8 text"),
        (b"k\0", "has a NUL character in it"),
        (b"x" * 1_000_001, "is too large"),
    ],
    ids=["none", "empty", "white space", "a byte order mark", "UTF-16", "NUL", "huge"],
)
def test_a_secret_file_that_holds_no_secret_is_named_with_the_reason(
    tmp_path: Path, content: bytes | None, reason: str
) -> None:
    file = tmp_path / "hunter2"
    if content is not None:
        file.write_bytes(content)
    (line,) = problems(CHARTMOGUL_API_KEY="", CHARTMOGUL_API_KEY_FILE=str(file))

    assert line == f"CHARTMOGUL_API_KEY: the file named by CHARTMOGUL_API_KEY_FILE {reason}"


@pytest.mark.parametrize("where", [".", "hunter2/below", "x" * 5_000, "hunter2\0"])
def test_a_path_of_a_secret_that_is_no_file_is_named_with_the_reason(tmp_path: Path, where: str) -> None:
    (tmp_path / "hunter2").write_text("key")
    (line,) = problems(CHARTMOGUL_API_KEY="", CHARTMOGUL_API_KEY_FILE=str(tmp_path / where))
    assert re.search(
        r"cannot be read: (Is a directory|Not a directory|File name too long|its path has a NUL .*)$", line
    )
    assert "hunter2" not in line


def test_a_secret_file_that_may_not_be_read_is_named_with_the_reason(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("key")
    file.chmod(0)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)  # root may read everything
    try:
        (line,) = problems(CHARTMOGUL_API_KEY="", CHARTMOGUL_API_KEY_FILE=str(file))
    finally:
        os.seteuid(user)
    assert line.endswith("CHARTMOGUL_API_KEY_FILE cannot be read: Permission denied")


def test_a_byte_order_mark_is_no_part_of_a_secret(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_bytes(b"\xef\xbb\xbfkey-5d1e\r\n")
    key = read(ChartMogulSettings, {"CHARTMOGUL_API_KEY_FILE": str(file)}).api_key
    assert key is not None
    assert key.reveal() == "key-5d1e"


def test_a_secret_given_twice_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("key-from-file")
    (line,) = problems(CHARTMOGUL_API_KEY_FILE=str(file))
    assert line == "CHARTMOGUL_API_KEY: set either CHARTMOGUL_API_KEY or CHARTMOGUL_API_KEY_FILE, not both"


def test_only_secrets_are_read_from_files(tmp_path: Path) -> None:
    file = tmp_path / "url"
    file.write_text("https://elsewhere.example")
    (line,) = problems(NEXUDUS_URL_FILE=str(file))
    assert line.startswith("NEXUDUS_URL_FILE: no such setting")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("NEXUDUS_PASWORD", "NEXUDUS_PASSWORD"),
        ("NEXUDUS_USER_NAME", "NEXUDUS_USERNAME"),
        ("CHARTMOGUL_APIKEY", "CHARTMOGUL_API_KEY"),
        ("CHARTMOGUL_API_KEY_FLIE", "CHARTMOGUL_API_KEY_FILE"),
        ("OPERATION_DEADLINE_SECOND", "OPERATION_DEADLINE_SECONDS"),
        ("PRODUCTON", "PRODUCTION"),
        ("METRIC", "METRICS"),
        ("METRCS", "METRICS"),
        ("METRISC", "METRICS"),
        ("WORKER", "WORKERS"),
        ("EXPORT", "EXPORTS"),
        ("BOARDS", "BOARD"),
        ("BOERD", "BOARD"),
        ("board", "BOARD"),
        ("STORE", "STORE_URL"),
        ("API_KEY", "API_KEYS or CHARTMOGUL_API_KEY"),
        ("APIKEYS", "API_KEYS"),
        ("api_keys", "API_KEYS"),
        ("API_KEY_FILE", "API_KEYS_FILE or CHARTMOGUL_API_KEY_FILE"),
        ("GATEWAY_KEY", "GATEWAY_KEYS"),
        ("NEXUDUS_USER", "NEXUDUS_USERNAME"),
        ("NEXUDUS_PASS", "NEXUDUS_PASSWORD"),
        ("NEXUDUS_TOKEN", "NEXUDUS_ACCESS_TOKEN"),
        ("NEXUDUS_BASE_URL", "NEXUDUS_URL"),
        ("CHARTMOGUL_KEY", "CHARTMOGUL_API_KEY"),
        ("CORS_ALLOWED_ORIGINS", "CORS_ORIGINS"),
        ("JWKS_URL", "JWT_JWKS_URL"),
        ("JWT_JWKS", "JWT_JWKS_URL"),
        ("JWT_AUD", "JWT_AUDIENCE"),
        ("QUERY_DEPTH", "QUERY_MAX_DEPTH"),
        ("CUSTOMER_LINK_NEXUDUS", "CUSTOMER_LINK_SYSTEM_ID or CUSTOMER_LINK_ATTRIBUTE"),
    ],
)
def test_a_misspelt_name_is_told_from_a_setting(name: str, meant: str) -> None:
    (line,) = problems(**{name: "hunter2"})
    assert line == f"{name}: no such setting; did you mean {meant}?"


def test_variables_of_others_are_nobodys_business() -> None:
    names = """
        PATH PORTS HOSTS POST ORT HOME BORDER BROAD WORK WORKERS_PID STORED EXPORTER_PORT
        PYTHONPATH QUERY_STRING NEXUDUS_THEME HOSTNAME LOGNAME USERNAME PASSWORD URL ISSUER host port
        OTHER_API_KEYS OTHER_JWKS_URL PYTHON_VERSION PYTHONUNBUFFERED GPG_KEY API_URL API_HOST HTTP_PROXY no_proxy
    """.split()
    # What Kubernetes and Docker set for services of these names.
    services = ("CHARTMOGUL", "NEXUDUS", "CHARTMOGUL_API", "NEXUDUS_API", "API", "JWT", "GATEWAY", "QUERY", "HOST")
    services += ("CUSTOMER_LINK", "SYNC_INCREMENT", "NEXUDUS_CACHE")
    suffixes = "SERVICE_HOST SERVICE_PORT SERVICE_PORT_HTTP PORT PORT_80_TCP PORT_80_TCP_ADDR PORT_80_TCP_PROTO HOST"
    names += [f"{service}_{suffix}" for service in services for suffix in suffixes.split()]
    assert misspelt((*STRUCTS, *SECURITY), dict.fromkeys(names, "1")) == []


def test_no_repr_shows_a_secret() -> None:
    settings = AllSettings({**NEXUDUS, **CHARTMOGUL})
    shown = f"{settings.sources!r} {settings.sources['nexudus']} {Secret('hunter2')} {Secret('hunter2')!r}"

    assert not [word for word in ("correct", "horse", "5d1e", "hunter2") if word in shown]
    assert "***" in shown


@pytest.mark.parametrize(
    "text",
    [
        "https://spaces.nexudus.com",
        "https://spaces.nexudus.com/",
        "http://127.0.0.1:8765/nexudus",
        "http://[::1]:8765/a/b",
        "HTTPS://EXAMPLE.COM",
    ],
)
def test_a_base_url_may_carry_a_port_and_a_path(text: str) -> None:
    assert check_url(text) is None
    assert URL(f"{text.rstrip('/')}/api/token", encoded=True).path.endswith("/api/token")


@pytest.mark.parametrize(
    "text",
    [
        "https://h?",
        "https://h#",
        "https://h/?x=1",
        "https://h/#x",
        "https://@h",
        "https://:@h",
        "https://u@h",
        "https://u:p@h/path",
        "",
        "h",
        "//h",
        "/h",
        "https:h",
        "https:///h",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "https://h:port",
        "https://h:0",
        "https://[::1",
        "https://h h",
        "https://h\n",
        "https://\u0430pple.example",
    ],
)
def test_what_would_not_be_a_base_url_is_refused(text: str) -> None:
    assert check_url(text)


NUMBERS = [
    (name, field)
    for struct in (*STRUCTS, *SECURITY)
    for name, field in variables(struct).items()
    if isinstance(field.default, int | float) and not isinstance(field.default, bool)
]


@pytest.mark.parametrize(("name", "field"), NUMBERS, ids=[name for name, _ in NUMBERS])
def test_no_number_may_be_below_zero_nor_beyond_all_bounds(name: str, field: msgspec.structs.FieldInfo) -> None:
    for value in ("-1", "-0.5", "1e300", "nan", "inf"):
        (line,) = problems(**{name: value})
        assert line.startswith(f"{name}: must be a ")


MAY_BE_ZERO = re.compile(
    "CACHE_(FRESH|MISSING|STALE)_SECONDS|^PORT$|SHUTDOWN_DELAY_SECONDS|JWT_LEEWAY_SECONDS|SYNC_GUARANTEED_SHARE|"
    "STORE_(TOMBSTONE|CHANGES)_DAYS"
)


@pytest.mark.parametrize("name", [name for name, _ in NUMBERS if not MAY_BE_ZERO.search(name)])
def test_a_limit_of_zero_is_refused(name: str) -> None:
    (line,) = problems(**{name: "0"})
    assert line.startswith(f"{name}: must be a ")
