# `make` alone says what there is.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
BIN := $(or $(VENV),.venv)/bin
PACKAGES := pki ca cardio verifier transparency enrollment web cli
JOBS ?= 2
OUT ?= var/demo
SERVE ?= var/serve
LISTEN ?= 127.0.0.1:8080

.PHONY: help
help: ## what there is
	@echo 'Jitsuin: an open public-key identity and trust-anchor service'
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo '  Start with: make demo. It sets up what it needs by itself.'

.PHONY: setup
setup: ## everything that tests and demo need: Debian packages, a virtual environment, the command jitsuin
	@scripts/setup

.PHONY: demo
demo: ## one person's whole story through a real card stack; leaves var/demo/report.html
	@scripts/setup --for demo
	@$(BIN)/jitsuin demo --out $(OUT)

.PHONY: serve
serve: ## a lasting instance in var/serve with a few synthetic people; prints its addresses
	@scripts/setup --for serve
	@scripts/serve $(SERVE) $(LISTEN)

.PHONY: check
check: format-check lint types test ## format, lint, strict types, tests: what CI runs

.PHONY: test
test: ## the tests, without the long suites; those in a browser by themselves, for its driver keeps an event loop running
	@scripts/setup
	$(BIN)/pytest -n $(JOBS) -q -m 'not slow and not browser'
	$(BIN)/pytest -n $(JOBS) -q --dist loadfile -m 'browser and not slow'

.PHONY: test-slow
test-slow: ## the long suites
	@scripts/setup
	$(BIN)/pytest -n $(JOBS) -q -m slow

.PHONY: format
format: ## write the code as ruff would
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: format-check
format-check:
	@scripts/setup
	$(BIN)/ruff format --check .

.PHONY: lint
lint:
	$(BIN)/ruff check .

.PHONY: types
types:
	$(BIN)/mypy $(PACKAGES) tests/support tests/conftest.py

.PHONY: compile
compile: ## the hot modules (verifier, issuing, fast responder) in C, by mypyc: everything works without, more slowly
	@scripts/setup
	@$(BIN)/python scripts/compile.py

.PHONY: bench
bench: ## how fast, beside what others make; what is printed is kept in var/bench
	@scripts/setup
	@$(BIN)/python scripts/compile.py || true
	@$(BIN)/python -m bench

.PHONY: fixtures
fixtures: ## remake the test data that is made here; git diff must stay empty
	$(BIN)/python fixtures/build.py

.PHONY: lock
lock: ## choose versions again within pyproject.toml; keeps those of requirements.lock that still fit
	@test -x var/lock/bin/uv || { /usr/bin/python3 -m venv var/lock && var/lock/bin/pip install -q uv==0.13.9; }
	var/lock/bin/uv pip compile pyproject.toml --extra dev --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --no-annotate --no-header --quiet -o requirements.lock

.PHONY: clean
clean: ## remove what was made, except the virtual environment
	rm -rf var build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find $(PACKAGES) tests -name __pycache__ -prune -exec rm -rf {} +
