"""The dashboard and the alerts under `deploy/`: every name and label in them is one that the server shows."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import ProcessCollector
from prometheus_client.metrics_core import Metric
from uvicorn.server import ServerState

from metrics.exposition import Alone
from metrics.families import PREFIX, Family
from tests.harness import open_graph

ROOT = Path(__file__).parent.parent
DASHBOARD = ROOT / "deploy" / "grafana" / "dashboard.json"
ALERTS = ROOT / "deploy" / "prometheus" / "alerts.yaml"
CONFIGURATION = ROOT / "deploy" / "prometheus" / "prometheus.yaml"
OBSERVING = ROOT / "docs" / "observing.md"

PROMTOOL = shutil.which("promtool")

PROMETHEUS_OWN = {"le", "job", "instance"}
"""Labels that are Prometheus' or its client's."""

NAMES = re.compile(r"\b((?:opportunity_graph|process)_\w+)(?:\{([^}]*)\})?")


def expressions() -> list[str]:
    """Return every expression of both files."""
    panels: Any = json.loads(DASHBOARD.read_text("utf-8"))["panels"]
    found = [target["expr"] for panel in panels for target in panel.get("targets", ())]
    rules = re.split(r"^ +expr: *\|?", ALERTS.read_text("utf-8"), flags=re.MULTILINE)[1:]
    return found + [re.split(r"^ +(?:for|labels):", rule, maxsplit=1, flags=re.MULTILINE)[0] for rule in rules]


async def families(monkeypatch: pytest.MonkeyPatch) -> dict[str, set[str]]:
    """Return the labels of everything that a server shows, by name."""
    found: list[Family] = []

    def metrics(_: Alone, families: Iterable[Family]) -> list[Metric]:
        found.extend(families)
        return []

    monkeypatch.setattr(Alone, "metrics", metrics)
    async with open_graph(METRICS="true", SYNC_ENABLED="true") as graph:
        graph.app.state.server_state = ServerState()
        await graph.request("GET", "/metrics")
    of_process = {metric.name: set[str]() for metric in ProcessCollector(registry=None).collect()}
    ours = {f"{one.full_name}_total" if one.kind == "counter" else one.full_name: set(one.labels) for one in found}
    return ours | of_process


async def test_every_name_and_label_is_one_that_the_server_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    known = await families(monkeypatch)
    for expression in expressions():
        labels = set(PROMETHEUS_OWN)
        for name, selected in NAMES.findall(expression):
            base = name if name in known else re.sub(r"_(?:bucket|sum|count)$", "", name)
            assert base in known, name
            assert set(re.findall(r"(\w+)(?:=~|!=|!~|=)", selected)) <= known[base] | PROMETHEUS_OWN, expression
            labels |= known[base]
        for group in re.findall(r"\bby \(([^)]*)\)", expression):
            assert {label.strip() for label in group.split(",")} <= labels, expression
    assert len(expressions()) > 40


def test_grafana_finds_the_dashboard_where_compose_mounts_it_and_its_prometheus() -> None:
    provisioning = DASHBOARD.parent / "provisioning"
    provisioned = yaml.safe_load((provisioning / "dashboards" / "dashboards.yaml").read_text("utf-8"))
    sources = yaml.safe_load((provisioning / "datasources" / "prometheus.yaml").read_text("utf-8"))
    compose = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text("utf-8"))["services"]
    assert (provisioned["apiVersion"], sources["apiVersion"]) == (1, 1)
    (provider,), (source,) = provisioned["providers"], sources["datasources"]
    mounts = dict(volume.split(":")[:2] for volume in compose["grafana"]["volumes"])
    assert mounts["./grafana/dashboard.json"] == f"{provider['options']['path']}/{DASHBOARD.name}"
    assert mounts["./grafana/provisioning"] == "/etc/grafana/provisioning"
    assert provider["type"] == "file"
    assert source["type"] == "prometheus"
    assert source["url"].removeprefix("http://").partition(":")[0] in compose
    # A dashboard that is imported elsewhere asks which Prometheus it is for.
    board = json.loads(DASHBOARD.read_text("utf-8"))
    (variable,) = board["templating"]["list"]
    assert (variable["type"], variable["query"]) == ("datasource", source["type"])
    asked = {panel["datasource"]["uid"] for panel in board["panels"] if "datasource" in panel}
    assert asked == {f"${{{variable['name']}}}"}


def test_each_alert_has_an_entry_of_the_runbook() -> None:
    text = OBSERVING.read_text("utf-8")
    alerts = re.findall(r"- alert: (\w+)", ALERTS.read_text("utf-8"))
    base = r"\{\{ or \$externalLabels.opportunity_graph_docs \"docs\" \}\}"
    linked = re.findall(rf"runbook_url: '{base}/observing\.md#(\w+)'", ALERTS.read_text("utf-8"))
    assert linked == [alert.lower() for alert in alerts]
    assert [alert for alert in alerts if f"### {alert}\n" not in text] == []
    assert "opportunity_graph_docs" in CONFIGURATION.read_text("utf-8")


def test_each_alert_is_tried_when_it_fires_and_when_it_does_not() -> None:
    (group,) = yaml.safe_load(ALERTS.read_text("utf-8"))["groups"]
    cases = [
        (tried["alertname"], bool(tried.get("exp_alerts")))
        for test in yaml.safe_load(ALERTS.with_name("alerts_test.yaml").read_text("utf-8"))["tests"]
        for tried in test["alert_rule_test"]
    ]
    assert set(cases) == {(rule["alert"], fires) for rule in group["rules"] for fires in (True, False)}


async def test_the_names_and_labels_in_the_documentation_are_those_that_the_server_shows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known = {name.removeprefix(PREFIX): labels for name, labels in (await families(monkeypatch)).items()}
    table = OBSERVING.read_text("utf-8").partition("## Metrics")[2].partition("\n## ")[0]
    documented = {
        name: set(re.findall(r"`(\w+)`", labels))
        for names, labels in re.findall(r"^\| (`.*?) \| (.*?) \|", table, re.MULTILINE)
        for name in re.findall(r"`(\w+)`", names)
    }
    assert documented == {name: labels for name, labels in known.items() if not name.startswith("process_")}


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed")
def test_prometheus_takes_the_rules_and_the_configuration(tmp_path: Path) -> None:
    # Debian's Prometheus is older than `http_headers` (2.55).
    text = re.sub(r"    http_headers:\n(?:      .*\n)+", "", CONFIGURATION.read_text("utf-8"))
    (tmp_path / "prometheus.yaml").write_text(text, "utf-8")
    shutil.copy(ALERTS, tmp_path)
    assert PROMTOOL is not None
    for command in (("rules", "alerts.yaml"), ("config", "prometheus.yaml")):
        done = subprocess.run(
            [PROMTOOL, "check", *command], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
