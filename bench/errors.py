"""The one error of the benchmark."""


class BenchError(Exception):
    """The measurement could not be made, or its load was not clean; the message is for the user."""
