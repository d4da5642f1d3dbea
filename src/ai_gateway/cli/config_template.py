"""The config file of a first launch: every key, with its default and what it is for."""

from __future__ import annotations

__all__ = ["render_config"]

_TEMPLATE = """\
# ai-gateway: settings. Every key is shown with its default; a key that is left out has it too.
# The environment comes first: AI_GATEWAY_SERVER__PORT=9000 sets server.port.
# `ai-gateway config check` tells what is wrong here. Relative paths are relative to this file.

server:
  host: 0.0.0.0                    # 127.0.0.1: this machine only
  port: 8090
  workers: 1
  max_body_bytes: 10485760         # a larger request is answered 413
  shutdown_timeout_seconds: 30     # time for requests in flight after SIGTERM
  max_concurrency: 0               # requests in flight before others get 503; 0: unlimited
  trusted_proxies: []              # addresses or networks whose X-Forwarded-For is believed
  read_timeout_seconds: 30         # for a request's head, and for pauses in its body
  write_timeout_seconds: 120       # a caller that takes nothing for so long is hung up on
  keep_alive_seconds: 75           # a connection without a request is closed
  https:
    enabled: false
    cert_file: ""                  # PEM, with the chain; renewed files are taken up by themselves
    key_file: ""
    redirect_port: 0               # a port where plain HTTP is sent to https; 0: none

admin:
  username: admin
  # Argon2id. `ai-gateway admin reset-password` makes a new password and writes its hash here.
  password_hash: "{password_hash}"
  session_secret: "{session_secret}"

# What a new client gets where nothing is said. 0: unlimited.
defaults:
  rate_limit:
    requests_per_minute: 60
    requests_per_hour: 1000
    requests_per_day: 10000
  quota:
    max_input_tokens_per_day: 1000000
    max_output_tokens_per_day: 500000
    max_requests_per_day: 1000
    max_input_tokens: 1000000      # of one request
    max_output_tokens: 8192        # of one request

database:
  path: ./data/gateway.db          # the key file and the spool stand beside it
  url: ""

upstream:
  max_retries: 2                   # of one provider, before the next fallback

limits:
  redis_url: ""
  on_store_failure: open           # or closed
  timezone: UTC                    # whose midnight starts a day of the quotas

prometheus:
  enabled: false
  username: prometheus
  password: "{prometheus_password}"

accounting:
  retention_days: 90               # rows of the request log; daily usage stays
  body_retention_days: 7
  spool_max_bytes: 1073741824      # rows that wait for the database, on disk
  on_full: reject                  # requests, when the spool is full; drop: serve on, and lose the rows
  fsync: false                     # true: rows survive the death of the machine, not only of the process

prices:
  unknown: allow                   # block: clients with a budget use models with a known price only
  overrides: {{}}                    # USD per million tokens: {{gpt-4o: {{input: 2.5, output: 10}}}}

network:
  allowed_hosts: []                # private hosts from which files that callers name may be fetched

logging:
  level: info                      # debug, info, warning, error
  format: auto                     # text on a terminal, else json

telemetry:
  enabled: false                   # traces and metrics for OpenTelemetry: pip install "ai-gateway[otel]"
  endpoint: http://localhost:4318  # of a collector, OTLP over HTTP
  headers: {{}}                      # sent along: {{Authorization: Bearer ...}}
  service_name: ai-gateway
  sample_ratio: 1.0                # of requests whose caller brings no trace of its own

# What the gateway runs by itself, for clients whose tool_mode is gateway.
tools:
  max_iterations: 8                # answers of the model with calls of these tools, in one request
  timeout_seconds: 30              # for one call
  max_output_bytes: 65536          # of text that a call brings back
  max_media_bytes: 5242880         # of images and other files
  disabled: []                     # tools that nobody gets: [http_get, github__delete_*]
  http_get:
    max_bytes: 2097152             # read of a page
  mcp_servers: {{}}                  # {{time: {{command: uvx, args: [mcp-server-time]}}, docs: {{url: https://...}}}}
"""


def render_config(*, password_hash: str, session_secret: str, prometheus_password: str) -> str:
    """The text of a new config file. The values must need no escape in YAML's double quotes."""
    return _TEMPLATE.format(
        password_hash=password_hash,
        session_secret=session_secret,
        prometheus_password=prometheus_password,
    )
