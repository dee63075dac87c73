# MemoryBank: what a user and a developer run. `make help` lists it.

PYTHON ?= python3
RUN := .venv/bin/python
# Which Kubernetes: local (our own node), kind, or current (your kubeconfig's context). Empty: kind if Docker answers, else local.
export CLUSTER
# Which Kubernetes the operator's tests run against, of those pinned in e2e/cluster/tools: 1.36.3 (default), 1.35.4, 1.37.2.
export K8S

.PHONY: help setup prerequisites demo down test test-unit test-service test-operator test-cluster test-e2e lint format generate lock release bench

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## .venv with the three packages, and the embedding model
	@PYTHON=$(PYTHON) scripts/setup.sh

# The Debian packages of the local cluster; nothing where it is not the one that is meant.
prerequisites: setup
	@case "$${CLUSTER:-$$(docker version >/dev/null 2>&1 && echo kind || echo local)}" in \
	    local) e2e/cluster/prerequisites.sh ;; \
	esac

demo: prerequisites ## A Kubernetes, the operator, a tenant, a memory stored and found again
	@$(RUN) -m e2e.demo

down: ## Ends what demo and test started; keeps the caches
	@if [ -x $(RUN) ]; then $(RUN) -m e2e.cluster down; fi

test: prerequisites ## Every test
	$(RUN) -m pytest tests
	$(RUN) -m pytest e2e

test-unit: setup ## The quick tests: no process, API server or node
	$(RUN) -m pytest tests -m "not process and not plane and not node"

test-service: setup ## The memory service and its client, also as a process
	$(RUN) -m pytest tests/service tests/client

test-operator: setup ## The operator and the chart on a real API server
	$(RUN) -m pytest tests/operator tests/chart

test-cluster: prerequisites ## The cluster itself
	$(RUN) -m pytest tests/cluster

test-e2e: prerequisites ## A tenant's life on a real node
	$(RUN) -m pytest e2e

lint: setup ## Format, types, import layers, chart, generated files
	@scripts/lint.sh

format: setup ## Formats the code
	$(RUN) -m ruff format . && $(RUN) -m ruff check --fix .

generate: setup ## Writes what is generated: crds/, the chart's copy, docs/tenant.md, docs/api.md
	@scripts/generate.sh

lock: setup ## Compiles requirements/*.txt after a change of dependencies
	@PATH="$(CURDIR)/.venv/bin:$$PATH" requirements/compile.sh

release: prerequisites ## dist/VERSION: chart, CRDs, images with their bills of materials, the client, SHA256SUMS
	@$(RUN) -m scripts.release

bench: prerequisites ## The benchmarks; results in bench/results/
	@$(RUN) -m bench
