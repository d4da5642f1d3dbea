"""Tests of ai-gateway."""

import os
import sys

# Images of Python often forbid to keep bytecode: then every gateway and every command that a test starts
# compiles its modules again, and each worker all assertions.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
