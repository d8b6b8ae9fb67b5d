"""What is built of the board is what its sources make, with the packages that its lock file names."""

import filecmp
import os
import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.gateways

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "web" / "board"


def test_the_sources_make_what_is_built_to_the_byte(tmp_path: Path) -> None:
    npm = shutil.which("npm")
    if npm is None or not (FOLDER / "node_modules").is_dir():
        pytest.skip("its packages are not installed: npm ci --prefix web/board")
    copy = tmp_path / "web" / "board"
    shutil.copytree(FOLDER, copy, ignore=shutil.ignore_patterns("node_modules", "built", "gql", "__pycache__"))
    shutil.copy(ROOT / "schema.graphql", tmp_path)
    (copy / "node_modules").symlink_to(FOLDER / "node_modules")
    command = [npm, "run", "build"]
    done = subprocess.run(command, cwd=copy, env=os.environ, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    made, kept = copy / "built", FOLDER / "built"
    names = {file.relative_to(made).as_posix() for file in made.rglob("*") if file.is_file()}
    assert names == {file.relative_to(kept).as_posix() for file in kept.rglob("*") if file.is_file()}
    licences = "LICENSES.md"  # where the font's is added
    assert filecmp.cmpfiles(made, kept, names - {licences}, shallow=False)[1:] == ([], [])
    assert (kept / licences).read_text("utf-8").startswith((made / licences).read_text("utf-8"))
