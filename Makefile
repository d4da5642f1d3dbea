# The commands of this project. Each sets up what it needs.
# PYTHON: the one to make the virtual environment with; scripts/find_python looks for it.
VENV ?= .venv
BIN := $(VENV)/bin
ARGS ?=
A ?= HEAD
B ?= .
PIP := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: help run test conformance check bench bench-peers bench-compare fuzz soak build clean lock prices ui ui-dev test-tools
.DEFAULT_GOAL := help

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(VENV)/.run ui ## Start the gateway (ARGS="-port 9000" to pass options)
	@exec $(BIN)/ai-gateway $(ARGS)

test: $(VENV)/.dev ui-dev test-tools ## Run every test, with linter, types and import contracts among them
	@exec $(BIN)/python -m pytest -n 2 --dist worksteal $(ARGS)

conformance: $(VENV)/.dev ## Every caller on every provider: print the matrix, and write docs/conformance.md
	@exec $(BIN)/python -m pytest -n 2 --dist worksteal -q --conformance-report tests/conformance/test_matrix.py

check: $(VENV)/.dev ui-dev test-tools ## Format, lint, types, import contracts, then the tests
	@PATH="$(CURDIR)/$(BIN):$$PATH" exec scripts/check

bench: $(VENV)/.dev ## Measure: direct, nginx and ai-gateway side by side (needs nginx and wrk)
	@exec $(BIN)/python -m bench $(ARGS)

bench-peers: $(VENV)/.dev ## The same with LiteLLM's proxy and Portkey's gateway, installed where they are not
	@exec $(BIN)/python -m bench --peers $(ARGS)

bench-compare: $(VENV)/.dev ## Two revisions against each other (A=HEAD B=. by default: uncommitted work)
	@exec $(BIN)/python -m bench.compare $(A) $(B) $(ARGS)

fuzz: $(VENV)/.dev ## Damaged input for every reader, for a minute (ARGS="--seconds 600 --target stream")
	@exec $(BIN)/python -m tests.fuzz $(ARGS)

soak: $(VENV)/.dev ## 200,000 requests, a tenth of them with faults: memory flat, nothing leaked, nothing miscounted
	@exec $(BIN)/python -m tests.soak $(ARGS)

build: $(VENV)/.dev ## A wheel and an sdist in dist/
	@rm -rf dist && exec $(BIN)/python -m build --no-isolation

clean: ## Remove what the commands above have made, but no data of the gateway
	rm -rf $(VENV) dist src/ai_gateway/admin/static web/node_modules web/.cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .cache tests/e2e/node/node_modules

prices: $(VENV)/.dev ## Write the price table again, from the installed genai-prices
	@exec $(BIN)/python -m scripts.price_table

lock: ## Pin the newest releases again (needs uv)
	@exec scripts/lock

# The dashboard: built again only where its sources have changed.
ui: $(VENV)/.run
	@$(BIN)/python scripts/build_web.py

ui-dev: $(VENV)/.dev
	@$(BIN)/python scripts/build_web.py --dev

# What some tests need beside Python: installed where that is possible, else those tests are skipped.
test-tools:
	@scripts/test_tools

$(BIN)/python: PYTHON ?= $(shell scripts/find_python)
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit("ai-gateway needs Python 3.11 or newer, this is " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	@$(PYTHON) -m venv $(VENV) || { echo "no virtual environment: on Debian and Ubuntu, install python3-venv" >&2; exit 1; }

$(VENV)/.run: requirements/run.txt requirements/build.txt pyproject.toml scripts/hatch_build.py | $(BIN)/python
	@echo "installing ai-gateway into $(VENV), with $$($(BIN)/python -c 'import sys; print("Python", sys.version.split()[0])')"
	@$(PIP) install --quiet --require-hashes -r requirements/run.txt -r requirements/build.txt
	@$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m compileall -q src
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.run
	@$(PIP) install --quiet --require-hashes -r requirements/dev.txt -r requirements/build.txt
	@touch $@
