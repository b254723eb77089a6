# `make run` and `make test` are all a fresh machine needs: Python 3.11+, Node 20+ and make. `make help` lists the rest.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
export UV_PYTHON_DOWNLOADS := never
# Where it is set, every process compiles every module that it reads: three seconds each time.
unexport PYTHONDONTWRITEBYTECODE

PYTHON ?= python3
UV := .tools/bin/uv
BIN := .venv/bin
WEB_SOURCES := $(shell find web -path web/node_modules -prune -o -path web/dist -prune -o -path web/src/api/generated -prune -o -type f -print 2>/dev/null)

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

.PHONY: run
run: setup build ## Serve at http://localhost:8000, on SQLite under ./data
	$(BIN)/penstock serve

.PHONY: setup
setup: .stamps/runtime .stamps/node .stamps/sandbox ## Install what the product needs, into this folder; as root, packages of sandboxes into /var/cache

.PHONY: build
build: .stamps/web ## Build the web app

.PHONY: wheel
wheel: setup build ## Build an installable wheel, the web app in it, into dist/
	$(UV) build --quiet --wheel --no-build-isolation --python $(BIN)/python --out-dir dist

.PHONY: test
test: setup-test build ## Run all tests of a change, installing what they need
	$(BIN)/pytest
	npm --prefix web test

.PHONY: test-full
test-full: test ## Run the long tests as well
	$(BIN)/pytest -m "" tests

.PHONY: check
check: setup-test build ## Check format, lint, types, import contracts, documents
	@$(MAKE) --no-print-directory --output-sync=target --jobs=2 check-types check-web check-python

.PHONY: check-types
check-types:
	web/node_modules/.bin/pyright --project pyproject.toml

.PHONY: check-python
check-python:
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/lint-imports
	$(BIN)/penstock openapi | diff -u protocol/openapi.json - || { echo "protocol/openapi.json is old: run make openapi"; exit 1; }

.PHONY: check-web
check-web:
	npm --prefix web run --silent format:check
	npm --prefix web run --silent lint
	npm --prefix web run --silent typecheck
	npm --prefix web run --silent knip
	npm --prefix web run --silent size

.PHONY: format
format: setup-test ## Format everything
	$(BIN)/ruff check --fix-only --quiet
	$(BIN)/ruff format
	npm --prefix web run --silent format

.PHONY: openapi
openapi: setup ## Write the OpenAPI document that the web client is made from
	$(BIN)/penstock openapi > protocol/openapi.json

.PHONY: bench
bench: setup-test .stamps/bench build ## Measure, and write bench/results/
	PYTHONPATH=tests $(BIN)/python -m bench

.PHONY: bench-web
bench-web: setup-test build ## Measure the web app in a browser (half an hour), and write bench/results/web.json
	PYTHONPATH=tests $(BIN)/python -m bench.web

.PHONY: screens
screens: setup-test build ## Take pictures of every page, and put them into docs/screens/
	PYTHONPATH=tests $(BIN)/python -m acceptance.screens

.PHONY: crash
crash: setup-test build ## Kill everything in mid-answer, at full size (an hour), and write bench/results/crash.json
	PYTHONPATH=tests $(BIN)/python -m acceptance.crash

.PHONY: lock
lock: .stamps/uv ## Resolve the Python dependencies again (versions at least three days old)
	scripts/lock.sh

.PHONY: clean
clean: ## Remove what was installed and built; ./data stays
	rm -rf .venv .tools .stamps web/node_modules tests/conformance/node_modules tests/bench/node_modules web/dist web/src/api/generated

.PHONY: setup-test
setup-test: .stamps/test .stamps/conformance
	@scripts/services.sh
	@$(MAKE) --no-print-directory setup

.stamps/uv: requirements/bootstrap.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -m pip --version >/dev/null || { echo "pip is needed for $(PYTHON): on Debian, apt install python3-pip"; exit 1; }
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --root-user-action ignore --upgrade --target .tools --require-hashes -r requirements/bootstrap.lock
	@mkdir -p .stamps && touch $@

.stamps/runtime: .stamps/uv requirements/runtime.lock pyproject.toml
	$(UV) venv --quiet --allow-existing --python $(PYTHON) .venv
	$(UV) pip install --quiet --require-hashes -r requirements/runtime.lock
	$(UV) pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

# Where there is no sound sandbox, it is said why, and tried again the next time.
.stamps/sandbox: .stamps/runtime .stamps/node $(wildcard src/penstock/sandbox/stacks/*/*)
	@if $(BIN)/penstock sandbox check >/dev/null; then $(BIN)/penstock sandbox prepare >/dev/null && touch $@; else $(BIN)/penstock sandbox check || true; fi

.stamps/conformance: tests/conformance/package.json tests/conformance/package-lock.json
	npm --prefix tests/conformance ci --no-audit --no-fund --loglevel=error
	@mkdir -p .stamps && touch $@

.stamps/bench: .stamps/test requirements/bench.lock tests/bench/package.json tests/bench/package-lock.json
	$(UV) pip install --quiet --require-hashes -r requirements/bench.lock
	npm --prefix tests/bench ci --no-audit --no-fund --loglevel=error
	@mkdir -p .stamps && touch $@

.stamps/test: .stamps/runtime requirements/dev.lock
	$(UV) pip install --quiet --require-hashes -r requirements/dev.lock
	@touch $@

.stamps/node: web/package.json web/package-lock.json
	@node -e 'process.exit(Number(process.versions.node.split(".")[0]) < 20 ? 1 : 0)' || { echo "Node 20 or newer is needed."; exit 1; }
	npm --prefix web ci --no-audit --no-fund --loglevel=error
	@mkdir -p .stamps && touch $@

.stamps/generated: .stamps/node protocol/openapi.json
	npm --prefix web run --silent generate
	@touch $@

.stamps/web: .stamps/generated $(WEB_SOURCES)
	npm --prefix web run --silent build
	@touch $@
