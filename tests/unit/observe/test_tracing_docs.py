"""docs/tracing.md knows every attribute and metric that is sent."""

from __future__ import annotations

import re
from pathlib import Path

import ai_gateway.observe

SOURCE = Path(ai_gateway.observe.__file__).parent
DOCS = (Path(__file__).parents[3] / "docs" / "tracing.md").read_text()
NAME = re.compile(r'"((?:gen_ai|ai_gateway|http|url|client|server|error)\.[a-z_.]+)"')


def test_every_attribute_and_metric_is_documented() -> None:
    sent = {
        name for file in ("spans.py", "telemetry.py") for name in NAME.findall((SOURCE / file).read_text())
    }
    assert len(sent) > 25
    assert sent == set(re.findall(r"`((?:gen_ai|ai_gateway|http|url|client|server|error)\.[a-z_.]+)`", DOCS))
