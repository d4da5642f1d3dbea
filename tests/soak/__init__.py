"""Many requests, a tenth of them with faults: what is left afterwards. `python -m tests.soak --help`."""
