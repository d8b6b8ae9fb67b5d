"""Renew the vendored files of the GraphiQL page, or check that nobody changed them.

    python web/graphiql/renew.py           fetch the pinned packages with npm, rewrite `vendor/` and its manifest
    python web/graphiql/renew.py --check   compare `vendor/` with the manifest; needs neither npm nor a network

To take a newer release, change its version in `PACKAGES`, run the script, then the tests. Stay with graphiql 3: its UMD
build is what a page can load as it is; graphiql 5 has none, and needs a bundler and web workers.
"""

import argparse
import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import NamedTuple

VENDOR = Path(__file__).resolve().parent / "vendor"
MANIFEST = VENDOR / "VERSIONS"


class Package(NamedTuple):
    """An npm package and the files of it that the page, or its licence, needs."""

    name: str
    version: str
    files: tuple[str, ...]


PACKAGES = (
    Package("graphiql", "3.8.3", ("LICENSE", "graphiql.min.css", "graphiql.min.js")),
    # Made from graphiql's own repository, under graphiql's licence; the package itself carries no copy of it.
    Package("@graphiql/plugin-explorer", "1.0.2", ("dist/index.umd.js", "dist/style.css")),
    # Compiled into the plugin above: only its licence is to be passed on.
    Package("graphiql-explorer", "0.9.0", ("LICENSE",)),
    Package("react", "18.2.0", ("LICENSE", "umd/react.production.min.js")),
    Package("react-dom", "18.2.0", ("LICENSE", "umd/react-dom.production.min.js")),
)


def fetch(package: Package, folder: Path) -> dict[str, bytes]:
    """Download one package with npm and return the contents of its named files."""
    npm = shutil.which("npm")
    if npm is None:
        sys.exit("npm is needed to renew the files; --check works without it.")
    command = [npm, "pack", f"{package.name}@{package.version}", "--silent", "--ignore-scripts"]
    # stdout is the archive's file name.
    packed = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)  # noqa: S603
    contents = {}
    with tarfile.open(folder / packed.stdout.split()[-1]) as archive:
        for name in package.files:
            member = archive.extractfile(f"package/{name}")
            if member is None:
                sys.exit(f"{package.name} {package.version} has no file {name}.")
            contents[name] = member.read()
    return contents


def manifest(contents: dict[Package, dict[str, bytes]]) -> str:
    """Return the manifest's text; `sha256sum --check VERSIONS` reads it too."""
    lines = []
    for package, files in contents.items():
        lines.append(f"# {package.name} {package.version}")
        lines += [f"{hashlib.sha256(files[name]).hexdigest()}  {package.name}/{name}" for name in package.files]
    return "\n".join(lines) + "\n"


def renew() -> None:
    """Replace everything in `vendor/`, once every package has arrived."""
    with tempfile.TemporaryDirectory() as folder:
        contents = {package: fetch(package, Path(folder)) for package in PACKAGES}
    shutil.rmtree(VENDOR, ignore_errors=True)
    for package, files in contents.items():
        for name, data in files.items():
            path = VENDOR / package.name / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    MANIFEST.write_text(manifest(contents), encoding="utf-8")


def check() -> list[str]:
    """Return what differs between `vendor/`, its manifest and `PACKAGES`; nothing if all is well."""
    expected = {f"{package.name}/{name}" for package in PACKAGES for name in package.files}
    present = {path.relative_to(VENDOR).as_posix() for path in VENDOR.rglob("*") if path.is_file()} - {MANIFEST.name}
    problems = [f"missing: {name}" for name in sorted(expected - present)]
    problems += [f"not in the list: {name}" for name in sorted(present - expected)]
    if not problems:
        contents = {p: {name: (VENDOR / p.name / name).read_bytes() for name in p.files} for p in PACKAGES}
        wanted = set(MANIFEST.read_text(encoding="utf-8").splitlines()) if MANIFEST.exists() else set()
        problems = [f"not in the manifest: {line}" for line in manifest(contents).splitlines() if line not in wanted]
    return problems


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="only compare the files with the manifest")
    if parser.parse_args().check:
        if problems := check():
            sys.exit("\n".join(problems))
    else:
        renew()


if __name__ == "__main__":
    main()
