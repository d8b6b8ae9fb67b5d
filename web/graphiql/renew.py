"""Build the files of the GraphiQL page, or check that nobody changed them.

    python web/graphiql/renew.py           install what package-lock.json names with npm, build `built/` from `app/`
    python web/graphiql/renew.py --check   compare both with the manifest; needs neither Node nor a network

To take a newer release, change its version in `app/package.json`, run `npm install` there, this script, then the tests.
"""

import argparse
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
APP = FOLDER / "app"
BUILT = FOLDER / "built"
MANIFEST = FOLDER / "SHA256SUMS"
COMMANDS = (("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"), ("run", "--silent", "build"))


def files() -> list[Path]:
    """Return the sources and what was built from them."""
    made = [path for path in BUILT.rglob("*") if path.is_file()]
    return sorted(
        made + [path for path in APP.rglob("*") if path.is_file() and "node_modules" not in path.relative_to(APP).parts]
    )


def manifest() -> str:
    """Return the manifest's text as the files are; `sha256sum --check SHA256SUMS` reads it too."""
    return "".join(
        f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.relative_to(FOLDER).as_posix()}\n" for file in files()
    )


def renew() -> None:
    """Build everything in `built/` anew."""
    npm = shutil.which("npm")
    if npm is None:
        sys.exit("npm is needed to build the files; --check works without it.")
    for command in COMMANDS:
        subprocess.run([npm, *command], cwd=APP, check=True)  # noqa: S603
    MANIFEST.write_text(manifest(), encoding="utf-8")


def check() -> list[str]:
    """Return what differs from the manifest; nothing if all is well."""
    listed, found = set(MANIFEST.read_text(encoding="utf-8").splitlines()), set(manifest().splitlines())
    return sorted({line.partition("  ")[2] for line in listed ^ found})


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="only compare the files with the manifest")
    if parser.parse_args().check:
        if different := check():
            sys.exit("\n".join(f"not as built: {name}" for name in different) + "\nBuild them with: make graphiql")
    else:
        renew()


if __name__ == "__main__":
    main()
