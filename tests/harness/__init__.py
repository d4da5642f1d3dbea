"""Reusable test helpers: real processes, tiny models, recorded traffic."""
