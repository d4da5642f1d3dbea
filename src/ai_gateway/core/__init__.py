"""Canonical types and framing: pure, no I/O, no clock."""
