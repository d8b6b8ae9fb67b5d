"""`deploy/`: what its files name is there, and the server takes the settings that they give it.

`make check` has each file's own linter look at it (`deploy/lint`).
"""

import re
from pathlib import Path

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
