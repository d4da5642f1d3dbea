"""What is in contrib/: the dashboard's queries, and the alert rules."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import yaml

CONTRIB: Final = Path(__file__).parents[2] / "contrib"
DASHBOARD: Final = CONTRIB / "grafana-dashboard.json"
ALERTS: Final = CONTRIB / "prometheus-alerts.yaml"


def panels() -> list[dict[str, Any]]:
    """Those of the dashboard that show something, as Grafana's JSON has them."""
    return [panel for panel in json.loads(DASHBOARD.read_text())["panels"] if panel["type"] != "row"]


def queries() -> dict[str, str]:
    """Every query of every panel, by `TITLE / A`."""
    return {
        f"{panel['title']} / {target['refId']}": target["expr"]
        for panel in panels()
        for target in panel["targets"]
    }


def alerts() -> list[dict[str, Any]]:
    """The rules, as Prometheus's YAML has them."""
    return [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]
