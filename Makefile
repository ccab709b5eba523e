# All that a fresh machine needs is Python 3.11 or later and make: each target first makes .venv and installs into it
# what it uses, and does so again only when pyproject.toml has changed.

PYTHON  ?= python3
SECONDS ?= 600
TIMES   ?= 1

VENV := .venv
BIN  := $(VENV)/bin
PIP  := $(BIN)/python -m pip --disable-pip-version-check --no-input

# Real clients pull much in, so they live in places of their own.
CLIENTS := .venv-clients
MODULES := tests/clients/node_modules

# What must be covered to the last branch.
CORE  := spec stream wire upstream lint
comma := ,
empty :=
space := $(empty) $(empty)
files  = $(subst $(space),$(comma),$(1:%=src/penstock/%/*))

# The tests run on all processors, those of a file on one: they may share what was costly to make. The order stays, for
# the quickest files, those of the documentation, come last.
PARALLEL := --numprocesses=auto --dist=loadfile --no-loadscope-reorder

# What is type-checked, as far as it exists.
TYPED := $(wildcard src tests tools bench)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL: # two pips must not work on one environment

.PHONY: help setup demo test test-clients compliance lint bench bench-server comparison docs mutants fuzz clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(VENV)/.package $(VENV)/.group-dev ## create .venv with everything for development

demo: $(VENV)/.group-demo ## start the server, ask it with curl and the OpenAI SDK, and show what comes
	$(BIN)/penstock demo

test: $(VENV)/.group-test ## run the tests; every branch of the core must be reached
	$(BIN)/python -m pytest $(PARALLEL) --cov --cov-report=
	@echo "Coverage of all packages:"
	@$(BIN)/coverage report --fail-under=0
	@echo "Coverage of the core, of which nothing may be missed:"
	@$(BIN)/coverage report --include='$(call files,$(CORE))' --fail-under=100

# One target a check, so that `make --keep-going lint` reports on all of them.
lint: lint-style lint-format lint-mypy lint-pyright lint-imports lint-docs ## style, format, types, import direction, generated docs

.PHONY: lint-style lint-format lint-mypy lint-pyright lint-imports lint-docs

lint-style: $(VENV)/.group-dev
	$(BIN)/ruff check

lint-format: $(VENV)/.group-dev
	$(BIN)/ruff format --check

lint-mypy: $(VENV)/.group-dev
	$(BIN)/mypy $(TYPED)

# pyright would otherwise take the first python on PATH, and ask the network whether there is a newer pyright.
lint-pyright: $(VENV)/.group-dev
	PYRIGHT_PYTHON_IGNORE_WARNINGS=1 $(BIN)/pyright --pythonpath $(BIN)/python

lint-imports: $(VENV)/.group-dev
	$(BIN)/lint-imports --no-logo

lint-docs: $(VENV)/.group-docs
	$(BIN)/python -m tools.docs --check

test-clients: $(VENV)/.package $(CLIENTS)/.made $(MODULES)/.made ## ask the server as real clients do; TABLE=1 writes docs/clients.md
	$(BIN)/python -m tests.clients.run $(if $(TABLE),--table docs/clients.md)

compliance: $(VENV)/.package ## ask the server as the official suite does, TIMES=1; SUITE=... is a copy of it, with bun
	$(BIN)/python -m tests.clients.compliance --suite $(or $(SUITE),$(error SUITE=... is where the suite is)) --times $(TIMES)

bench: $(VENV)/.group-bench ## measure speed, beside other libraries
	$(BIN)/python -m bench

bench-server: $(VENV)/.group-bench ## measure the server beside other gateways, and 1,000 streams held for SECONDS=20
	$(BIN)/python -m bench.server --seconds $(if $(filter file,$(origin SECONDS)),20,$(SECONDS)) $(if $(RESPONSES_JS),--responses-js $(RESPONSES_JS)) $(if $(WRITE),--write $(WRITE))

comparison: $(VENV)/.group-comparison ## ask other checkers about our streams; SUITE=... is a copy of the official suite
	$(BIN)/python -m tools.comparison $(if $(SUITE),--suite $(SUITE))

docs: $(VENV)/.group-docs ## write the generated parts of the documentation
	$(BIN)/python -m tools.docs

mutants: $(VENV)/.group-test ## judge and mend every broken stream there is, not only some of each class
	PENSTOCK_MUTANTS=all $(BIN)/python -m pytest tests/lint/test_mutations.py tests/lint/test_mended_mutants.py tests/lint/test_repair.py

fuzz: $(VENV)/.group-test ## feed the parsers nonsense, for SECONDS=600
	$(BIN)/python -m tools.fuzz --seconds $(SECONDS)

clean: ## remove everything that make has made, .venv too
	rm -rf $(VENV) $(CLIENTS) $(MODULES) .bench build dist .coverage .coverage.* htmlcov
	rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The environment. Each stamp is touched last, so that an installation which broke off is done again.
# pip 25.1 is the first that knows --group.

$(VENV)/.created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo 'Penstock needs Python 3.11 or later, and "$(PYTHON)" is none. Name one: make PYTHON=python3.12 ...' >&2; \
	  exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo '"$(PYTHON)" cannot create virtual environments, since its modules venv and ensurepip are not installed.' >&2; \
	  echo 'On Debian and Ubuntu they come with: apt-get install python3-venv' >&2; \
	  exit 1; }
	$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	$(PIP) install --quiet 'pip>=25.1'
	@touch $@

$(VENV)/.package: pyproject.toml $(VENV)/.created
	$(PIP) install --quiet --editable '.[server,postgres]'
	@touch $@

$(VENV)/.group-%: $(VENV)/.package
	$(PIP) install --quiet --group $*
	@touch $@

$(CLIENTS)/.made: tests/clients/requirements.txt $(VENV)/.created
	$(PYTHON) -m venv --clear $(CLIENTS)
	$(CLIENTS)/bin/python -m pip --disable-pip-version-check --no-input install --quiet --requirement $<
	@touch $@

# Where npm, or what it wants from the network, is not to be had, the clients that need it are skipped, each by name.
$(MODULES)/.made: tests/clients/package.json
	@if npm install --prefix tests/clients --no-package-lock --no-audit --no-fund --fetch-retries=1 --loglevel=error; \
	  then touch $@; else echo 'npm installed nothing: the clients on Node.js are left out' >&2; fi
