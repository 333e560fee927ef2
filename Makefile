# Needs Python 3.11 or newer and make; everything else is installed into .venv from deploy/locks.
# The system's own Python where it will do: distributions build theirs optimised by profile, version managers mostly
# don't, and that is a third of the speed (docs/performance.md). PYTHON=… names another.
ifndef PYTHON
PYTHON := $(shell /usr/bin/python3 -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo /usr/bin/python3 || echo python3)
endif
RUN := .venv/bin
# Three at once on two cores: the tests wait more than they work. Files stay whole (see tests/conftest.py).
WORKERS := -n 3 --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help demo up down test test-long bench chaos check lock schemas dashboard clean environment

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile

demo: environment ## Watch dossiers travel through the whole hub (DOSSIERS=200 sets how many)
	@$(RUN)/hub demo

up: environment ## Start the hub here and keep it until Ctrl-C
	@$(RUN)/hub up

down: environment ## Stop the hub that runs here
	@$(RUN)/hub down

test: environment ## Run the suite on Kafka and PostgreSQL of its own (ARGS="-k word" chooses)
	@$(RUN)/python -m pytest -m "not long" $(WORKERS) $(ARGS)

test-long: environment ## Run the long tests
	@$(RUN)/python -m pytest -m long $(ARGS)

bench: environment ## Measure speed, delays and cost; writes bench.json (SCENARIOS=all RUNS=5 ARGS="--help" choose)
	@$(RUN)/hub bench $(if $(SCENARIOS),--scenarios $(SCENARIOS)) $(if $(RUNS),--runs $(RUNS)) $(ARGS)

chaos: environment ## Hurt a hub under load and prove it whole (MINUTES=3 SEED=42 choose; the seed is printed)
	@$(RUN)/hub chaos --minutes $(or $(MINUTES),3) $(if $(SEED),--seed $(SEED))

check: environment ## Lint, types, import rules, published schemas, locks
	@$(RUN)/ruff check --quiet .
	@$(RUN)/ruff format --quiet --check .
	@$(RUN)/mypy contracts services deploy tests
	@$(RUN)/lint-imports --no-logo
	@$(RUN)/python -m hub_events.schemas --check
	@$(RUN)/python deploy/grafana/dashboard.py --check
	@$(RUN)/python -m hub_local.api_documents --check
	@$(RUN)/python -m hub_local.compatibility_gate --written
	@$(RUN)/python deploy/local/locks.py --check

lock: environment ## Resolve all locks anew
	@$(RUN)/python deploy/local/locks.py

schemas: environment ## Write event schemas, OpenAPI and AsyncAPI; refused if that breaks what is published
	@$(RUN)/python -m hub_local.compatibility_gate
	@$(RUN)/python -m hub_events.schemas
	@$(RUN)/python -m hub_local.api_documents

dashboard: environment ## Write the Grafana dashboard from the metrics there are
	@$(RUN)/python deploy/grafana/dashboard.py

clean: ## Stop the hub; remove .venv, the data in .hub and all caches
	@if [ -x $(RUN)/hub ]; then $(RUN)/hub down; fi
	@rm -rf .venv .venv.lock .hub .hub-bench .hub-chaos .hub-demo .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

environment:
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) isn't there; name one: make PYTHON=python3.12 <target>" >&2; exit 1; }
	@$(PYTHON) deploy/local/bootstrap.py
