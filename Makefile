# Everything a person or CI does here. `make` alone lists it.

SHELL := /bin/sh
.DEFAULT_GOAL := help

# The interpreter that makes .venv; without one given, the first on PATH that is new enough.
PYTHON ?=
# More words for the command behind a target: make test ARGS="-k journal"
ARGS ?=

VENV := .venv
IN := $(VENV)/bin/python
# The name holds what was installed, and where: another lock, another project file or a moved folder installs anew.
READY := $(VENV)/.ready-$(firstword $(shell { pwd; cat pyproject.toml requirements/dev.lock; } | cksum))
UV_COMPILE := uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header
# The solvers that ours are measured against, away from .venv.
PEERS := build/peers
PEERS_READY := $(PEERS)/.ready-$(firstword $(shell { pwd; cat requirements/bench.lock; } | cksum))

NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: setup
setup: $(READY) ## Make .venv with the pinned packages and Kyanite in it (PYTHON=python3.12 to choose)
	@echo "$(VENV) is ready."

$(READY):
	@set -e; found=; \
	for python in $(or $(PYTHON),python3 python3.14 python3.13 python3.12 python3.11); do \
	    "$$python" -c '$(NEW_ENOUGH)' 2>/dev/null && found=$$python && break; \
	done; \
	if [ -z "$$found" ]; then \
	    echo "Kyanite needs Python 3.11 or later. Tried: $(or $(PYTHON),python3 and python3.11 to python3.14)." >&2; \
	    echo "Name one that is new enough: make $(or $(MAKECMDGOALS),setup) PYTHON=/path/to/python3" >&2; \
	    exit 1; \
	fi; \
	if [ -x $(IN) ] && ! $(IN) -c '$(NEW_ENOUGH)'; then \
	    echo "$(VENV) holds a Python before 3.11: remove it (make clean) and call again." >&2; \
	    exit 1; \
	fi; \
	rm -f $(VENV)/.ready-*; \
	[ -x $(IN) ] && $(IN) -m pip --version >/dev/null 2>&1 || "$$found" -m venv --clear $(VENV) || { \
	    echo "$$found can not make a virtual environment: install its venv package (python3-venv on Debian)." >&2; \
	    exit 1; \
	}; \
	echo "Installing the pinned packages into $(VENV) ..."; \
	$(IN) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.lock; \
	$(IN) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .; \
	touch $@

# Workers would compile them too, but nobody would see how far that is, and a test would not wait for it.
.PHONY: kernels
kernels: $(READY) ## Compile the solvers' kernels into the cache folder, once for each version (minutes)
	@$(IN) -m kyanite_providers.local.compilation

.PHONY: run
run: kernels ## Solve the shipped max-cut problem, from submit to result
	@$(IN) examples/maxcut.py $(ARGS)

.PHONY: serve
serve: kernels ## Serve the workspace over HTTP, for Azure Quantum's clients (ARGS="--listen 127.0.0.1:9000")
	@$(IN) -m kyanite serve $(ARGS)

.PHONY: test
test: kernels ## Run every test but the benchmarks (ARGS="-k journal -x")
	@$(IN) -m pytest $(ARGS)

.PHONY: check
check: $(READY) ## Style, format, types, import contracts and the house's own rules
	@$(IN) -m ruff check .
	@$(IN) -m ruff format --check .
	@$(IN) -m mypy
	@$(IN) -c 'from importlinter.cli import lint_imports_command; lint_imports_command()' --no-cache --no-logo
	@$(IN) -m pytest -q tests/house --ignore=tests/house/test_readme.py --ignore=tests/house/test_site.py

.PHONY: bench
bench: kernels ## Measure, with the floors in the same run (ARGS=--help for the choices)
	@$(IN) -m tests.bench $(ARGS)

.PHONY: bench-http
bench-http: kernels ## Measure the daemon from another process, beside bare routes and plain copies (ARGS="jobs --quick")
	@$(IN) -m tests.bench.http $(ARGS)

.PHONY: bench-hooks
bench-hooks: $(READY) ## Measure webhooks on loopback, and kill the daemon while it delivers (ARGS="rates --quick")
	@$(IN) -m tests.bench.hooks $(ARGS)

.PHONY: bench-kernels
bench-kernels: $(READY) $(PEERS_READY) ## Measure the solvers against their peers (ARGS="unit dense --quick")
	@BENCH_PEERS=$(CURDIR)/$(PEERS)/bin/python $(IN) -m tests.bench.kernels $(ARGS)

$(PEERS_READY): | $(READY)
	@echo "Installing the peers into $(PEERS) ..."
	@$(IN) -m venv --clear $(PEERS)
	@$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bench.lock
	@touch $@

REPORT := build/reliability.jsonl
PROOFS := tests/simulation tests/crashes tests/power_loss tests/fuzz tests/resources tests/models tests/mutation tests/http/robustness
COVERED := tests/core tests/faces tests/runtime tests/stores tests/models tests/testing tests/optimization tests/plots/test_job.py
FLOORS := --include='*/kyanite/core/*,*/kyanite/runtime/*'

.PHONY: coverage
coverage: kernels ## Branch coverage of core/ and runtime/, with what is missed
	@mkdir -p build
	@COVERAGE_FILE=build/.coverage $(IN) -m pytest -q -n 2 $(COVERED) --cov --cov-report=
	@COVERAGE_FILE=build/.coverage $(IN) -m coverage json -q -o build/coverage.json
	@COVERAGE_FILE=build/.coverage $(IN) -m coverage report $(FLOORS)

.PHONY: reliability-ci
reliability-ci: coverage ## The proofs of reliability in their bounded form, and their table
	@rm -f $(REPORT)
	@RELIABILITY=ci RELIABILITY_REPORT=$(CURDIR)/$(REPORT) $(IN) -m pytest -q -n 2 --dist worksteal $(PROOFS)
	@RELIABILITY=ci $(IN) -m tests.reliability_table $(REPORT) --coverage build/coverage.json

.PHONY: reliability
reliability: reliability-ci ## The same, and write the table into the README
	@RELIABILITY=ci $(IN) -m tests.reliability_table $(REPORT) --coverage build/coverage.json --write README.md

.PHONY: soak
soak: coverage ## The proofs in full: hours
	@rm -f $(REPORT)
	@RELIABILITY=soak RELIABILITY_REPORT=$(CURDIR)/$(REPORT) $(IN) -m pytest -n 2 --dist worksteal $(PROOFS)
	@RELIABILITY=soak $(IN) -m tests.reliability_table $(REPORT) --coverage build/coverage.json

.PHONY: docs
docs: $(READY) ## Write the generated parts of the pages, and build the site into build/site
	@$(IN) -m tests.house.generate
	@$(IN) -m sphinx -q -W --keep-going -b html -d build/doctrees docs build/site
	@echo "The site: build/site/index.html"

.PHONY: wheel
wheel: $(READY) ## Build the wheel, install it in an environment of its own and run a job there
	@rm -rf dist
	@$(IN) -m hatchling build --target wheel --directory dist
	@$(IN) tests/house/wheel_smoke.py dist/*.whl

.PHONY: lock
lock: ## Pin the newest allowed versions, for every platform and Python (needs uv)
	@$(UV_COMPILE) pyproject.toml --upgrade --output-file requirements/runtime.lock
	@$(UV_COMPILE) pyproject.toml --upgrade --group dev --constraint requirements/runtime.lock --output-file requirements/dev.lock
	@$(UV_COMPILE) --upgrade --group bench --output-file requirements/bench.lock

.PHONY: clean
clean: ## Remove .venv, built files and caches
	@rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .coverage htmlcov
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
