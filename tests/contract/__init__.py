"""One suite for every store: what the Protocols promise."""
