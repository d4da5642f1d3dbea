"""Decisions about a request: pure arithmetic; the caller brings the clock."""
