"""The image, as far as it can be tried without a container engine: its files, its environment, its commands.

`web.health_check` is the command that asks whether a container is well.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from benchmarks.processes import free_port
from tests.copying import copy_folder
from tests.processes import MINIMAL, ROOT, running
from tests.waiting import PATIENCE_SECONDS

TEXT = re.sub(r"\\\n", " ", (ROOT / "Dockerfile").read_text("utf-8"))
STEPS = [(found[1], found[2].strip()) for found in re.finditer(r"^([A-Z]+) (.+)$", TEXT, re.MULTILINE)]


def steps(instruction: str) -> list[str]:
    return [rest for name, rest in STEPS if name == instruction]


def copies() -> list[tuple[str, str]]:
    """Return (source, target) of everything that is copied into the image."""
    return [
        (source, rest.split()[-1]) for rest in steps("COPY") for source in rest.split()[:-1] if "--from" not in rest
    ]


def environment() -> dict[str, str]:
    return dict(pair.split("=", 1) for rest in steps("ENV") for pair in rest.split())


def command(instruction: str, *more: str) -> list[str]:
    """Return the command of an instruction, with the Python of these tests."""
    (rest,) = steps(instruction)
    python, *arguments = json.loads(rest.removeprefix("CMD "))
    assert python == "python"
    return [sys.executable, *arguments, *more]


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what is copied into the image, and nothing else but what Python has compiled of it."""
    folder = tmp_path_factory.mktemp("image")
    for source, target in copies():
        (folder / target).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / source).is_dir():
            copy_folder(ROOT / source, folder / target)
        else:
            shutil.copy(ROOT / source, folder / target)
    return folder


def test_the_demo_of_the_image_runs_and_its_health_check_follows_the_port(image: Path) -> None:
    port = str(free_port())
    # On this machine only; that the image's own address is accepted, the next test shows.
    environ = environment() | {"HOST": "127.0.0.1", "PORT": port, "PYTHONPATH": ""}
    # Whoever sets a proxy for what goes out has not set one for this.
    proxy = {"http_proxy": "http://127.0.0.1:1", "HTTP_PROXY": "http://127.0.0.1:1"}
    with running(command("ENTRYPOINT", "--demo"), image, **environ) as demo:
        demo.read_until(rf"^http://127\.0\.0\.1:{port}/graphql$")
        for changes, status in (({}, 0), ({"PORT": "1"}, 1), ({"PORT": "eighty"}, 1), ({"HOST": "::1"}, 1)):
            done = subprocess.run(
                command("HEALTHCHECK"),
                cwd=image,
                env=MINIMAL | environ | proxy | changes,
                capture_output=True,
                timeout=PATIENCE_SECONDS,
            )
            assert (done.returncode, done.stdout, done.stderr) == (status, b"", b"")
        assert demo.interrupt() == 0


@pytest.mark.parametrize(
    ("arguments", "variables", "status"),
    [
        (["--demo"], {}, 0),
        ([], {"CHARTMOGUL_API_KEY": "key"}, 2),
        ([], {"CHARTMOGUL_API_KEY": "key", "AUTHENTICATION": "proxy"}, 0),
    ],
    ids=["demo", "without callers", "behind a proxy"],
)
def test_the_image_starts_as_it_is_or_asks_who_may_call(
    image: Path, arguments: list[str], variables: dict[str, str], status: int
) -> None:
    done = subprocess.run(
        command("ENTRYPOINT", *arguments, "--check-config"),
        cwd=image,
        env={"PATH": os.environ["PATH"]} | environment() | variables,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )
    assert done.returncode == status, done.stderr
    assert ("say who may call" in done.stderr) is (status == 2)


def test_what_installs_the_dependencies_has_every_file_that_the_metadata_names() -> None:
    before = {target for name, rest in STEPS[: [name for name, _ in STEPS].index("RUN")] for target in rest.split()}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert {"pyproject.toml", project["readme"], *project["license-files"]} <= before
    assert (project["license"], (ROOT / "LICENSE").read_text("utf-8").split("\n")[0]) == ("MIT", "MIT License")


def test_everything_that_is_copied_is_compiled_and_run_by_nobody_in_particular() -> None:
    (compiled,) = (rest.split()[4:] for rest in steps("RUN") if "compileall" in rest)
    code = {source for source, _ in copies() if source.endswith(".py") or (ROOT / source / "__init__.py").exists()}
    assert set(compiled) == code
    assert int(steps("USER")[-1]) > 0
    assert steps("EXPOSE") == [environment()["PORT"]]
