"""Build the board from its sources, or check that what is built belongs to them.

python web/board/renew.py           install the pinned packages with npm, write `built/` and its manifest
python web/board/renew.py --check   compare sources and `built/` with the manifest; needs neither npm nor a network
"""

import argparse
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).resolve().parent
MANIFEST: Final = FOLDER / "SHA256SUMS"
SOURCES: Final = ("*.json", "*.ts", "index.html", "public/**/*", "src/**/*")
GENERATED: Final = FOLDER / "src" / "gql"
FONT: Final = FOLDER / "node_modules" / "@fontsource-variable" / "inter"


def files() -> Iterator[Path]:
    """Yield the sources, then what is built of them."""
    for pattern in (*SOURCES, "built/**/*"):
        yield from sorted(path for path in FOLDER.glob(pattern) if path.is_file() and GENERATED not in path.parents)


def manifest() -> str:
    """Return the manifest's text; `sha256sum --check SHA256SUMS` reads it too."""
    lines = [
        f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.relative_to(FOLDER).as_posix()}" for file in files()
    ]
    return "\n".join(lines) + "\n"


def renew() -> None:
    """Build, and add the licence of the font, which the bundler does not know of."""
    npm = shutil.which("npm")
    if npm is None:
        sys.exit("npm is needed to build the board; --check works without it.")
    for command in (["ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"], ["run", "build"]):
        if subprocess.run([npm, *command], cwd=FOLDER, check=False).returncode:  # noqa: S603
            sys.exit(f"npm {' '.join(command)} failed.")
    with (FOLDER / "built" / "LICENSES.md").open("a", encoding="utf-8") as licences:
        licences.write(f"\n## Inter, from {FONT.parent.name}/{FONT.name}\n\n{(FONT / 'LICENSE').read_text('utf-8')}")
    MANIFEST.write_text(manifest(), encoding="utf-8")


def check() -> list[str]:
    """Return the lines in which files and manifest differ; nothing if all is well."""
    written = MANIFEST.read_text(encoding="utf-8") if MANIFEST.exists() else ""
    differing = set(written.splitlines()) ^ set(manifest().splitlines())
    return sorted({line.partition("  ")[2] for line in differing})


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="only compare the files with the manifest")
    if parser.parse_args().check:
        if changed := check():
            sys.exit("\n".join(["Changed since the board was built (make board):", *changed]))
    else:
        renew()


if __name__ == "__main__":
    main()
