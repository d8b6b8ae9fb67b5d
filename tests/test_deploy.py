"""`deploy/`: what its files name is there, and the server takes the settings that they give it.

`make check` has each file's own linter look at it (`deploy/lint`).
"""

import hashlib
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from configuration import AllSettings
from tests.processes import ROOT

DEPLOY = ROOT / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
MANIFESTS = {path.stem: yaml.safe_load(path.read_text("utf-8")) for path in (DEPLOY / "kubernetes").glob("*.yaml")}
POD = MANIFESTS["deployment"]["spec"]["template"]["spec"]
UNIT = (DEPLOY / "systemd" / "opportunity-graph.service").read_text("utf-8")
DRAWN = (DEPLOY / "secrets.sh").read_text("utf-8")
SECRETS = {
    "store_url": "postgresql+psycopg://graph:secret@database/graph",
    "nexudus_password": "secret",
    "chartmogul_api_key": "secret",
    "api_keys": f"prometheus {'0' * 64} opportunities:read",
}


def pairs(lines: list[str]) -> dict[str, str]:
    return dict(line.split("=", 1) for line in lines)


SETTINGS = {
    "compose": COMPOSE["services"]["graph"]["environment"],
    "kubernetes": pairs((DEPLOY / "kubernetes" / "settings.env").read_text("utf-8").split()),
    "systemd": pairs(" ".join(re.findall(r"^Environment=(.+)$", UNIT, re.MULTILINE)).split()),
}
MOUNTS = {
    "compose": "/run/secrets",
    "kubernetes": POD["containers"][0]["volumeMounts"][0]["mountPath"],
    "systemd": "%d",
}


@pytest.mark.parametrize("kind", SETTINGS)
def test_the_server_takes_the_settings_that_a_deployment_gives_it(kind: str, tmp_path: Path) -> None:
    for name, text in SECRETS.items():
        (tmp_path / name).write_text(text)
    given = {name: value.replace(MOUNTS[kind], str(tmp_path)) for name, value in SETTINGS[kind].items()}
    assert {Path(value).parent for name, value in given.items() if name.endswith("_FILE")} == {tmp_path}
    settings = AllSettings({"NEXUDUS_USERNAME": "graph@example.com"} | given)
    assert "sources nexudus chartmogul" in settings.in_short
    assert "store none" not in settings.in_short


def test_a_setting_that_is_wrong_is_not_tried_again_and_again() -> None:
    # Only the server's own status is looked at; the unit would be started again after a failed check before it.
    assert "\nRestartPreventExitStatus=2\n" in UNIT
    assert "ExecStartPre" not in re.sub(r"(?m)^#.*", "", UNIT)


def test_every_secret_that_is_mounted_is_one_that_is_made() -> None:
    made = set(re.findall(r"^(?:drawn|given) (\w+)", DRAWN, re.MULTILINE)) | {"store_url", "api_keys"}
    assert set(COMPOSE["secrets"]) == made
    assert {file["file"] for file in COMPOSE["secrets"].values()} == {f"secrets/{name}" for name in made}
    assert {name for service in COMPOSE["services"].values() for name in service.get("secrets", ())} == made
    (generated,) = MANIFESTS["kustomization"]["secretGenerator"]
    assert set(generated["files"]) == {f"secrets/{name}" for name in SECRETS} <= {f"secrets/{name}" for name in made}


def test_every_file_that_is_mounted_or_listed_is_there() -> None:
    for service in COMPOSE["services"].values():
        for source, *_ in (volume.split(":") for volume in service.get("volumes", ())):
            assert source in COMPOSE["volumes"] or (DEPLOY / source).exists(), source
    kustomization = MANIFESTS["kustomization"]
    assert {*kustomization["resources"], "kustomization.yaml"} == {f"{name}.yaml" for name in MANIFESTS}
    assert kustomization["images"][0]["name"] == POD["containers"][0]["image"]


def make_secrets(folder: Path, typed: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([DEPLOY / "secrets.sh", folder], input=typed, capture_output=True, text=True, timeout=60)


def test_secrets_are_made_once_and_what_was_changed_stays(tmp_path: Path) -> None:
    folder = tmp_path / "with a blank" / "secrets"
    assert make_secrets(folder, "password\nkey\n").returncode == 0
    made = {file.name: file.read_text() for file in folder.iterdir()}
    assert (made["nexudus_password"], made["chartmogul_api_key"]) == ("password", "key")
    assert made["store_url"] == f"postgresql+psycopg://graph:{made['database_password']}@database/graph"
    hashed = hashlib.sha256(made["metrics_key"].encode()).hexdigest()
    assert made["api_keys"] == f"prometheus {hashed} opportunities:read\n"
    assert folder.stat().st_mode & 0o777 == 0o700

    (folder / "store_url").write_text("postgresql+psycopg://graph@elsewhere/graph")
    assert make_secrets(folder, "").returncode == 0
    assert {file.name: file.read_text() for file in folder.iterdir()} == {
        **made,
        "store_url": "postgresql+psycopg://graph@elsewhere/graph",
    }


@pytest.mark.parametrize("typed", ["", "\n", "password\n"], ids=["nothing", "an empty line", "one of two"])
def test_a_secret_that_nobody_types_is_no_empty_file(tmp_path: Path, typed: str) -> None:
    done = make_secrets(tmp_path, typed)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert [file.name for file in tmp_path.iterdir() if not file.stat().st_size] == []


def rendered(tmp_path: Path) -> dict[str, Any]:
    """Return the manifests as kustomize renders them, by kind."""
    if (kubectl := shutil.which("kubectl")) is None:
        pytest.skip("kubectl is not installed")
    shutil.copytree(DEPLOY / "kubernetes", tmp_path / "kubernetes", ignore=shutil.ignore_patterns("secrets"))
    (tmp_path / "kubernetes" / "secrets").mkdir()
    for name, text in SECRETS.items():
        (tmp_path / "kubernetes" / "secrets" / name).write_text(text)
    done = subprocess.run(
        [kubectl, "kustomize", tmp_path / "kubernetes"], capture_output=True, text=True, timeout=60, check=True
    )
    return {one["kind"]: one for one in yaml.safe_load_all(done.stdout)}


def test_in_what_kustomize_renders_every_reference_leads_somewhere(tmp_path: Path) -> None:
    found = rendered(tmp_path)
    pod = found["Deployment"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    assert container["image"] == f"registry.example.com/opportunity-graph:{version}"
    assert [one["configMapRef"]["name"] for one in container["envFrom"]] == [found["ConfigMap"]["metadata"]["name"]]
    volumes = {one["name"]: one for one in pod["volumes"]}
    assert volumes["secrets"]["secret"]["secretName"] == found["Secret"]["metadata"]["name"]
    assert {one["name"] for one in container["volumeMounts"]} == volumes.keys()
    files = {text for name, text in found["ConfigMap"]["data"].items() if name.endswith("_FILE")}
    assert files == {f"{MOUNTS['kubernetes']}/{name}" for name in found["Secret"]["data"]}
    names = {port["name"] for port in container["ports"]}
    assert {port["targetPort"] for port in found["Service"]["spec"]["ports"]} == names
    assert {port["port"] for rule in found["NetworkPolicy"]["spec"]["ingress"] for port in rule["ports"]} == names
    probes = [container[f"{kind}Probe"]["httpGet"] for kind in ("startup", "readiness", "liveness")]
    assert {probe["port"] for probe in probes} == names
    namespace = found.pop("Namespace")["metadata"]["name"]
    assert {one["metadata"]["namespace"] for one in found.values()} == {namespace}


def test_pods_know_how_many_they_are_at_most_while_they_are_replaced() -> None:
    spec = MANIFESTS["deployment"]["spec"]
    most = spec["replicas"] + spec["strategy"]["rollingUpdate"]["maxSurge"]
    assert SETTINGS["kubernetes"]["REPLICAS"] == str(most)


def test_all_manifests_mean_the_same_pods() -> None:
    labels = MANIFESTS["deployment"]["spec"]["template"]["metadata"]["labels"]
    assert MANIFESTS["deployment"]["spec"]["selector"]["matchLabels"] == labels
    assert MANIFESTS["service"]["spec"]["selector"] == labels
    assert MANIFESTS["disruption_budget"]["spec"]["selector"]["matchLabels"] == labels
    assert MANIFESTS["network_policy"]["spec"]["podSelector"]["matchLabels"] == labels
    assert POD["topologySpreadConstraints"][0]["labelSelector"]["matchLabels"] == labels


def test_a_pod_has_the_user_of_the_image_and_nothing_to_write_to_but_memory() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text("utf-8")
    assert f"\nUSER {POD['securityContext']['runAsUser']}\n" in dockerfile
    container = POD["containers"][0]
    assert f"\nEXPOSE {container['ports'][0]['containerPort']}\n" in dockerfile
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert COMPOSE["services"]["graph"]["read_only"]
    assert [volume["emptyDir"]["medium"] for volume in POD["volumes"] if "emptyDir" in volume] == ["Memory"]
