"""The program that `llama.LlamaServer` runs: llama.cpp's HTTP server in a process of its own.

Reads one line of JSON settings from stdin, prints `LISTENING <base URL>`, and serves until stdin closes:
so it never outlives the test process, however that ends.
"""

from __future__ import annotations

import json
import sys

import xllamacpp


def main() -> None:
    settings = json.loads(sys.stdin.readline())
    params = xllamacpp.CommonParams()
    params.model.path = settings["model"]
    params.model_alias = {settings["alias"]}
    params.api_keys = [settings["api_key"]] if settings["api_key"] else []
    params.port = settings["port"]
    params.n_parallel = settings["slots"]
    params.n_ctx = settings["slots"] * settings["context_tokens"]
    # One thread: such a model gains nothing from more, and the machine has other work.
    params.cpuparams.n_threads = 1
    params.cpuparams_batch.n_threads = 1
    params.n_threads_http = settings["http_threads"]
    params.warmup = False
    params.ui = False
    params.use_jinja = True
    params.embedding = True  # beside completions, not instead of them
    params.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    server = xllamacpp.Server(params)
    print("LISTENING", server.listening_address, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
