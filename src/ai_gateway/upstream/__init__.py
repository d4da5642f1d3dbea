"""Calls to providers: the only HTTP client of the data path."""
