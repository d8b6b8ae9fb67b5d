"""The image, built and run: read-only, as nobody in particular, and as compose runs it. `make test-image`.

It is built with docker, podman or buildah, whichever runs here, and run by bubblewrap in what the engine has built, so
that no engine's daemon is needed.
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import yaml

from tests import postgres
from tests.composed import COMPOSE, DEPLOY, Composed, composed
from tests.processes import ROOT, running

pytestmark = pytest.mark.image

TAG = "localhost/opportunity-graph-under-test"
MINUTES = 60
BUILDAH = shutil.which("buildah") or ""


def needed(*programs: str) -> None:
    for program in programs:
        if not shutil.which(program):
            pytest.skip(f"{program} is not installed")


def buildah(*arguments: str) -> str:
    return subprocess.run([BUILDAH, *arguments], check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture(scope="module")
def image() -> Iterator[Path]:
    """The root of the image's files."""
    needed("buildah", "bwrap", "debootstrap")
    if os.geteuid():
        pytest.skip("debootstrap needs root")
    done = subprocess.run(
        [ROOT / "deploy" / "build-image", TAG],
        env=os.environ | {"BASE": os.environ.get("BASE", "debian"), "ENGINE": "buildah"},
        capture_output=True,
        text=True,
        timeout=15 * MINUTES,
    )
    assert done.returncode == 0, done.stderr[-3_000:]
    container = buildah("from", TAG)
    try:
        yield Path(buildah("mount", container))
    finally:
        buildah("rm", container)


def inside(image: Path, *command: str, mounts: Sequence[str] = (), **variables: str) -> list[str]:
    """Return a command that runs in the image, which it cannot write to; `mounts` are bubblewrap's."""
    settings = {"PATH": "/venv/bin:/usr/bin:/bin", "HOST": "127.0.0.1", "ALLOW_REMOTE_DEMO": "true", **variables}
    return [
        *("bwrap", "--ro-bind", str(image), "/", "--proc", "/proc", "--dev", "/dev"),
        *("--tmpfs", "/dev/shm", "--tmpfs", "/tmp", "--tmpfs", "/run", *mounts),  # noqa: S108
        *("--unshare-user", "--unshare-pid", "--die-with-parent"),
        *("--uid", "65534", "--gid", "65534", "--chdir", "/app", "--clearenv"),
        *(word for name, value in settings.items() for word in ("--setenv", name, value)),
        *command,
    ]


def test_the_demo_runs_from_files_that_nobody_can_write_and_is_found_healthy(image: Path, tmp_path: Path) -> None:
    with running(inside(image, "python", "server.py", "--demo", "--port", "0"), tmp_path) as demo:
        port = demo.read_until(r"http://127\.0\.0\.1:(\d+)/graphql$")[1]
        check = inside(image, "python", "-m", "web.health_check", PORT=port)
        assert subprocess.run(check, capture_output=True, check=True).stderr == b""
        missing = inside(image, "python", "-m", "web.health_check", PORT="1")
        assert subprocess.run(missing, capture_output=True).returncode == 1


def test_what_is_configured_badly_is_one_line_and_status_2(image: Path) -> None:
    command = inside(image, "python", "server.py", CHARTMOGUL_API_KEY="secret", HOST="0.0.0.0")  # noqa: S104
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert "say who may call" in done.stderr
    assert "secret" not in done.stderr
    assert "Traceback" not in done.stderr


def test_the_image_has_no_tool_that_installs_and_nothing_of_the_build(image: Path) -> None:
    assert not list((image / "venv" / "bin").glob("pip*"))
    assert not (image / "run" / "secrets" / "ca").exists()
    assert not (image / "app" / "tests").exists()


def test_the_image_says_how_it_is_found_healthy(image: Path) -> None:
    assert image.exists()
    told = json.loads(buildah("inspect", "--type", "image", TAG))["Docker"]["config"]["Healthcheck"]
    assert told["Test"] == ["CMD", "python", "-m", "web.health_check"]


def test_what_compose_starts_becomes_healthy_answers_and_is_observed(image: Path) -> None:
    needed("unshare", "nsenter", "setpriv", "pg_isready")
    if postgres.programs() is None:
        pytest.skip("PostgreSQL is not installed")
    service = COMPOSE["services"]["graph"]
    with composed() as services:
        etc = services.folder / "etc"
        shutil.copytree(image / "etc", etc, symlinks=True)
        shutil.copy(services.hosts, etc / "hosts")
        mounts = ("--ro-bind", str(etc), "/etc", "--ro-bind", str(services.secrets), "/run/secrets")
        of_image = {"HOST": "0.0.0.0", "PORT": "8000"}  # noqa: S104
        settings = {
            "NEXUDUS_USERNAME": "gateway@example.com",
            "NEXUDUS_URL": "http://simulator:9000/nexudus",
            "CHARTMOGUL_URL": "http://simulator:9000/chartmogul",
            "ALLOW_INSECURE_SOURCES": "true",
        }
        services.start("simulator", inside(image, "python", "-m", "simulator", "--port", "9000", mounts=mounts))
        services.start_database()
        command = ("python", "server.py", *service["command"])
        services.start("graph", inside(image, *command, mounts=mounts, **of_image | settings | service["environment"]))
        services.until_well("graph", *inside(image, "python", "-m", "web.health_check", **of_image))

        query = '{ nexudusOpportunity(sourceId: "1427000501") { status } opportunities(first: 1) { totalCount } }'
        answer = services.ask_until(
            lambda answer: answer["data"]["opportunities"]["totalCount"] == 400,  # until then it reads the lists
            "http://127.0.0.1:8000/graphql",
            {"query": query},
            X_API_Key=services.secret("metrics_key"),
            Content_Type="application/json",
        )
        assert answer["data"]["nexudusOpportunity"] == {"status": "OPEN"}

        if prometheus := shutil.which("prometheus"):
            check_observation(services, prometheus)


def check_observation(services: Composed, prometheus: str) -> None:
    """See that Prometheus takes the rules, and reads the graph."""
    told = subprocess.run([prometheus, "--version"], capture_output=True, text=True, check=True)
    version = re.search(r"version (\d+)\.(\d+)", told.stdout + told.stderr)
    assert version is not None
    knows_headers = (int(version[1]), int(version[2])) >= (2, 55)
    configuration = services.folder / "prometheus-configuration"
    shutil.copytree(DEPLOY / "prometheus", configuration)
    if not knows_headers:  # Debian's, which cannot send the key: then it is refused
        path = configuration / "prometheus.yaml"
        path.write_text(re.sub(r"    http_headers:\n(?:      .*\n)+", "", path.read_text("utf-8")), "utf-8")
    services.start_prometheus(prometheus, configuration)
    read = ("up", "") if knows_headers else ("down", "server returned HTTP status 401 Unauthorized")
    services.ask_until(
        lambda answer: [(one["health"], one["lastError"]) for one in answer["data"]["activeTargets"]] == [read],
        "http://127.0.0.1:9090/api/v1/targets",
    )
    rules = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yaml").read_text("utf-8"))["groups"][0]["rules"]
    all_work = {rule["alert"]: "ok" for rule in rules}
    services.ask_until(  # until then they have not been evaluated
        lambda answer: (
            {rule["name"]: rule["health"] for group in answer["data"]["groups"] for rule in group["rules"]} == all_work
        ),
        "http://127.0.0.1:9090/api/v1/rules",
    )
