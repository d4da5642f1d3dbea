"""The benchmark: direct, nginx `proxy_pass` and ai-gateway side by side, in one run."""
