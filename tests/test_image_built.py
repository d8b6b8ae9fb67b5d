"""The image, built and run: read-only, as nobody in particular. `make test-image`.

It is built with docker, podman or buildah, whichever runs here, and run by bubblewrap in what the engine has built, so
that no engine's daemon is needed.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

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
        env=os.environ | {"BASE": os.environ.get("BASE", "debian")},
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


def inside(image: Path, *command: str, **variables: str) -> list[str]:
    """Return a command that runs in the image, which it cannot write to."""
    settings = {"PATH": "/venv/bin:/usr/bin:/bin", "HOST": "127.0.0.1", "ALLOW_REMOTE_DEMO": "true", **variables}
    return [
        *("bwrap", "--ro-bind", str(image), "/", "--proc", "/proc", "--dev", "/dev"),
        *("--tmpfs", "/dev/shm", "--tmpfs", "/tmp", "--unshare-user", "--unshare-pid", "--die-with-parent"),  # noqa: S108
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
