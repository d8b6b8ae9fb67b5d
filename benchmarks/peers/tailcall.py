"""Tailcall's configuration, written from the records: it has no code of its own to run.

Each source's get-one behind a type of its own, equal fetches made once (`dedupe`), answers kept where the cache is on
(`@cache`). Two things it cannot do. Take a global id apart: it gets the sources' own ids, in two lists. And write
Nexudus' list of ids: its batching repeats a parameter, `id=1&id=2`, where Nexudus wants `[1,2]`.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.workloads import chartmogul_record, nexudus_record

SHARED = {
    "id": ("Id", "uuid"),
    "stageName": ("CrmBoardColumnName", "pipeline_stage"),
    "pipelineName": ("CrmBoardColumnCrmBoardName", "pipeline"),
    "createdAt": ("CreatedOn", "created_at"),
    "updatedAt": ("UpdatedOn", "updated_at"),
    "amount": ("Value", "amount_in_cents"),
    "currency": ("CrmBoardColumnCrmBoardBusinessCurrencyCode", "currency"),
    "ownerName": ("ResponsibleFullName", "owner"),
}
OWN = (
    {"dueDate": "DueDate", "leadSource": "LeadSource", "statusCode": "Status"},
    {
        "estimatedCloseDate": "estimated_close_date",
        "forecastCategory": "forecast_category",
        "winLikelihood": "win_likelihood",
    },
)
PACKAGES = ("libc6", "libgcc-s1", "libstdc++6")


def write(folder: Path, upstream: str, port: int, kept_seconds: int) -> Path:
    """Write the configuration; return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    kept = f" @cache(maxAge: {1_000 * kept_seconds})" if kept_seconds else ""

    def http(path: str, of: str, authorization: str) -> str:
        url = f"{upstream}{path}/{{{{.{of}}}}}"
        header = f'{{key: "Authorization", value: "{authorization}"}}'
        return f'@http(url: "{url}", headers: [{header}], dedupe: true){kept}'

    sources = (
        ("Nexudus", "nexudus", "/api/crm/crmopportunities", "Bearer token", nexudus_record(1)),
        ("ChartMogul", "chartMogul", "/v1/opportunities", "Basic a2V5Og==", chartmogul_record(1)),
    )
    types, queries = [], []
    for index, (title, name, path, authorization, record) in enumerate(sources):
        renamed = {field: keys[index] for field, keys in SHARED.items()} | OWN[index]
        fields = [
            f'  {field}: {_type(record[key])} @expr(body: "{{{{.value.{key}}}}}")'
            if field != key
            else f"  {field}: {_type(record[key])}"
            for field, key in renamed.items()
        ]
        fields += [
            f"  {key}: {_type(value)}" for key, value in record.items() if key not in renamed and key != "custom"
        ]
        types.append(f"type {title}Opportunity {{\n" + "\n".join(fields) + "\n}")
        one = http(path, "value.id", authorization)
        types.append(f"type {title}Reference {{\n  id: ID!\n  it: {title}Opportunity {one}\n}}")
        queries.append(f'  {name}Opportunities(refs: [Ref!]!): [{title}Reference] @expr(body: "{{{{.args.refs}}}}")')
        queries.append(
            f"  {name}Opportunity(sourceId: ID!): {title}Opportunity {http(path, 'args.sourceId', authorization)}"
        )
    text = "\n".join(["schema { query: Query }", "input Ref { id: ID! }", *types, "type Query {", *queries, "}"])
    schema = folder / "schema.graphql"
    schema.write_text(text + "\n", "utf-8")
    config = folder / "config.yml"
    config.write_text(
        f'server:\n  port: {port}\n  hostname: "127.0.0.1"\n  workers: 1\n  queryValidation: false\n'
        f"upstream:\n  poolMaxIdlePerHost: 200\nlinks:\n  - type: Config\n    src: {json.dumps(str(schema))}\n",
        "utf-8",
    )
    return config


def _type(value: Any) -> str:
    if isinstance(value, bool):
        return "Boolean"
    return "Int" if isinstance(value, int) else "Float" if isinstance(value, float) else "String"


def command(node_modules: Path, folder: Path) -> list[str] | None:
    """Return how the binary is started; None where it cannot be had.

    It needs glibc 2.39. On an older Debian the next release's libraries are fetched and unpacked beside it.
    """
    binary = node_modules / "@tailcallhq/core-linux-x64-gnu/bin/tailcall"
    if not binary.exists():
        return None
    if _runs([str(binary)]):
        return [str(binary)]
    libraries = folder / "root/usr/lib/x86_64-linux-gnu"
    loader = [str(libraries / "ld-linux-x86-64.so.2"), "--library-path", str(libraries), str(binary)]
    if not libraries.exists():
        _unpack_libraries(folder)
    return loader if libraries.exists() and _runs(loader) else None


def _runs(start: list[str]) -> bool:
    try:
        return subprocess.run([*start, "--version"], capture_output=True, timeout=10).returncode == 0
    except OSError:
        return False


def _unpack_libraries(folder: Path) -> None:
    """Fetch the libraries of Debian 13 from where this machine gets its packages, without installing them."""
    sources = Path("/etc/apt/sources.list.d/debian.sources")
    if not (shutil.which("apt-get") and shutil.which("dpkg") and sources.exists()):
        return
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    address = next(line for line in sources.read_text().splitlines() if line.startswith("URIs:"))
    key = "Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg"
    (folder / "13.sources").write_text(f"Types: deb\n{address}\nSuites: trixie\nComponents: main\n{key}\n")
    options = {
        "Dir::Etc::sourcelist": folder / "13.sources",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::State::lists": folder / "lists",
        "Dir::Cache": folder / "cache",
    }
    apt = ["apt-get", "-qq", *(f"-o{name}={value}" for name, value in options.items())]
    for step in ([*apt, "update"], [*apt, "download", *PACKAGES]):
        if subprocess.run(step, cwd=folder, capture_output=True, timeout=300).returncode:
            return
    for package in folder.glob("*.deb"):
        subprocess.run(["dpkg", "-x", str(package), str(folder / "root")], check=True, timeout=60)


def environment() -> Mapping[str, str]:
    """Return what it is started with: no tracking, no log of every request."""
    return {**os.environ, "TAILCALL_TRACKER": "false", "TAILCALL_LOG_LEVEL": "error"}
