"""The dashboard and the alerts speak of metrics, labels and limits that exist."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from ai_gateway.observe.metrics import METRICS
from tests.harness.dashboards import ALERTS, DASHBOARD, alerts, panels, queries

KINDS = {metric.name: metric for metric in METRICS}
SAMPLE = re.compile(r"\b((?:ai_gateway|process)_\w+)(?:\{([^}]*)\})?")


def samples(expression: str) -> list[tuple[str, set[str]]]:
    """The metrics that an expression names, and the labels that it asks of each."""
    found = []
    for name, selector in SAMPLE.findall(expression):
        labels = set(re.findall(r"(\w+)\s*[=!]~?", selector))
        found.append((name, labels))
    return found


@pytest.mark.parametrize("expression", [*queries().values(), *(rule["expr"] for rule in alerts())])
def test_an_expression_is_over_metrics_that_exist(expression: str) -> None:
    assert samples(expression)
    for name, labels in samples(expression):
        base = re.sub(r"_(bucket|sum|count)$", "", name)
        metric = KINDS[base if base in KINDS else name]
        assert (metric.kind == "histogram") == (metric.name != name)
        assert labels <= set(metric.labels)
    named = {name: KINDS[re.sub(r"_(bucket|sum|count)$", "", name)].labels for name, _ in samples(expression)}
    known = {label for labels in named.values() for label in labels} | {"le", "instance"}
    for group in re.findall(r"(?:by|on) \(([^)]*)\)", expression):
        assert {label.strip() for label in group.split(",")} <= known


def test_the_dashboard_shows_every_metric_of_the_gateway() -> None:
    shown = {
        re.sub(r"_(bucket|sum|count)$", "", name) for each in queries().values() for name, _ in samples(each)
    }
    assert {name for name in KINDS if name.startswith("ai_gateway_")} <= shown | {"ai_gateway_cost_usd_total"}


def test_the_dashboard_imports_without_edits() -> None:
    dashboard: Any = json.loads(DASHBOARD.read_text())
    assert "__inputs" not in dashboard
    variables = {each["name"]: each for each in dashboard["templating"]["list"]}
    assert list(variables) == ["datasource", "client", "model", "provider"]
    for name in ("client", "model", "provider"):
        metric, label = re.fullmatch(r"label_values\((\w+), (\w+)\)", variables[name]["definition"]).groups()  # type: ignore[union-attr]
        assert label == name
        assert label in KINDS[re.sub(r"_count$", "", metric)].labels
    used = set(re.findall(r"\$\{?(\w+)", DASHBOARD.read_text()))
    assert used - {"__rate_interval", "__range", "__all"} == set(variables)
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(ids) == len(set(ids))
    for panel in panels():
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24


def test_every_alert_says_what_is_wrong() -> None:
    assert yaml.safe_load(ALERTS.read_text())
    for rule in alerts():
        assert rule["labels"]["severity"] in ("critical", "warning", "info")
        assert rule["annotations"]["summary"].endswith(".")
    assert Path(ALERTS).parent == Path(DASHBOARD).parent
