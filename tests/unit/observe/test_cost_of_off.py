"""What is off is not even imported."""

from __future__ import annotations

import subprocess
import sys

PROBE = """
import sys, ai_gateway.app
heavy = {"opentelemetry", "google.protobuf", "requests", "prometheus_client", "sqlalchemy"}
print(sorted(heavy & set(sys.modules)))
"""


def test_the_gateway_imports_no_library_that_it_may_not_need() -> None:
    done = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
